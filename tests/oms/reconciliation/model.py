"""A venue that keeps its own books, and a trading core beside it. What it says arrives when a test lets it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from quantai.assembly.reconciliation import build_reconciler
from quantai.config.schema.reconciliation import ReconciliationSection
from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import VenueError
from quantai.core.identifiers import ClientOrderIds
from quantai.core.numbers import ZERO
from quantai.events import MismatchEvent
from quantai.exchanges.execution import (
    AmendOrder,
    CancelOrder,
    ConnectionSink,
    ExecType,
    ExecutionConnector,
    ExecutionReport,
    OrderStatus,
    ReportSink,
    SubmitOrder,
    VenueAccount,
    VenuePosition,
)
from quantai.instruments import Instrument, InstrumentType
from quantai.oms.journal import Journal
from quantai.oms.models import Order
from quantai.oms.order_manager import OrderManager
from tests.oms.world import EVERY, D, World

TURNS = 40
"""Turns of the loop in which everything that needs no timer is done."""


@dataclass
class Resting:
    """An order as the venue keeps it."""

    client_order_id: str
    venue_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    price: Decimal | None
    state: OrderState = OrderState.NEW
    filled: Decimal = ZERO


class Account(VenueAccount):
    """Answers from the venue's books: while `is_down` it raises, while `is_silent` it never answers."""

    def __init__(self, venue: ModelVenue) -> None:
        self._venue = venue
        self.is_down = False
        self.is_silent = False
        self.hides_fills = False
        self.forgotten: set[str] = set()
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0

    async def _answer(self, question: str) -> None:
        self.asked.append(question)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            if self.is_silent:
                await asyncio.Event().wait()
            if self.is_down:
                raise VenueError("the model is down")
        finally:
            self.at_once -= 1

    async def find_order(self, symbol: str, client_order_id: str, venue_order_id: str = "") -> OrderStatus | None:
        await self._answer("find_order")
        for order in self._venue.orders:
            if order.client_order_id not in self.forgotten and (
                (client_order_id and order.client_order_id == client_order_id)
                or (venue_order_id and order.venue_order_id == venue_order_id)
            ):
                return self._venue.status(order)
        return None

    async def open_orders(self) -> Sequence[OrderStatus]:
        await self._answer("open_orders")
        return [self._venue.status(order) for order in self._venue.orders if order.state.is_open]

    async def fills(self, since_ns: int) -> Sequence[ExecutionReport]:
        await self._answer("fills")
        if self.hides_fills:
            return []
        return [fill for fill in self._venue.fills if fill.ts_event >= since_ns]

    async def balances(self) -> Mapping[str, Decimal] | None:
        await self._answer("balances")
        return dict(self._venue.balances)

    async def positions(self) -> Sequence[VenuePosition] | None:
        await self._answer("positions")
        return [
            VenuePosition(symbol, quantity, D(100)) for symbol, quantity in self._venue.positions.items() if quantity
        ]


