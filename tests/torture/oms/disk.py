"""What is durable, and a journal in front of it that takes its time, fails, and forgets what it had not written."""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from quantai.core.account import AccountChange, BalanceRecord, PositionRecord
from quantai.core.clock import NS_PER_MS, Clock
from quantai.core.errors import StoreError
from quantai.core.numbers import ZERO
from quantai.events import BalanceAdjustedEvent, Event, OrderEvent
from quantai.oms.journal import Journal, JournalledEvent, Note, Recovered, Written
from quantai.oms.models import Order
from tests.torture.oms.life import Life

Write = Callable[["Disk"], None]


@dataclass
class Disk:
    """Outlives every daemon. `is_writable` is False during an outage; `stall_ns` is how slow it is besides.

    `adjusted` has, by venue and currency, the sum of all adjustments after each of them.
    """

    orders: dict[str, Order] = field(default_factory=dict)
    events: dict[str, list[str]] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    positions: dict[tuple[str, str, str], PositionRecord] = field(default_factory=dict)
    balances: dict[tuple[str, str], BalanceRecord] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    adjusted: dict[tuple[str, str], list[Decimal]] = field(default_factory=dict)
    is_writable: bool = True
    stall_ns: int = 0

    def keep(self, order: Order, event: OrderEvent) -> None:
        """The order's row, and one of its events."""
        self.orders[order.client_order_id] = order
        self.events.setdefault(order.client_order_id, []).append(type(event).__name__)
        if order.venue_order_id:
            self.names[order.venue, order.venue_order_id] = order.client_order_id

    def account(self, change: AccountChange) -> None:
        """Rows of the account."""
        self.positions.update({(each.strategy, each.venue, each.symbol): each for each in change.positions})
        self.balances.update({(each.venue, each.currency): each for each in change.balances})

    def adjust(self, event: BalanceAdjustedEvent) -> None:
        """A balance was made what the venue says: remember how much was put right, all in all, each time."""
        sums = self.adjusted.setdefault((event.venue, event.currency), [ZERO])
        sums.append(sums[-1] + event.after - event.before)

    def recovered(self) -> Recovered:
        """Everything, in copies."""
        account = AccountChange(tuple(self.positions.values()), tuple(self.balances.values()))
        return Recovered([copied(order) for order in self.orders.values()], account, dict(self.settings))

    def find(self, client_order_id: str | None) -> Order | None:
        """One order, as a copy."""
        order = self.orders.get(client_order_id or "")
        return None if order is None else copied(order)


def copied(order: Order) -> Order:
    """An order that changes no more when this one does."""
    twin = copy.copy(order)
    twin.trade_ids = set(order.trade_ids)
    return twin


class DurableModel(Journal):
    """One daemon's journal: a queue, and one group commit at a time."""

    def __init__(self, disk: Disk, clock: Clock, dice: random.Random, life: Life) -> None:
        self._disk = disk
        self._clock = clock
        self._dice = dice
        self._life = life
        self._waiting: list[tuple[Write, Written | None]] = []
        self._is_committing = False
        self._counts = {"commits": 0, "failures": 0}

    @property
    def is_available(self) -> bool:
        return self._disk.is_writable

    @property
    def counts(self) -> Mapping[str, int]:
        return self._counts

    @property
    def waiting(self) -> int:
        """How many writes are not durable yet."""
        return len(self._waiting) + self._is_committing

    async def start(self) -> Recovered:
        return self._disk.recovered()

    async def close(self) -> None:
        while self.waiting:
            await asyncio.sleep(0.01)

    def append(
        self, order: Order, event: OrderEvent, account: AccountChange | None = None, then: Written | None = None
    ) -> None:
        row = copied(order)

        def write(disk: Disk) -> None:
            disk.keep(row, event)
            if account is not None:
                disk.account(account)

        self._enqueue(write, then)

    def book(self, event: Event, account: AccountChange) -> None:
        def write(disk: Disk) -> None:
            disk.account(account)
            if isinstance(event, BalanceAdjustedEvent):
                disk.adjust(event)

        self._enqueue(write, None)

    def note(self, note: Note) -> None:
        self._enqueue(lambda disk: None, None)

    def put(self, key: str, value: str, then: Written | None = None) -> None:
        self._enqueue(lambda disk: disk.settings.__setitem__(key, value), None)  # tried until it is written
        if then is not None:
            self._enqueue(lambda disk: None, then)

    def _enqueue(self, write: Write, then: Written | None) -> None:
        self._waiting.append((write, then))
        if not self._is_committing:
            self._begin()

    def _begin(self) -> None:
        """Commit what waits; what comes meanwhile waits for the next."""
        self._is_committing = True
        batch, self._waiting = self._waiting, []
        delay_ns = self._dice.randint(200_000, 2_000_000) + self._disk.stall_ns
        self._clock.call_later(delay_ns, lambda _: self._commit(batch))

    def _commit(self, batch: list[tuple[Write, Written | None]]) -> None:
        """A batch that fails was not written, or it was and nobody knows."""
        is_written = self._disk.is_writable or self._dice.random() < 0.3
        self._life.boundary("write")
        if not self._life.is_alive:
            return
        if is_written:
            for write, _ in batch:
                write(self._disk)
        self._counts["commits" if self._disk.is_writable else "failures"] += 1
        self._life.boundary("written")
        if not self._disk.is_writable:
            kept = [] if is_written else [(write, None) for write, then in batch if then is None]
            self._waiting = kept + self._waiting
        self._tell(batch, self._disk.is_writable)
        self._is_committing = False
        if not self._disk.is_writable:
            self._retry()
        elif self._waiting:
            self._begin()

    def _tell(self, batch: list[tuple[Write, Written | None]], is_durable: bool) -> None:
        for _, then in batch:
            if then is not None and self._life.is_alive:
                then(is_durable)

    def _retry(self) -> None:
        self._is_committing = True
        batch, self._waiting = self._waiting, []
        self._clock.call_later(100 * NS_PER_MS, lambda _: self._commit(batch))

    async def find(self, client_order_id: str) -> Order | None:
        await self._flushed()
        return self._disk.find(client_order_id)

    async def find_by_venue_id(self, venue: str, venue_order_id: str) -> Order | None:
        await self._flushed()
        return self._disk.find(self._disk.names.get((venue, venue_order_id)))

    async def _flushed(self) -> None:
        """What was given before is there: a question is asked behind it."""
        await asyncio.sleep(0)
        if not self._disk.is_writable:
            raise StoreError("the journal cannot be asked now: the disk is away")
        while self._waiting or self._is_committing:
            await asyncio.sleep(0.001)

    async def story(self, client_order_id: str) -> Sequence[JournalledEvent]:
        return ()

    async def children(self, client_order_id: str, limit: int) -> Sequence[Order]:
        return ()
