"""Builds the order journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from quantai.config import Config
from quantai.config.schema.store import DurableStoreSection, MemoryStoreSection, SqliteStoreSection, StoreSection
from quantai.core.clock import Clock
from quantai.core.errors import StoreError
from quantai.events import Event
from quantai.instruments import InstrumentCatalogue
from quantai.oms.journal import Journal, MemoryJournal

if TYPE_CHECKING:
    from sqlalchemy import URL

    from quantai.oms.journal.reader import JournalReader


def build_journal(
    config: Config, clock: Clock, catalogue: InstrumentCatalogue, on_event: Callable[[Event], None]
) -> Journal:
    """The journal that the configuration asks for, not open yet. What it has to tell goes to `on_event`."""
    store = config.store
    if isinstance(store, MemoryStoreSection):
        return MemoryJournal()
    # SQLAlchemy takes a while to import: only those wait for it who use it.
    from quantai.oms.journal.sql import SqlJournal

    return SqlJournal(
        _url(store), clock, catalogue, on_event=on_event, timeout_ns=store.timeout, max_waiting=store.max_waiting,
        max_closed=store.max_closed_orders,
    )  # fmt: skip


def build_journal_reader(store: StoreSection) -> JournalReader:
    """What looks into the configured journal from outside. Raises `StoreError` where it is not a durable one."""
    if isinstance(store, MemoryStoreSection):
        raise StoreError("store=memory keeps no orders: choose the store of the daemon that is asked about")
    from quantai.oms.journal.reader import JournalReader

    return JournalReader(_url(store), store.timeout)


def build_prune_job(config: Config, journal: Journal, clock: Clock) -> Callable[[], Awaitable[None]] | None:
    """What takes old orders out of `journal`, for a scheduler; None where all are kept."""
    store = config.store
    if isinstance(store, MemoryStoreSection) or store.keep is None:
        return None
    from quantai.oms.journal.prune import prune_job
    from quantai.oms.journal.sql import SqlJournal

    if not isinstance(journal, SqlJournal):
        return None
    keep_ns = store.keep

    async def run() -> None:
        await prune_job(journal, clock, keep_ns, store.archive)

    return run


def _url(store: DurableStoreSection) -> URL:
    from sqlalchemy import URL, make_url

    if isinstance(store, SqliteStoreSection):
        return URL.create("sqlite", database=store.path)
    password = store.password.get_secret_value() if store.password else None
    return make_url(store.url).set(username=store.username, password=password)
