"""Every file below the root of a store, by what it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import PurePosixPath

import msgspec
import pyarrow.parquet as pq

from quantai.core.errors import StoreError
from quantai.events.persistence.maintenance.part_check import READ_ERRORS
from quantai.events.persistence.parts import Part, Stream, parts_in
from quantai.events.persistence.schema import EVENT_TYPES, parse_partition
from quantai.events.persistence.storage import TEMPORARY_SUFFIX, FileInfo, Storage
from quantai.events.persistence.store import COMPACTION, Compaction

WORKSHOP = PurePosixPath(".maintenance")
"""Where replacements are made, and where the lock is."""
QUARANTINE = PurePosixPath(".quarantine")
IMPORTS = PurePosixPath(".imports")
LOCK = WORKSHOP / "lock"

_ABANDONED_AFTER_NS = 600 * 10**9


@dataclass(slots=True)
class Survey:
    """The files of a store: `parts` as readers see them, by stream and time, and what else there is.

    `commits` are folders with an unfinished compaction, `unreadable_commits` those where nobody can tell which,
    `misplaced` files of events in places or under names where no reader looks, `sizes` the bytes of all files.
    """

    storage: Storage
    parts: list[Part] = field(default_factory=list)
    commits: list[PurePosixPath] = field(default_factory=list)
    unreadable_commits: list[PurePosixPath] = field(default_factory=list)
    temporary: list[FileInfo] = field(default_factory=list)
    misplaced: list[FileInfo] = field(default_factory=list)
    foreign: list[FileInfo] = field(default_factory=list)
    quarantined: list[FileInfo] = field(default_factory=list)
    pending_imports: list[FileInfo] = field(default_factory=list)
    sizes: dict[PurePosixPath, int] = field(default_factory=dict)

    def abandoned(self, now_ns: int) -> list[FileInfo]:
        """Temporary files that nobody has written to for so long that nobody will."""
        return [file for file in self.temporary if file.modified_ns < now_ns - _ABANDONED_AFTER_NS]


def survey(storage: Storage) -> Survey:
    """Look at every name below the root, and into no part. Raises `StoreError` where there is no store."""
    found = Survey(storage)
    by_folder: defaultdict[PurePosixPath, list[FileInfo]] = defaultdict(list)
    try:
        require_store(storage)
        for file in storage.list():
            found.sizes[file.path] = file.size
            if not _is_set_aside(found, file):
                by_folder[file.path.parent].append(file)
    except OSError as error:
        raise StoreError(f"the store at {storage.name} cannot be listed: {error}") from error
    for folder, files in by_folder.items():
        _sort_folder(found, folder, files)
    found.parts.sort(key=attrgetter("stream", "start_ns", "end_ns", "number"))
    return found


def require_store(storage: Storage) -> None:
    """Raise `StoreError` where there is no store."""
    if not storage.exists():
        raise StoreError(f"there is no store at {storage.name}: record one, or fill one with `quantai data import`")


def stream_of(path: PurePosixPath) -> Stream | None:
    """The stream in whose folder a file lies, at whatever depth."""
    if len(path.parts) < 4:
        return None
    keys = parse_partition(PurePosixPath(*path.parts[:3]))
    if list(keys) != ["type", "venue", "symbol"] or keys["type"] not in EVENT_TYPES:
        return None
    return Stream(keys["type"], keys["venue"], keys["symbol"])


def is_pending_import(path: PurePosixPath) -> bool:
    """Whether a file below `IMPORTS` says that an import is being made visible, or was when its process died."""
    return path.suffix == ".pending"


def _is_set_aside(found: Survey, file: FileInfo) -> bool:
    """Whether a file is in none of the folders where parts can be, and noted if it matters."""
    top, name = file.path.parts[0], file.path.name
    if top == QUARANTINE.name:
        found.quarantined.append(file)
    elif top == WORKSHOP.name:
        if file.path != LOCK:
            found.temporary.append(file)
    elif top == IMPORTS.name:
        if is_pending_import(file.path):
            found.pending_imports.append(file)
    elif name.startswith(".") and file.path.suffix == TEMPORARY_SUFFIX:
        found.temporary.append(file)
    else:
        return name != COMPACTION and any(part.startswith(".") for part in file.path.parts)
    return True


def _sort_folder(found: Survey, folder: PurePosixPath, files: list[FileInfo]) -> None:
    names = {file.path.name for file in files}
    parts = list(parts_in(found.storage, folder, names))
    replaced = _replaced(found, folder, names) if COMPACTION in names else frozenset()
    found.parts += [part for part in parts if part.relative.name not in replaced]
    known = {part.relative for part in parts}
    for file in files:
        if file.path not in known and file.path.name != COMPACTION:
            (found.misplaced if _holds_events(found.storage, file) else found.foreign).append(file)


def _replaced(found: Survey, folder: PurePosixPath, names: Collection[str]) -> frozenset[str]:
    """The parts that readers pass over, as another stands for them."""
    found.commits.append(folder)
    try:
        commit = msgspec.json.decode(found.storage.read_bytes(folder / COMPACTION), type=Compaction)
    except msgspec.MsgspecError:
        found.unreadable_commits.append(folder)
        return frozenset()
    return frozenset(commit.originals if commit.replacement in names else ())


def _holds_events(storage: Storage, file: FileInfo) -> bool:
    """Whether a file that is no part by its name is one by its content, of the stream whose folder it is in."""
    stream = stream_of(file.path)
    if stream is None or file.path.suffix != ".parquet":
        return False
    try:
        with storage.open(file.path) as source:
            metadata = pq.read_metadata(source).metadata or {}
    except READ_ERRORS:
        return False
    return bool(metadata.get(b"quantai.type") == stream.type.encode())
