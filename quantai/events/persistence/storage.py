"""Where the files of a store lie: a folder of the local disk, or object storage.

A root is a local path or a URI such as `s3://bucket/prefix?region=eu-central-1` (`gs://` goes the same way; only S3 is
tested). The query of an `s3` URI may name `region`, `scheme`, `endpoint_override` and `tls_ca_file_path`; credentials
come from the environment the usual way (variables, profile, role), never from the URI. Everything else is a path below
the root. What goes wrong there is an `OSError` that names the store: it may pass, so that writers can try again.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import BinaryIO, NamedTuple

import pyarrow as pa

TEMPORARY_SUFFIX = ".tmp"
ROOT = PurePosixPath()

_URI = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_serial = count()


class FileInfo(NamedTuple):
    """A file below the root: its size in bytes and when it was last changed (nanoseconds UTC)."""

    path: PurePosixPath
    size: int
    modified_ns: int


class Storage(ABC):
    """The files below one root. All paths are relative to it; every method may block, so none is for an event loop.

    Two storages of the same `name` are equal.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Storage) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @abstractmethod
    def prepare(self) -> None:
        """Make sure that files can be created below the root. Raises `OSError`."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether the root is there: a folder, or a prefix that objects have."""

    @abstractmethod
    def list(self, folder: PurePosixPath = ROOT) -> Iterator[FileInfo]:
        """Every file at any depth of `folder`, hidden ones too, in no order; none where there is no such folder."""

    @abstractmethod
    def walk(
        self, enter: Callable[[PurePosixPath], bool], folder: PurePosixPath = ROOT
    ) -> Iterator[tuple[PurePosixPath, Sequence[str]]]:
        """The folders from `folder` down that have files, with the names of those, in no order.

        Hidden folders are passed over, and so are those that `enter` refuses: on a local disk nothing is looked at in
        them, while object storage is listed once in any case.
        """

    @abstractmethod
    def find(self, path: PurePosixPath) -> FileInfo | None:
        """The file at `path`, None where there is none."""

    @abstractmethod
    def open(self, path: PurePosixPath) -> pa.NativeFile:
        """Read at random. Raises `FileNotFoundError`."""

    @abstractmethod
    def create(self, path: PurePosixPath, write: Callable[[BinaryIO], object]) -> bool:
        """Make a file of what `write` puts into it; it appears whole and durable, or not at all.

        False where the name is taken, and nothing is changed then. Object storage cannot promise that to two processes
        which create the same name at the same moment: let one write a stream.
        """

    @abstractmethod
    def read_bytes(self, path: PurePosixPath) -> bytes:
        """All of a file. Raises `FileNotFoundError`."""

    @abstractmethod
    def move(self, path: PurePosixPath, to: PurePosixPath) -> None:
        """Give a file another name, durably. Raises `FileExistsError` where that is taken, `FileNotFoundError`."""

    @abstractmethod
    def delete(self, path: PurePosixPath) -> None:
        """Delete a file, durably; done already is fine."""

    @abstractmethod
    def local_path(self, path: PurePosixPath) -> Path | None:
        """The file on the local disk, None for object storage."""

    @abstractmethod
    def display(self, path: PurePosixPath) -> str:
        """The file in messages: a path, or a URI."""


