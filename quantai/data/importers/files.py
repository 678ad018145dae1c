"""Reading import files: plain, gzip or a zip of one file, in blocks of whole lines and in constant memory."""

from __future__ import annotations

import csv
import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self, cast

from quantai.core.errors import StoreError

BLOCK_BYTES = 8 * 2**20
HEAD_BYTES = 2**20
_BOM = b"\xef\xbb\xbf"
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK"


@dataclass(frozen=True, slots=True)
class FileHead:
    """What a format is recognised by: the file's name and its first lines, of which there is one at least."""

    path: Path
    lines: tuple[str, ...]

    @property
    def name(self) -> str:
        """The file's name without folder."""
        return self.path.name

    def fields(self, delimiter: str = ",") -> list[str]:
        """The texts of the first line."""
        return [field.strip() for field in next(csv.reader(self.lines, delimiter=delimiter))]


class SourceFile:
    """One file being read; what it is packed in is told by its first bytes, not by its name.

    Raises `StoreError` where it cannot be read, is cut short, or is a zip of several files.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        with self._resources:
            try:
                self._raw: IO[bytes] = self._resources.enter_context(self._path.open("rb"))
                self._stream = self._unpacked()
            except (OSError, RuntimeError, zipfile.BadZipFile) as error:
                raise self._unreadable(error) from error
            self._resources = self._resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def position(self) -> int:
        """Bytes of the file on disk consumed so far."""
        return self._raw.tell()

    @property
    def unpacked_digest(self) -> str | None:
        """SHA-256 of what was read so far, None for a plain file, whose content is what lies on disk."""
        return None if self._stream is self._raw else self._digest.hexdigest()

    def blocks(self, size: int) -> Iterator[bytes]:
        """The content in blocks of whole lines of about `size` bytes; no line may be longer than that."""
        rest = self._read(size).removeprefix(_BOM)
        while rest:
            cut = rest.rfind(b"\n") + 1
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
            elif len(rest) >= size:
                raise StoreError(
                    f"{self._path}: a line is longer than {size:,} bytes; this is not a CSV of market data"
                )
            more = self._read(size)
            if not more:
                break
            rest += more
        if rest:
            yield rest

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except (OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
            raise self._unreadable(error) from error
        if self._stream is not self._raw:
            self._digest.update(data)
        return data

    def _unpacked(self) -> IO[bytes]:
        magic = self._raw.read(2)
        self._raw.seek(0)
        if magic == _GZIP_MAGIC:
            return cast(IO[bytes], self._resources.enter_context(gzip.GzipFile(fileobj=self._raw)))
        if magic == _ZIP_MAGIC:
            archive = self._resources.enter_context(zipfile.ZipFile(self._raw))
            return self._resources.enter_context(archive.open(self._only_member(archive)))
        return self._raw

    def _only_member(self, archive: zipfile.ZipFile) -> str:
        members = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
        if len(members) != 1:
            held = ", ".join(members[:5]) or "nothing"
            raise StoreError(
                f"{self._path}: a zip must hold one file, this one holds {held}; unpack it and import the files"
            )
        return members[0]

    def _unreadable(self, error: Exception) -> StoreError:
        return StoreError(f"{self._path}: cannot be read ({error}); is it there, readable and complete?")


def file_digest(path: Path) -> str:
    """SHA-256 of the file as it lies on disk."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error})") from error


def read_head(path: Path) -> FileHead:
    """The first lines of a file, unpacked. Raises `StoreError` where it cannot be read or has none."""
    with SourceFile(path) as source:
        block = next(source.blocks(HEAD_BYTES), b"")
    lines = tuple(block[:HEAD_BYTES].decode("utf-8", "replace").splitlines()[:3])
    if not lines:
        raise StoreError(f"{path}: the file is empty")
    return FileHead(path, lines)
