"""Journals: files that grow by whole frames, so that what was once synced is never lost or hidden by what comes after.

A journal is a sequence of frames, each of a head (lengths and checksums), a short meta in JSON, and a body; head and
body begin at multiples of 64 bytes. The first frame is the `Header`, those with rows follow, and a recorder that
stopped in good order ends its last journal with an empty one. A frame with rows stands for itself: `Rows` in its meta,
an Arrow IPC stream of the columns in its body, stream by stream. So damage costs the frame it is in, and no other.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import pyarrow as pa

from quantai.events.persistence.parts import Stream
from quantai.events.persistence.schema import SCHEMA_VERSION
from quantai.events.persistence.storage import sync_folder

FORMAT_VERSION = 1
JOURNAL_SUFFIX = ".journal"

_MAGIC = b"QAJ\x01"
_HEAD = struct.Struct("<4sB3xIQIII")  # magic, kind, bytes of meta and body, CRC-32 of meta, of body, of what is before
_ALIGNMENT = 64
_HEADER, _ROWS, _END = 1, 2, 3
_MAX_META_BYTES = 1 << 28
_SCAN_BYTES = 1 << 20

Bytes = bytes | memoryview


class Header(msgspec.Struct, frozen=True):
    """Whose journal this is. `streams` are all that the recorder had seen before, each with its last `ts_init`."""

    session: str
    sequence: int
    recorder: str
    opened_ns: int
    streams: list[tuple[str, str, str, int]]
    format: int = FORMAT_VERSION
    schema_version: int = SCHEMA_VERSION


class Rows(msgspec.Struct, frozen=True):
    """What is in a frame: for each stream its venue and symbol, how many rows, and the last `ts_init` of them."""

    type: str
    first_ns: int
    last_ns: int
    streams: list[tuple[str, str, int, int]]

    @property
    def count(self) -> int:
        """All rows of the frame."""
        return sum(rows for _, _, rows, _ in self.streams)


class Frame(NamedTuple):
    """A frame in a file, from `offset` to `end`; `is_intact` says that its body is as it was written."""

    kind: int
    meta: bytes
    offset: int
    body: int
    body_bytes: int
    end: int
    is_intact: bool


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a journal that cannot be read, with the rows that were in them where that is known."""

    offset: int
    size: int
    rows: Rows | None
    is_tail: bool


@dataclass(slots=True)
class Journal:
    """What a journal file holds. `header` is None where it cannot be read; `is_ended` says that the recorder stopped in
    good order with it. Of a journal that a newer QuantAI wrote (`is_newer`) nothing but the header is known.
    """

    path: Path
    header: Header | None = None
    frames: list[tuple[Rows, Frame]] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
    is_ended: bool = False

    @property
    def id(self) -> str:
        """Names the journal for ever: session and number, which are where it lies."""
        return f"{self.path.parent.name}-{self.path.stem.lstrip('0')}"

    @property
    def recorder(self) -> str:
        """Who wrote it."""
        return self.header.recorder if self.header else "recorder"

    @property
    def is_newer(self) -> bool:
        """Whether it takes a newer QuantAI to read this."""
        header = self.header
        return header is not None and (header.format > FORMAT_VERSION or header.schema_version > SCHEMA_VERSION)

    def tables(self, type_name: str) -> Iterator[tuple[Rows, pa.Table]]:
        """The rows of one type, frame by frame. Raises `OSError`, `pa.ArrowInvalid`."""
        with self.path.open("rb") as file:
            for rows, frame in self.frames:
                if rows.type == type_name:
                    yield rows, pa.ipc.open_stream(pa.py_buffer(_read(file, frame.body, frame.body_bytes))).read_all()

    def last_times(self) -> dict[Stream, int]:
        """The last `ts_init` of every stream that the recorder had seen at the end of this journal."""
        header = self.header.streams if self.header else []
        times = {Stream(type_name, venue, symbol): last_ns for type_name, venue, symbol, last_ns in header}
        for rows, _ in self.frames:
            for venue, symbol, _, last_ns in rows.streams:
                stream = Stream(rows.type, venue, symbol)
                times[stream] = max(times.get(stream, 0), last_ns)
        return times


