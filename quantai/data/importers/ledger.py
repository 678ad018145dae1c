"""The ledger of a store's imports: what was imported, so that nothing is twice, and a commit that a crash cannot halve.

An import is staged in `<store>/.imports/<id>/`, which no reader looks into. Its manifest is first written as
`<id>.pending`, then the parts are linked into the store, then the manifest is renamed to `<id>.json`. A crash before the
pending manifest leaves nothing but a stage to throw away; after it, opening the ledger finishes the import.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Self

import msgspec

from quantai.core.errors import StoreError
from quantai.events.persistence.parts import Part, part_name

_FOLDER = ".imports"


class PartEntry(msgspec.Struct, frozen=True):
    """A part of an import: where it was staged (in the stage), where it is (in the store), and how much is in it."""

    staged: str
    path: str
    stream: tuple[str, str, str]
    rows: int
    start_ns: int
    end_ns: int


class Origin(msgspec.Struct, frozen=True):
    """What was imported and how: the digest of the file as it lay on disk, the format, the venue and any mapping."""

    file_digest: str
    format: str
    venue: str
    mapping: str


class Manifest(msgspec.Struct, frozen=True):
    """The record of one import. `symbols` are those that were met, by the venue's name; `""` where the file had none."""

    id: str
    file: str
    origin: Origin
    content_digest: str
    symbols: dict[str, str]
    rows_read: int
    bad_rows: int
    parts: list[PartEntry]

    @property
    def streams(self) -> set[tuple[str, str, str]]:
        """What the import wrote to."""
        return {part.stream for part in self.parts}


class ImportLedger:
    """The imports of one store, locked against other importers while open; opening it finishes what a crash interrupted.

    Raises `StoreError` where the store cannot be written, or another import is running.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._folder = store / _FOLDER
        self._resources = ExitStack()
        self._manifests: list[Manifest] = []

    def __enter__(self) -> Self:
        with ExitStack() as resources:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                lock = resources.enter_context((self._folder / "lock").open("w"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(f"another import into {self._store} is running; wait until it is done") from None
            except OSError as error:
                raise StoreError(f"the store {self._store} cannot be written: {error}") from error
            self._recover()
            self._manifests = [self._load(path) for path in sorted(self._folder.glob("*.json"))]
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def of_file(self, origin: Origin) -> list[Manifest]:
        """The earlier imports of the same file in the same way."""
        return [manifest for manifest in self._manifests if manifest.origin == origin]

    def of_content(self, content_digest: str, streams: set[tuple[str, str, str]]) -> Manifest | None:
        """An earlier import of the same content, however packed or mapped, into any of `streams`."""
        for manifest in self._manifests:
            if manifest.content_digest == content_digest and manifest.streams & streams:
                return manifest
        return None

    def manifest_path(self, manifest: Manifest) -> Path:
        """Where a manifest lies; deleting it forgets the import."""
        return self._folder / f"{manifest.id}.json"

    def stage_folder(self, import_id: str) -> Path:
        """An empty folder for an import to gather in."""
        folder = self._folder / import_id
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def discard(self, import_id: str) -> None:
        """Throw away what was staged."""
        shutil.rmtree(self._folder / import_id, ignore_errors=True)

    def entries(self, import_id: str, parts: Sequence[Part]) -> list[PartEntry]:
        """What a commit of staged parts is going to do."""
        return [self._entry(self._folder / import_id, part) for part in parts]

    def commit(self, manifest: Manifest) -> None:
        """Make the staged parts visible, all of them even if the process dies on the way."""
        self._write(manifest, ".pending")
        self._publish(manifest)
        self._manifests.append(manifest)

    def _entry(self, stage: Path, part: Part) -> PartEntry:
        staged = part.path.relative_to(stage)
        return PartEntry(
            staged=str(staged),
            path=str(Path(*staged.parts[1:])),
            stream=tuple(part.stream),
            rows=part.rows,
            start_ns=part.start_ns,
            end_ns=part.end_ns,
        )

    def _publish(self, manifest: Manifest) -> None:
        stage = self._folder / manifest.id
        parts = [msgspec.structs.replace(part, path=self._link(stage, part)) for part in manifest.parts]
        for folder in {parent for part in parts for parent in (self._store / part.path).parents}:
            if folder.is_relative_to(self._store):
                _sync(folder)
        self._write(msgspec.structs.replace(manifest, parts=parts), ".json")
        self._path(manifest.id, ".pending").unlink()
        self.discard(manifest.id)

    def _link(self, stage: Path, part: PartEntry) -> str:
        """Name a staged part in the store, with the next free number where its name is taken by another."""
        staged, folder = stage / part.staged, (self._store / part.path).parent
        folder.mkdir(parents=True, exist_ok=True)
        for number in count():
            path = folder / part_name(part.start_ns, part.end_ns, number)
            try:
                path.hardlink_to(staged)
            except FileExistsError:
                if not path.samefile(staged):
                    continue
            return str(path.relative_to(self._store))
        raise AssertionError

    def _recover(self) -> None:
        for pending in sorted(self._folder.glob("*.pending")):
            self._publish(self._load(pending))
        for stage in self._folder.iterdir():
            if stage.is_dir():
                shutil.rmtree(stage)
