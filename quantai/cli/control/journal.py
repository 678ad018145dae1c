"""The journal of a daemon that does not run."""

from __future__ import annotations

from pathlib import Path

from quantai.assembly.journal import build_journal_reader
from quantai.cli.control.place import Place
from quantai.config.schema.store import DurableStoreSection, MemoryStoreSection, SqliteStoreSection, StoreSection
from quantai.ops.control.archive import Archive
from quantai.ops.control.client import NoDaemon


def open_archive(place: Place, missing: NoDaemon) -> Archive:
    """The journal that the configuration names, to be read; where it names none, the one of `store=sqlite` if that is
    there. `missing` says why the daemon is not asked.

    Raises `NoDaemon` where there is none.
    """
    store = place.section("store", StoreSection)
    if isinstance(store, MemoryStoreSection):
        store = place.section("store", StoreSection, "store=sqlite")
        if not (isinstance(store, SqliteStoreSection) and Path(store.path).exists()):
            raise NoDaemon(f"{missing}, and store=memory keeps no journal: choose the daemon's, e.g. store=sqlite")
    return Archive(build_journal_reader(store), _name(store))


def _name(store: DurableStoreSection) -> str:
    return store.path if isinstance(store, SqliteStoreSection) else store.url
