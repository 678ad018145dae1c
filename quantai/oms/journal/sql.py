"""The durable journal: SQLite or PostgreSQL behind one writer's thread. The event loop never waits for a disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.exc import SQLAlchemyError

from quantai.core.account import AccountChange
from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.core.errors import StoreError
from quantai.events import Event, OrderEvent
from quantai.instruments import InstrumentCatalogue
from quantai.oms.journal import queries
from quantai.oms.journal.base import Journal, JournalledEvent, Note, Recovered, Written
from quantai.oms.journal.database import journal_url, open_engine, reason_of
from quantai.oms.journal.entries import AccountItem, OrderItem, Setting, snapshot
from quantai.oms.journal.line import COUNTED, Line
from quantai.oms.journal.recovery import recover
from quantai.oms.journal.statements import Step, no_step
from quantai.oms.journal.store import Store
from quantai.oms.journal.stored import StoredOrder
from quantai.oms.journal.writer import Writer
from quantai.oms.models import Order

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_READERS = 2
_PATIENCE = 3


class SqlJournal(Journal):
    """Keeps orders at `url`, of SQLite or PostgreSQL, as SQLAlchemy writes it.

    What is given is snapshotted and put in line; a thread takes all that waits into one transaction. The journal is
    unavailable from the first failed write on, or when nothing became durable for `timeout_ns`, until something does:
    both are told to `on_event`, once. At most `max_waiting` entries wait (see `Line`). `start` gives the newest
    `max_closed` closed orders; older ones are found when asked for.

    `counts`: entries given and durable, failed attempts and outages, submissions refused and other entries dropped for
    want of room, entries that the database refused (`quarantined`), fills that were there before, orders of instruments
    that nobody configures any more. `on_step` is for tests.
    """

    def __init__(
        self,
        url: str | URL,
        clock: Clock,
        catalogue: InstrumentCatalogue,
        *,
        on_event: Callable[[Event], None],
        timeout_ns: int = 2 * NS_PER_SECOND,
        max_waiting: int = 100_000,
        max_closed: int = 10_000,
        on_step: Step = no_step,
    ) -> None:
        self.url = journal_url(url)
        self.clock = clock
        self._catalogue = catalogue
        self._on_event = on_event
        self._timeout_s = timeout_ns / NS_PER_SECOND
        self._max_waiting = max_waiting
        self._max_closed = max_closed
        self._on_step = on_step
        self._counts = dict.fromkeys(COUNTED, 0)
        self._engine = open_engine(self.url, self._timeout_s)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="journal-reader")
        self._line: Line | None = None
        self._writer: Writer | None = None

    @property
    def is_available(self) -> bool:
        return self._line is not None and not self._line.trouble

    @property
    def trouble(self) -> str:
        return "" if self._line is None else self._line.trouble

    @property
    def counts(self) -> Mapping[str, int]:
        return self._counts

    @property
    def waiting(self) -> int:
        """Entries that are not durable yet."""
        return 0 if self._line is None else self._line.waiting

    async def start(self) -> Recovered:
        loop = asyncio.get_running_loop()
        store = Store(self.url, self.clock, self._timeout_s, self._on_step)

        def post(callback: Callable[..., object], *arguments: object) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
                loop.call_soon_threadsafe(callback, *arguments)

        line = Line(
            loop=loop, clock=self.clock, timeout_s=self._timeout_s, max_waiting=self._max_waiting,
            on_event=self._on_event, counts=self._counts,
        )  # fmt: skip
        writer = self._writer = Writer(store, line, post)
        begun = writer.start(lambda connection: recover(connection, self._catalogue, self._max_closed))
        last_entry, (recovered, unknown) = await asyncio.wrap_future(begun)
        line.begin(last_entry, writer.put)
        self._counts["unknown_instruments"] += unknown
        self._line = line
        return recovered

    async def close(self) -> None:
        line, writer = self._line, self._writer
        self._line = self._writer = None
        if line is not None:
            line.flush()
        if writer is not None:
            await asyncio.wait([asyncio.wrap_future(writer.stop(self._timeout_s))], timeout=self._timeout_s * _PATIENCE)
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()
        if line is not None and (lost := line.end()):
            raise StoreError(
                f"the order journal {self.url!r} is closed with losses, {lost}. Compare open orders and balances with "
                "the venues before trading goes on"
            )

    def append(
        self, order: Order, event: OrderEvent, account: AccountChange | None = None, then: Written | None = None
    ) -> None:
        self._open_line().add(OrderItem(snapshot(order), event, account), then)

    def book(self, event: Event, account: AccountChange) -> None:
        self._open_line().add(AccountItem(event, account))

    def note(self, note: Note) -> None:
        self._open_line().add(note)

    def put(self, key: str, value: str, then: Written | None = None) -> None:
        self._open_line().add(Setting(key, value), then)

    async def find(self, client_order_id: str) -> Order | None:
        return await self._order(lambda connection: queries.find(connection, client_order_id))

    async def find_by_venue_id(self, venue: str, venue_order_id: str) -> Order | None:
        return await self._order(lambda connection: queries.find_by_venue_id(connection, venue, venue_order_id))

    async def children(self, client_order_id: str, limit: int) -> Sequence[Order]:
        stored = await self.ask(lambda connection: queries.children(connection, client_order_id, limit))
        return [
            order.to_order(self._catalogue.get(order.venue, order.symbol), ())
            for order in stored
            if (order.venue, order.symbol) in self._catalogue
        ]

    async def story(self, client_order_id: str) -> Sequence[JournalledEvent]:
        return await self.ask(lambda connection: queries.story(connection, client_order_id))

    async def ask(self, question: Callable[[Connection], Answer]) -> Answer:
        """Read, in another thread. Raises `StoreError` where no answer comes."""
        answer = asyncio.get_running_loop().run_in_executor(self._readers, self._read, question)
        try:
            return await asyncio.wait_for(answer, self._timeout_s * _PATIENCE)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise StoreError(f"the order journal {self.url!r} cannot be read: {reason_of(error)}") from error

    def change(self, work: Callable[[Connection], Answer]) -> Future[Answer]:
        """Have `work` done by the writer, in a transaction of its own. The answer may be a `StoreError`."""
        if self._writer is None:
            raise StoreError("the order journal is not open")
        return self._writer.do(work)

    def _read(self, question: Callable[[Connection], Answer]) -> Answer:
        with self._engine.connect() as connection, connection.begin():
            return question(connection)

    async def _order(self, question: Callable[[Connection], StoredOrder | None]) -> Order | None:
        def read(connection: Connection) -> tuple[StoredOrder | None, set[str]]:
            stored = question(connection)
            return stored, set() if stored is None else queries.trade_ids_of(connection, stored.client_order_id)

        stored, trade_ids = await self.ask(read)
        if stored is None:
            return None
        if (stored.venue, stored.symbol) not in self._catalogue:
            self._counts["unknown_instruments"] += 1
            logger.warning(
                "order %s is of %s:%s, which nobody configures", stored.client_order_id, stored.venue, stored.symbol
            )
            return None
        return stored.to_order(self._catalogue.get(stored.venue, stored.symbol), trade_ids)

    def _open_line(self) -> Line:
        if self._line is None:
            raise StoreError("the order journal is not open")
        return self._line
