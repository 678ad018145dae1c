"""The ledger of a store's imports: what was imported, so that nothing is twice, and a commit that a crash cannot halve.

An import is staged in `<store>/.imports/<id>/`, which no reader looks into. Its manifest is first written as
`<id>.pending`, then the parts are linked into the store, then the manifest is written as `<id>.json`. A crash before
the pending manifest leaves nothing but a stage to throw away; after it, opening the ledger finishes the import.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import msgspec

from quantai.core.errors import StoreError
from quantai.data.importers.manifest import Manifest, Origin, PartEntry, StreamName
from quantai.events.persistence.parts import Part, part_name
from quantai.events.persistence.storage import sync_folder

_FOLDER = ".imports"


class ImportLedger:
    """The imports of one store, locked against other importers while open; opening finishes what a crash interrupted.

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

    def of_format(self, format: str, venue: str) -> list[Manifest]:
        """The earlier imports of that format from that venue."""
        origins = ((manifest, manifest.origin) for manifest in self._manifests)
        return [manifest for manifest, origin in origins if (origin.format, origin.venue) == (format, venue)]

    def of_content(self, content_digest: str, streams: set[StreamName]) -> Manifest | None:
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
            stream=(part.type, part.venue, part.symbol),
            rows=part.rows,
            start_ns=part.start_ns,
            end_ns=part.end_ns,
        )

    def _publish(self, manifest: Manifest) -> None:
        stage = self._folder / manifest.id
        parts = [msgspec.structs.replace(part, path=self._link(stage, part)) for part in manifest.parts]
        for folder in {parent for part in parts for parent in (self._store / part.path).parents}:
            if folder.is_relative_to(self._store):
                sync_folder(folder)
        self._write(msgspec.structs.replace(manifest, parts=parts), ".json")
        self._path(manifest.id, ".pending").unlink()
        self.discard(manifest.id)

    def _link(self, stage: Path, part: PartEntry) -> str:
        """Name a staged part in the store, with the next free number where its name is taken by another."""
        staged, folder = stage / part.staged, (self._store / part.path).parent
        folder.mkdir(parents=True, exist_ok=True)
        number = 0
        while True:
            path = folder / part_name(part.start_ns, part.end_ns, number)
            try:
                path.hardlink_to(staged)
            except FileExistsError:
                if not path.samefile(staged):
                    number += 1
                    continue
            return str(path.relative_to(self._store))

    def _recover(self) -> None:
        for pending in sorted(self._folder.glob("*.pending")):
            self._publish(self._load(pending))
        for stage in self._folder.iterdir():
            if stage.is_dir():
                shutil.rmtree(stage)

    def _path(self, import_id: str, suffix: str) -> Path:
        return self._folder / f"{import_id}{suffix}"

    def _write(self, manifest: Manifest, suffix: str) -> None:
        path = self._path(manifest.id, suffix)
        unfinished = path.with_suffix(".tmp")
        with unfinished.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(manifest)))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(self._folder)

    def _load(self, path: Path) -> Manifest:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Manifest)
        except (OSError, msgspec.MsgspecError) as error:
            raise StoreError(
                f"{path}: cannot be read as the record of an import ({error}); moving it away forgets that import, "
                "so that its file could be imported a second time"
            ) from error