class ModelVenue(ExecutionConnector):
    """Takes commands at once, unless `loses_commands`, and puts what it says of them into `outbox`."""

    def __init__(self, name: str, clock: SimulatedClock, balances: Mapping[str, Decimal]) -> None:
        self.name = name
        self.orders: list[Resting] = []
        self.fills: list[ExecutionReport] = []
        self.balances: dict[str, Decimal] = dict(balances)
        self.positions: dict[str, Decimal] = {}
        self.outbox: list[ExecutionReport] = []
        self.cancels: list[CancelOrder] = []
        self.loses_commands = False
        self.model = Account(self)
        self.account: VenueAccount | None = self.model
        self._clock = clock
        self._instruments = {each.symbol: each for each in EVERY if each.venue == name}
        self.sink: ReportSink
        self.connection: ConnectionSink

    def on_report(self, sink: ReportSink) -> None:
        self.sink = sink

    def on_connection(self, sink: ConnectionSink) -> None:
        self.connection = sink

    def submit(self, command: SubmitOrder) -> None:
        if not self.loses_commands:
            self.place(
                command.client_order_id, command.symbol, command.side, command.quantity, command.price,
                order_type=command.order_type,
            )  # fmt: skip

    def place(
        self,
        client_order_id: str,
        symbol: str,
        side: Side,
        quantity: Decimal,
        price: Decimal | None,
        *,
        order_type: OrderType = OrderType.LIMIT,
    ) -> Resting:
        """An order arrives, from here or from anybody else with the same account."""
        number = f"{'v' if self.name == 'binance' else 'w'}{len(self.orders) + 1}"
        order = Resting(client_order_id, number, symbol, side, order_type, quantity, price)
        self.orders.append(order)
        self.say(order, ExecType.NEW)
        return order

    def cancel(self, command: CancelOrder) -> None:
        self.cancels.append(command)
        order = self._find(command.client_order_id, command.venue_order_id)
        if self.loses_commands:
            return
        if order is not None and order.state.is_open:
            self.end(order, OrderState.CANCELED)
        elif order is not None:
            self.say(order, ExecType.CANCEL_REJECTED, reason="closed")

    def end(self, order: Resting, state: OrderState) -> None:
        """An order leaves the book."""
        order.state = state
        self.say(order, ExecType(state.value))

    def cancel_by_itself(self, order: Resting) -> None:
        """The venue ends an order that nobody asked it to."""
        self.end(order, OrderState.CANCELED)

    def amend(self, command: AmendOrder) -> None:
        order = self._find(command.client_order_id, command.venue_order_id)
        if self.loses_commands or order is None or not order.state.is_open:
            return
        if command.quantity <= order.filled:
            self.say(order, ExecType.REPLACE_REJECTED, reason="less than traded")
            return
        order.quantity, order.price = command.quantity, command.price
        self.say(order, ExecType.REPLACED, order_quantity=order.quantity, order_price=order.price)

    def trade(
        self, order: Resting, quantity: str, price: str = "100", fee: str = "0.1", realized: str | None = None
    ) -> None:
        """An order trades, and the account with it. `realized` is what it brings by what the venue holds in all."""
        size, instrument = D(quantity), self._instruments[order.symbol]
        order.filled += size
        order.state = OrderState.FILLED if order.filled >= order.quantity else OrderState.PARTIALLY_FILLED
        currency, signed = instrument.settlement_currency, size * order.side.sign
        self.say(
            order, ExecType.TRADE, trade_id=f"t{len(self.fills) + 1}", price=D(price), quantity=size, fee=D(fee),
            fee_currency=currency, realized_pnl=None if realized is None else D(realized),
        )  # fmt: skip
        self.fills.append(self.outbox[-1])
        self._add(currency, D(realized or 0) - D(fee))
        if instrument.type is InstrumentType.SPOT:
            self._add(currency, -signed * D(price))
            self._add(instrument.base_currency, signed)
        else:
            self.positions[order.symbol] = self.positions.get(order.symbol, D(0)) + signed

    def _add(self, currency: str, amount: Decimal) -> None:
        self.balances[currency] = self.balances.get(currency, D(0)) + amount

    def say(self, order: Resting, exec_type: ExecType, **fields: Any) -> None:
        """Put a report on its way."""
        self.outbox.append(
            ExecutionReport(
                exec_type=exec_type, client_order_id=order.client_order_id, ts_event=self._clock.now_ns(),
                venue_order_id=order.venue_order_id, symbol=order.symbol, side=order.side, **fields,
            )
        )  # fmt: skip

    def deliver(self) -> None:
        """Let everything that is on its way arrive."""
        reports, self.outbox = self.outbox, []
        for report in reports:
            self.sink(report)

    def lose(self) -> None:
        """What is on its way never arrives."""
        self.outbox.clear()

    def status(self, order: Resting) -> OrderStatus:
        """What it says of an order when asked."""
        return OrderStatus(
            client_order_id=order.client_order_id, venue_order_id=order.venue_order_id, symbol=order.symbol,
            side=order.side, order_type=order.order_type, time_in_force=TimeInForce.GTC, quantity=order.quantity,
            price=order.price, state=order.state, filled_quantity=order.filled, ts_event=self._clock.now_ns(),
        )  # fmt: skip

    def of(self, order: Order) -> Resting:
        """The venue's side of one of ours."""
        found = self._find(order.client_order_id, "")
        assert found is not None
        return found

    def _find(self, client_order_id: str, venue_order_id: str) -> Resting | None:
        for order in self.orders:
            if order.venue_order_id == venue_order_id or (client_order_id and order.client_order_id == client_order_id):
                return order
        return None


class Core(World):
    """A world whose venues keep books, and what compares ours with theirs."""

    binance: ModelVenue
    okx: ModelVenue

    def __init__(self, *, journal: Journal | None = None, section: ReconciliationSection | None = None) -> None:
        super().__init__(journal=journal)
        held = {"USDT": D(1000)}
        self.binance, self.okx = (ModelVenue(name, self.clock, held) for name in ("binance", "okx"))
        self.models = {"binance": self.binance, "okx": self.okx}
        self.section = section or ReconciliationSection()
        self.restart()

    def restart(self) -> None:
        """A new order manager and reconciler over the same memory: what a process finds that begins."""
        self.orders = OrderManager(
            bus=self.bus, clock=self.clock, risk=self.risk, journal=self.journal, cache=self.cache,
            executors=self.models, ids=ClientOrderIds("t"), book_fill=self.portfolio.book_fill,
        )  # fmt: skip
        self.reconciler = build_reconciler(
            self.section, orders=self.orders, books=self.portfolio, journal=self.journal, executors=self.models,
            catalogue=self.catalogue, market=self.market, clock=self.clock, post=self.bus.post,
        )  # fmt: skip

    async def start(self) -> None:
        """Start the reconciler, with as much time as that takes."""
        await self.finish(self.reconciler.start())

    async def reconcile(self, venue: str = "binance") -> None:
        """Compare everything, with as much time as that takes."""
        await self.finish(self.reconciler.reconcile(venue))

    async def finish(self, coroutine: Any, limit_s: int = 600) -> None:
        """Let time pass until `coroutine` is done. Raises what it raises."""
        task = asyncio.ensure_future(coroutine)
        end_ns = self.clock.now_ns() + limit_s * NS_PER_SECOND
        await idle()
        while not task.done() and self.clock.next_due_ns <= end_ns:
            self.clock.fire_next()
            await idle()
        if not task.done():
            task.cancel()
            raise AssertionError(f"not done within {limit_s} s")
        await task

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        end_ns = self.clock.now_ns() + int(seconds * NS_PER_SECOND)
        await idle()
        while self.clock.next_due_ns <= end_ns:
            self.clock.fire_next()
            await idle()
        self.clock.set_time(end_ns)
        await idle()

    @property
    def mismatches(self) -> list[str]:
        """The kinds of mismatch that were told, in order."""
        return [event.kind for event in self.events if isinstance(event, MismatchEvent)]

    def instrument(self, symbol: str, venue: str = "binance") -> Instrument:
        """One of the catalogue's."""
        return self.catalogue.get(venue, symbol)


async def idle() -> None:
    """Let the loop do everything that needs no timer."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


def state_of(order: Order) -> OrderState:
    """Its state now: the type checker takes an attribute for what it was compared with last."""
    return order.state