class JournalWriter:
    """A journal that is being written; `size` is how much of it is whole and on the disk.

    A failed `append` leaves nothing of itself behind, so that it may be repeated.
    """

    def __init__(self, path: Path, header: Header) -> None:
        """Create the file, whole with its header or not at all. Raises `OSError`."""
        self.path = path
        self.size = 0
        self._is_torn = False
        temporary = path.with_name(f".{path.name}")
        self._descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            self.append(_frame(_HEADER, msgspec.json.encode(header)))
            temporary.rename(path)
            sync_folder(path.parent)
        except BaseException:
            os.close(self._descriptor)
            with suppress(OSError):
                temporary.unlink()
            raise
        self.empty_size = self.size

    def append(self, frames: Sequence[Bytes]) -> None:
        """Write `frames` and wait until they are on the disk. Raises `OSError`."""
        self.cut()
        self._is_torn = True
        try:
            end = self.size
            for piece in frames:
                end = _write(self._descriptor, piece, end)
            os.fsync(self._descriptor)
        except BaseException:
            with suppress(OSError):
                self.cut()
            raise
        self.size = end
        self._is_torn = False

    def end(self) -> None:
        """Say that the recorder stopped in good order. Raises `OSError`."""
        self.append(_frame(_END, b"{}"))

    def cut(self) -> None:
        """Remove what a failed `append` left. Raises `OSError`."""
        if self._is_torn:
            os.ftruncate(self._descriptor, self.size)
            self._is_torn = False

    def is_there(self) -> bool:
        """Whether the file still has its name: rows that are added to a deleted one are lost."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Write no more."""
        os.close(self._descriptor)


def rows_frame(rows: Rows, table: pa.Table) -> list[Bytes]:
    """The frame of `table`, in pieces."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return _frame(_ROWS, msgspec.json.encode(rows), memoryview(sink.getvalue()))


def read_journal(path: Path) -> Journal:
    """Look through a journal, checking everything but decoding no rows. Raises `OSError` where the disk fails."""
    journal = Journal(path)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        offset = 0
        while offset < size:
            frame = _frame_at(file, offset, size)
            end = frame.end if frame else _next_frame(file, offset + _ALIGNMENT, size)
            rows = msgspec.json.decode(frame.meta, type=Rows) if frame and frame.kind == _ROWS else None
            if frame is None or not frame.is_intact:
                journal.damages.append(Damage(offset, end - offset, rows, end >= size))
            elif rows is not None:
                journal.frames.append((rows, frame))
            elif frame.kind == _HEADER:
                journal.header = msgspec.json.decode(frame.meta, type=Header)
                if journal.is_newer:
                    break
            journal.is_ended = frame is not None and frame.kind == _END
            offset = end
    return journal


def _frame(kind: int, meta: bytes, body: Bytes = b"") -> list[Bytes]:
    body_bytes = len(memoryview(body))
    head = _HEAD.pack(_MAGIC, kind, len(meta), body_bytes, zlib.crc32(meta), zlib.crc32(body), 0)
    head = head[:-4] + zlib.crc32(head[:-4]).to_bytes(4, "little")
    pad = _aligned(len(head) + len(meta)) - len(head) - len(meta)
    return [head + meta + bytes(pad), body, bytes(_aligned(body_bytes) - body_bytes)]


def _frame_at(file: BinaryIO, offset: int, size: int) -> Frame | None:
    """The frame at `offset`, None where head or meta is not one; one whose body is cut ends with the file."""
    head = _read(file, offset, _HEAD.size)
    if len(head) < _HEAD.size or head[:4] != _MAGIC:
        return None
    _, kind, meta_bytes, body_bytes, meta_crc, body_crc, head_crc = _HEAD.unpack(head)
    if zlib.crc32(head[:-4]) != head_crc or meta_bytes > _MAX_META_BYTES:
        return None
    meta = _read(file, offset + _HEAD.size, meta_bytes)
    if zlib.crc32(meta) != meta_crc or len(meta) < meta_bytes:
        return None
    body = offset + _aligned(_HEAD.size + meta_bytes)
    is_intact = body + body_bytes <= size and _checksum(file, body, body_bytes) == body_crc
    return Frame(kind, meta, offset, body, body_bytes, min(size, body + _aligned(body_bytes)), is_intact)


def _next_frame(file: BinaryIO, offset: int, size: int) -> int:
    """Where the next readable frame begins, `size` where there is none."""
    while offset < size:
        chunk = _read(file, offset, _SCAN_BYTES)
        position = chunk.find(_MAGIC)
        while position >= 0:
            if (offset + position) % _ALIGNMENT == 0 and _frame_at(file, offset + position, size):
                return offset + position
            position = chunk.find(_MAGIC, position + 1)
        offset += _SCAN_BYTES
    return size


def _checksum(file: BinaryIO, offset: int, size: int) -> int:
    """In pieces, so that a length that is wrong does not fill the memory."""
    checksum = 0
    for position in range(offset, offset + size, _SCAN_BYTES):
        checksum = zlib.crc32(_read(file, position, min(_SCAN_BYTES, offset + size - position)), checksum)
    return checksum


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _write(descriptor: int, data: Bytes, offset: int) -> int:
    """Write all of `data`; where it ends."""
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest = rest[written:]
        offset += written
    return offset


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
