"""Putting one part in the place of others, so that a crash at any moment loses nothing and doubles nothing.

The rows are written to a hidden file and read back. Then `.compaction.json` says which part is going to stand for
which, the file is given its name, the originals are deleted (or go to the quarantine), and `.compaction.json` goes.
Readers that find it use the replacement if it is there, else the originals; `recover` finishes what was interrupted, or
undoes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import PurePosixPath
from typing import BinaryIO

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from quantai.core.errors import StoreError
from quantai.events.persistence.maintenance.fingerprint import Digest
from quantai.events.persistence.maintenance.row_writer import write_rows
from quantai.events.persistence.maintenance.rows import batch_rows
from quantai.events.persistence.maintenance.survey import QUARANTINE, WORKSHOP
from quantai.events.persistence.parts import Part, naming, part_name
from quantai.events.persistence.schema import arrow_schema, event_class
from quantai.events.persistence.storage import Storage
from quantai.events.persistence.store import COMPACTION, Compaction
from quantai.events.persistence.times import utc_date


class Commit(Compaction, frozen=True):
    """What `.compaction.json` says: the names, the digest of the replacement, and what becomes of the originals."""

    digest: str
    keep_originals: bool = False


class Recovery(StrEnum):
    """What became of an interrupted replacement."""

    FINISHED = "finished"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Staged:
    """Rows of one stream in a hidden file, read back and found to be what was written."""

    path: PurePosixPath
    digest: Digest
    start_ns: int
    end_ns: int


def stage(storage: Storage, original: Part, batches: Iterator[pa.RecordBatch]) -> Staged:
    """Write rows, sorted by `ts_init`, as they will replace `original`. Raises `StoreError`, `OSError`."""
    cls = event_class(original.type)
    path = WORKSHOP / original.relative.with_suffix(".staged")
    written = Digest()

    def counted() -> Iterator[pa.RecordBatch]:
        for rows in batches:
            written.add(rows)
            yield rows

    def write(file: BinaryIO) -> None:
        write_rows(file, arrow_schema(cls), counted())

    storage.delete(path)
    storage.create(path, write)
    read, start_ns, end_ns = read_back(storage, path)
    if read != written:
        storage.delete(path)
        raise StoreError(
            f"{storage.display(path)} was read back with other rows than were written: {read}, not {written}"
        )
    return Staged(path, read, start_ns, end_ns)


def read_back(storage: Storage, path: PurePosixPath) -> tuple[Digest, int, int]:
    """What is in a file, and its first and last time. Raises `StoreError` for one damaged, empty or not in order."""
    digest, edges = Digest(), [np.zeros(0, np.int64)]
    with naming(storage.display(path)), storage.open(path) as source:
        file = pq.ParquetFile(source, page_checksum_verification=True)
        for rows in file.iter_batches(batch_rows(file.metadata), use_threads=False):
            times = rows.column("ts_init").to_numpy()
            if np.any(np.diff(np.concatenate([edges[-1][-1:], times])) < 0):
                raise ValueError("its rows are not in order of ts_init")
            digest.add(rows)
            edges = [edges[0] if len(edges[0]) else times[:1], times[-1:]]
        if not digest.rows:
            raise ValueError("it has no rows")
    return digest, int(edges[0][0]), int(edges[1][0])


def replace(staged: Staged, originals: Sequence[Part], *, keep_originals: bool = False) -> Part:
    """Let what is staged stand for `originals`, all in one folder, which are deleted or (`keep`) go to the quarantine.

    Raises `StoreError` where another replacement in that folder is not finished, `OSError` where storage fails; the
    folder is then as before, or `recover` brings it in order.
    """
    first = originals[0]
    storage, folder = first.storage, first.relative.parent
    number = next(
        number for number in count() if not storage.find(folder / part_name(staged.start_ns, staged.end_ns, number))
    )
    name = part_name(staged.start_ns, staged.end_ns, number)
    commit = Commit(name, [part.relative.name for part in originals], str(staged.digest), keep_originals)
    content = msgspec.json.encode(commit)
    if not storage.create(folder / COMPACTION, lambda file: file.write(content)):
        raise StoreError(f"{storage.display(folder)} has an unfinished compaction: `quantai data repair` finishes it")
    try:
        storage.move(staged.path, folder / name)
    except FileExistsError:
        storage.delete(folder / COMPACTION)
        raise
    except OSError:
        recover(storage, folder)
        raise
    _finish(storage, folder, commit)
    return Part(storage, folder / name, first.stream, utc_date(staged.start_ns), staged.start_ns, staged.end_ns, number)


def recover(storage: Storage, folder: PurePosixPath) -> Recovery:
    """Finish or undo the replacement whose `.compaction.json` lies in `folder`.

    Raises `StoreError` where neither can be done without losing rows.
    """
    commit = read_commit(storage, folder)
    replacement = folder / commit.replacement
    if storage.find(replacement) is None:
        storage.delete(folder / COMPACTION)
        return Recovery.UNDONE
    try:
        is_intact = str(read_back(storage, replacement)[0]) == commit.digest
        is_readable = True
    except StoreError:
        is_intact = is_readable = False
    missing = [name for name in commit.originals if storage.find(folder / name) is None]
    if is_intact:
        _finish(storage, folder, commit)
        return Recovery.FINISHED
    if missing:
        raise StoreError(
            f"{storage.display(replacement)} is not what it should be, and {len(missing)} of the parts it stands for "
            "are gone: keep the folder as it is, and take the parts from a backup"
        )
    if not is_readable:  # a sound part of other rows only happens to have the name
        quarantine(storage, replacement)
    storage.delete(folder / COMPACTION)
    return Recovery.UNDONE


def read_commit(storage: Storage, folder: PurePosixPath) -> Commit:
    """The `.compaction.json` of a folder. Raises `StoreError`."""
    path = folder / COMPACTION
    try:
        return msgspec.json.decode(storage.read_bytes(path), type=Commit)
    except (OSError, msgspec.MsgspecError) as error:
        raise StoreError(f"{storage.display(path)} cannot be read as the record of a compaction: {error}") from error


def quarantine(storage: Storage, path: PurePosixPath) -> PurePosixPath:
    """Move a file to `.quarantine/`, under the path it had; where it lies now."""
    for number in count():
        to = QUARANTINE / path.parent / f"{path.name}{f'.{number}' if number else ''}"
        try:
            storage.move(path, to)
        except FileExistsError:
            continue
        return to
    raise AssertionError


def _finish(storage: Storage, folder: PurePosixPath, commit: Commit) -> None:
    for name in commit.originals:
        if not commit.keep_originals:
            storage.delete(folder / name)
        elif storage.find(folder / name):
            quarantine(storage, folder / name)
    storage.delete(folder / COMPACTION)
