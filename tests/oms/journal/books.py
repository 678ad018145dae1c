"""Orders, their events, and journals to keep them in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from decimal import Decimal
from typing import Any

from sqlalchemy import URL

from quantai.core.account import AccountChange, BalanceRecord, PositionRecord
from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.core.enums import Liquidity, OrderState, OrderType, Side, TimeInForce
from quantai.events import (
    Event,
    FillEvent,
    OrderAcceptedEvent,
    OrderCanceledEvent,
    OrderDeniedEvent,
    OrderFilledEvent,
    OrderPartiallyFilledEvent,
    OrderSubmittedEvent,
)
from quantai.instruments import Instrument, InstrumentCatalogue
from quantai.oms.journal import Journal
from quantai.oms.journal.sql import SqlJournal
from quantai.oms.models import Order

D = Decimal
START_NS = 1_767_261_600_000_000_000
SPOT = Instrument(venue="binance", symbol="BTC/USDT", tick_size=D("0.01"), lot_size=D("0.001"))
PERP = Instrument(venue="okx", symbol="BTC/USDT:USDT", tick_size=D("0.1"), lot_size=D("0.01"))
CATALOGUE = InstrumentCatalogue([SPOT, PERP])

DEADLINE_S = 60


class Books:
    """Makes orders and gives them, with their events, to a journal, as the OMS does."""

    def __init__(self, journal: Journal, tag: str = "t") -> None:
        self.journal = journal
        self.clock = SimulatedClock(START_NS)
        self.answers: list[tuple[str, bool]] = []
        self._tag = tag
        self._made = 0

    def submit(self, *, instrument: Instrument = SPOT, strategy: str = "alpha", **changed: Any) -> Order:
        """An order that is on its way; whether it is durable comes in `answers`."""
        order = self.order(instrument=instrument, strategy=strategy, **changed)
        self.append(order, submitted(order), then=lambda durable: self.answers.append((order.client_order_id, durable)))
        return order

    def order(self, *, instrument: Instrument = SPOT, strategy: str = "alpha", **changed: Any) -> Order:
        """An order that nobody knows yet."""
        self._made += 1
        order = Order(
            client_order_id=f"{strategy}{self._tag}{self._made:06d}", strategy=strategy, instrument=instrument,
            side=Side.BUY, order_type=OrderType.LIMIT, quantity=D("1.50"), price=D("100.25"),
            time_in_force=TimeInForce.GTC, cause="market.tick.binance.BTC/USDT@1", ts_submitted=self.now_ns(),
        )  # fmt: skip
        for name, value in changed.items():
            setattr(order, name, value)
        return order

    def now_ns(self) -> int:
        """Every event has a time of its own."""
        self.clock.advance_to(self.clock.now_ns() + 1_000_000)
        return self.clock.now_ns()

    def append(
        self, order: Order, event: Any, account: AccountChange | None = None, then: Callable[[bool], None] | None = None
    ) -> None:
        """Give it to the journal, with the time it has."""
        order.ts_last = event.ts_init
        self.journal.append(order, event, account, then)

    def accept(self, order: Order, venue_order_id: str) -> None:
        """The venue has it."""
        order.state, order.is_sent, order.is_accepted, order.venue_order_id = OrderState.NEW, True, True, venue_order_id
        self.append(order, OrderAcceptedEvent(*self.head(order), venue_order_id))

    def fill(
        self,
        order: Order,
        quantity: str,
        trade_id: str,
        account: AccountChange | None = None,
        realized_pnl: Decimal | None = None,
    ) -> FillEvent:
        """A part of it, or the rest, traded."""
        order.filled_quantity += D(quantity)
        order.filled_value += D(quantity) * D("100.25")
        if trade_id:
            order.trade_ids.add(trade_id)
        leaves = order.quantity - order.filled_quantity
        order.state = OrderState.PARTIALLY_FILLED if leaves else OrderState.FILLED
        kind = OrderPartiallyFilledEvent if leaves else OrderFilledEvent
        event = kind(
            *self.head(order), trade_id, order.side, D("100.25"), D(quantity), order.filled_quantity, leaves,
            D("0.01"), "USDT", Liquidity.MAKER, realized_pnl,
        )  # fmt: skip
        self.append(order, event, account)
        return event

    def cancel(self, order: Order) -> None:
        """It is off the book."""
        order.state, order.reason = OrderState.CANCELED, "asked for"
        self.append(order, OrderCanceledEvent(*self.head(order), order.quantity - order.filled_quantity, "asked for"))

    def deny(self, order: Order) -> None:
        """It never left."""
        order.state, order.reason = OrderState.DENIED, "X: no"
        self.append(
            order,
            OrderDeniedEvent(*self.head(order), order.side, order.order_type, order.quantity, order.price, "X", "no"),
        )

    def head(self, order: Order) -> tuple[str, str, str, str, int, int, str]:
        """What every event of an order begins with."""
        now_ns = self.now_ns()
        return (order.client_order_id, order.strategy, order.venue, order.symbol, now_ns, now_ns, order.cause)


def submitted(order: Order) -> OrderSubmittedEvent:
    """The event of an order that is on its way."""
    return OrderSubmittedEvent(
        order.client_order_id, order.strategy, order.venue, order.symbol, order.ts_submitted, order.ts_submitted,
        order.cause, order.side, order.order_type, order.time_in_force, order.quantity, order.price,
    )  # fmt: skip


def account(quantity: str, amount: str) -> AccountChange:
    """What the account may have become."""
    position = PositionRecord(
        "alpha", "binance", "BTC/USDT", D(quantity), D("1.10"), D("-2"), D("3.000"),
        (("BNB", D("0.1")), ("USDT", D(2))), D("-1E-8"),
    )  # fmt: skip
    return AccountChange((position,), (BalanceRecord("binance", "USDT", D(amount)),))


def facts(order: Order | None) -> dict[str, object]:
    """Everything that an order is."""
    assert order is not None
    return {field.name: getattr(order, field.name) for field in fields(order)}


def make_journal(url: str | URL, events: list[Event] | None = None, **options: Any) -> SqlJournal:
    """A journal that is not open yet. Unless a test is about it, it has all the time that a slow machine takes."""
    heard: list[Event] = [] if events is None else events
    options.setdefault("timeout_ns", DEADLINE_S * NS_PER_SECOND)
    clock = SimulatedClock(START_NS)
    return SqlJournal(url, clock, options.pop("catalogue", CATALOGUE), on_event=heard.append, **options)


@asynccontextmanager
async def opened(url: str | URL, events: list[Event] | None = None, **options: Any) -> AsyncIterator[SqlJournal]:
    """An open journal, closed afterwards."""
    journal = make_journal(url, events, **options)
    await journal.start()
    try:
        yield journal
    finally:
        await journal.close()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(DEADLINE_S):
        while not is_so():
            await asyncio.sleep(0.002)


async def durable(journal: SqlJournal) -> None:
    """Wait until all that was given is durable."""
    await until(lambda: journal.waiting == 0)