class LocalStorage(Storage):
    """A folder of the local disk (or of a mount that knows hard links)."""

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self.root = root

    def prepare(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)

    def exists(self) -> bool:
        return self.root.is_dir()

    def list(self, folder: PurePosixPath = ROOT) -> Iterator[FileInfo]:
        for parent, _, names in os.walk(self.root / folder, onerror=_refuse_unless_gone):
            relative = PurePosixPath(Path(parent).relative_to(self.root))
            found = (self.find(relative / name) for name in names)
            yield from (file for file in found if file)

    def walk(
        self, enter: Callable[[PurePosixPath], bool], folder: PurePosixPath = ROOT
    ) -> Iterator[tuple[PurePosixPath, Sequence[str]]]:
        folders, names = self._entries(folder)
        if names:
            yield folder, names
        for name in folders:
            if enter(inner := folder / name):
                yield from self.walk(enter, inner)

    def _entries(self, folder: PurePosixPath) -> tuple[Sequence[str], Sequence[str]]:
        """The visible folders and all files in one folder; nothing where it is gone, as after a compaction.

        A long folder is not listed at one moment, so what changed meanwhile is listed again: otherwise parts could be
        seen beside the one that replaced them.
        """
        path = self.root / folder
        try:
            while True:
                changed_ns = path.stat().st_mtime_ns
                with os.scandir(path) as entries:
                    kinds = [(entry.name, entry.is_dir()) for entry in entries]
                if changed_ns == path.stat().st_mtime_ns:
                    break
        except FileNotFoundError:
            return (), ()
        folders = [name for name, is_folder in kinds if is_folder and not name.startswith(".")]
        return folders, [name for name, is_folder in kinds if not is_folder]

    def find(self, path: PurePosixPath) -> FileInfo | None:
        try:
            status = (self.root / path).stat()
        except FileNotFoundError:
            return None
        return FileInfo(path, status.st_size, status.st_mtime_ns) if S_ISREG(status.st_mode) else None

    def open(self, path: PurePosixPath) -> pa.NativeFile:
        return pa.OSFile(str(self.root / path))

    def create(self, path: PurePosixPath, write: Callable[[BinaryIO], object]) -> bool:
        """Written under a hidden name and then named by a hard link, which unlike a rename refuses to replace."""
        target = self.root / path
        if target.exists():
            return False
        unsynced = _make_folders(target.parent)
        temporary = target.with_name(f".{target.name}.{os.getpid()}-{next(_serial)}{TEMPORARY_SUFFIX}")
        try:
            with temporary.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            target.hardlink_to(temporary)
        except FileExistsError:
            return False
        finally:
            with suppress(OSError):
                temporary.unlink()
        for folder in unsynced:
            sync_folder(folder)
        return True

    def read_bytes(self, path: PurePosixPath) -> bytes:
        return (self.root / path).read_bytes()

    def move(self, path: PurePosixPath, to: PurePosixPath) -> None:
        source, target = self.root / path, self.root / to
        unsynced = _make_folders(target.parent)
        try:
            target.hardlink_to(source)
        except FileExistsError:
            if not target.samefile(source):  # it is after a crash on the way
                raise
        for folder in unsynced:
            sync_folder(folder)
        source.unlink()
        sync_folder(source.parent)

    def delete(self, path: PurePosixPath) -> None:
        (self.root / path).unlink(missing_ok=True)
        sync_folder((self.root / path).parent)

    def local_path(self, path: PurePosixPath) -> Path | None:
        return self.root / path

    def display(self, path: PurePosixPath) -> str:
        return str(self.root / path)


Root = str | Path | Storage


def open_storage(root: Root) -> Storage:
    """The storage of a local path or a URI; nothing is read yet. Raises `ConfigError` for a URI that makes no sense."""
    if isinstance(root, Storage):
        return root
    if isinstance(root, str) and _URI.match(root):
        # Only here, for most stores are local and the libraries of object storage take their time to load.
        from quantai.events.persistence.object_storage import ObjectStorage

        return ObjectStorage(root)
    return LocalStorage(Path(root))


def _refuse_unless_gone(error: OSError) -> None:
    """A folder that cannot be looked into is not taken for an empty one."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _make_folders(folder: Path) -> Sequence[Path]:
    """Make a folder with its parents; those that then have new names in them and are to be synced."""
    changed = [folder, *(parent.parent for parent in (folder, *folder.parents) if not parent.exists())]
    folder.mkdir(parents=True, exist_ok=True)
    return changed


def sync_folder(folder: Path) -> None:
    """Make new names in `folder` survive a power cut; where that cannot be (some network mounts) the rows are safe."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
