"""A venue, as it really is: its orders, its trades, its account. What anybody hears of it is the link's business."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.core.enums import Liquidity, OrderState, Side, TimeInForce
from quantai.core.numbers import ZERO
from quantai.exchanges.execution import (
    AmendOrder,
    CancelOrder,
    ExecType,
    ExecutionReport,
    SubmitOrder,
)
from quantai.instruments import Instrument
from tests.torture.oms.faults import Faults, Habits
from tests.torture.oms.ledger import Ledger
from tests.torture.oms.venue_order import VenueOrder

_MAKER, _TAKER = Decimal("0.0002"), Decimal("0.001")
_FORGOTTEN_AFTER_NS = 5 * NS_PER_SECOND
_FINAL = {ExecType.CANCELED: OrderState.CANCELED, ExecType.EXPIRED: OrderState.EXPIRED}


class Exchange:
    """One venue. Commands return their answer; what is streamed besides goes to `stream`."""

    def __init__(
        self, name: str, instruments: list[Instrument], *, clock: Clock, dice: random.Random, habits: Habits
    ) -> None:
        self.name = name
        self.instruments = {each.symbol: each for each in instruments}
        self.habits = habits
        self.ledger = Ledger()
        self.orders: list[VenueOrder] = []
        self.open: dict[str, VenueOrder] = {}
        self.trades: list[ExecutionReport] = []
        self.ticks = dict.fromkeys(self.instruments, 10_000)
        self.stream: Callable[[ExecutionReport], None] = lambda report: None
        self.on_change: Callable[[Exchange, VenueOrder, Decimal], None] = lambda exchange, order, traded: None
        self.faults: Faults
        self.is_calm = False
        self._clock = clock
        self._dice = dice
        self._by_client: dict[str, VenueOrder] = {}
        self._by_name: dict[str, VenueOrder] = {}
        self._names = 0

    # What can be asked.

    def now_ns(self) -> int:
        """The time, as the venue's clock has it."""
        return self._clock.now_ns() + self.habits.skew_ns

    def price(self, symbol: str, side: Side) -> Decimal:
        """What a taker of `side` pays, or gets: one tick from the middle."""
        return self.instruments[symbol].tick_size * (self.ticks[symbol] + side.sign)

    def find(self, client_order_id: str, name: str = "") -> VenueOrder | None:
        """The order, by either name; None where it was never here, or is forgotten."""
        order = self._by_name.get(name) or self._by_client.get(client_order_id)
        return None if order is None or self.is_forgotten(order) else order

    def is_forgotten(self, order: VenueOrder) -> bool:
        """Whether the venue does not know it any more."""
        is_old = self.now_ns() - order.ts_ns > _FORGOTTEN_AFTER_NS
        return self.habits.forgets and is_old and not order.state.is_open and not order.filled

    # Commands.

    def place(self, command: SubmitOrder) -> ExecutionReport:
        """A new order; it trades at once where it can."""
        known = self._by_client.get(command.client_order_id)
        refusal = self._refusal(command, known)
        if refusal:
            return self._said(ExecType.REJECTED, command.client_order_id, command.symbol, reason=refusal)
        order = self._admit(command)
        accepted = self._report(order, ExecType.NEW)
        self.stream(accepted)
        self._take(order)
        return accepted

    def _refusal(self, command: SubmitOrder, known: VenueOrder | None) -> str:
        if command.client_order_id and known is not None:
            return "duplicate client order id"
        if self._dice.random() < self.faults.rates["reject"]:
            return "the venue does not like it"
        is_taking = self._is_marketable(command.symbol, command.side, command.price)
        if command.time_in_force is TimeInForce.POST_ONLY and is_taking and not self.habits.post_only_cancels:
            return "post-only order would take"
        if command.reduce_only and self.ledger.positions[command.symbol] * command.side.sign >= 0:
            return "reduce-only order would not reduce"
        return ""

    def _admit(self, command: SubmitOrder) -> VenueOrder:
        instrument = self.instruments[command.symbol]
        order = VenueOrder(command, instrument, [], command.quantity, command.price, self.now_ns())
        self._rename(order)
        self.orders.append(order)
        if command.client_order_id:
            self._by_client[command.client_order_id] = order
        self.open[order.names[-1]] = order
        self.on_change(self, order, ZERO)
        return order

    def _rename(self, order: VenueOrder) -> None:
        self._names += 1
        order.names.append(f"{self.name}-{self._names}")
        self._by_name[order.names[-1]] = order

    def cancel(self, command: CancelOrder) -> ExecutionReport:
        """Take an order off the book."""
        order = self._by_name.get(command.venue_order_id) or self._by_client.get(command.client_order_id)
        if order is None or not order.state.is_open:
            reason = "unknown order" if order is None else f"order is {order.state}"
            return self._said(ExecType.CANCEL_REJECTED, command.client_order_id, command.symbol, reason=reason)
        return self.close(order, ExecType.CANCELED, "asked")

    def amend(self, command: AmendOrder) -> ExecutionReport:
        """Change an order; it trades at once where it now can, but when all is over: what an exit could not be changed
        to before is asked for by the next run, and that should leave positions as they are.
        """
        order = self._by_name.get(command.venue_order_id) or self._by_client.get(command.client_order_id)
        refusal = "unknown order" if order is None else "" if order.state.is_open else f"order is {order.state}"
        if order is not None and not refusal and command.quantity <= order.filled:
            refusal = f"{order.filled} has traded"
        if order is None or refusal or self._is_rigid(order):
            reason = refusal or "the venue does not like it"
            return self._said(ExecType.REPLACE_REJECTED, command.client_order_id, command.symbol, reason=reason)
        order.quantity, order.price = command.quantity, command.price
        if self.habits.new_id:
            del self.open[order.names[-1]]
            self._rename(order)
            self.open[order.names[-1]] = order
        self.on_change(self, order, ZERO)
        replaced = self._replaced(order)
        if not self.is_calm:
            self._take(order)
        return replaced

    def _is_rigid(self, order: VenueOrder) -> bool:
        """Whether the venue does not change this order for reasons of its own: never, if it once did not."""
        order.is_rigid |= self._dice.random() < self.faults.rates["reject"]
        return order.is_rigid

    # What happens by itself.

    def step(self) -> None:
        """The markets move a little; what rests may trade."""
        for symbol in self.instruments:
            self.ticks[symbol] = min(max(self.ticks[symbol] + self._dice.randint(-3, 3), 9_800), 10_200)
            for order in self._resting(symbol):
                if order.price is not None and self._is_marketable(symbol, order.command.side, order.price):
                    self._fill(order, self._part(order), order.price, Liquidity.MAKER)

    def misbehave(self) -> None:
        """End or reduce an order that nobody touched."""
        if not self.open:
            return
        order = self._dice.choice(list(self.open.values()))
        smaller = order.filled + self._lots(order.leaves / 2, order.instrument)
        match self._dice.randrange(3):
            case 0:
                self.close(order, ExecType.CANCELED, "the venue's own doing")
            case 1:
                self.close(order, ExecType.EXPIRED, "its time is over")
            case _ if smaller > order.filled:
                order.quantity = smaller
                self._replaced(order)

    def drop_all(self) -> None:
        """What a restart does to orders at some venues: they are gone, and nobody is told."""
        for order in list(self.open.values()):
            self.close(order, ExecType.CANCELED, "venue restarted", is_told=False)

    def close(self, order: VenueOrder, exec_type: ExecType, reason: str, *, is_told: bool = True) -> ExecutionReport:
        """Off the book."""
        order.state = _FINAL[exec_type]
        del self.open[order.names[-1]]
        report = self._report(order, exec_type, reason=reason)
        if is_told:
            self.stream(report)
        return report

    # Trading.

    def _resting(self, symbol: str) -> Iterator[VenueOrder]:
        for order in list(self.open.values()):
            if order.command.symbol == symbol and order.state.is_open:
                yield order

    def _is_marketable(self, symbol: str, side: Side, price: Decimal | None) -> bool:
        return price is None or (price - self.price(symbol, side)) * side.sign >= 0

    def _take(self, order: VenueOrder) -> None:
        """Trade at once what can, then end what may not rest."""
        command, price = order.command, self.price(order.command.symbol, order.command.side)
        is_taking = self._is_marketable(command.symbol, command.side, order.price)
        match command.time_in_force:
            case TimeInForce.POST_ONLY if is_taking:
                self.close(order, ExecType.CANCELED, "post-only order would take")
                return
            case TimeInForce.FOK:
                is_taking = is_taking and self._dice.random() < 0.5
                if is_taking:
                    self._fill(order, order.leaves, price, Liquidity.TAKER)
            case _ if is_taking:
                for _ in range(self._dice.randint(0 if order.price else 1, 3)):
                    self._fill(order, self._part(order), price, Liquidity.TAKER)
        if order.state.is_open and (order.price is None or command.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)):
            self.close(order, self._dice.choice((ExecType.CANCELED, ExecType.EXPIRED)), "no more to take")

    def _part(self, order: VenueOrder) -> Decimal:
        if self._dice.random() < 0.4:
            return order.leaves
        return self._lots(order.leaves * self._dice.randint(1, 9) / 10, order.instrument) or order.leaves

    @staticmethod
    def _lots(quantity: Decimal, instrument: Instrument) -> Decimal:
        return quantity // instrument.lot_size * instrument.lot_size

    def _fill(self, order: VenueOrder, quantity: Decimal, price: Decimal, liquidity: Liquidity) -> None:
        if not quantity:
            return
        instrument, side = order.instrument, order.command.side
        order.filled += quantity
        is_over = order.filled == order.quantity
        order.state = OrderState.FILLED if is_over else OrderState.PARTIALLY_FILLED
        if is_over:
            del self.open[order.names[-1]]
        rate = _MAKER if liquidity is Liquidity.MAKER else _TAKER
        fee, currency = instrument.notional(quantity, price) * rate, instrument.settlement_currency
        if self.habits.base_fees and side is Side.BUY and not instrument.is_margined:
            fee, currency = quantity * rate, instrument.base_currency
        self.ledger.trade(instrument, quantity * side.sign, price, fee, currency)
        trade = self._report(
            order, ExecType.TRADE, trade_id=f"t{len(self.trades) + 1}", price=price, quantity=quantity, fee=fee,
            fee_currency=currency, liquidity=liquidity,
        )  # fmt: skip
        order.trades.append(trade)
        self.trades.append(trade)
        self.on_change(self, order, quantity * side.sign)
        self.stream(trade)

    # Words.

    def _replaced(self, order: VenueOrder) -> ExecutionReport:
        report = self._report(
            order, ExecType.REPLACED, order_quantity=order.quantity, order_price=order.price, reason="replaced"
        )
        self.stream(report)
        return report

    def _report(self, order: VenueOrder, exec_type: ExecType, **fields: Any) -> ExecutionReport:
        order.ts_ns = self.now_ns()
        name = "" if self.habits.id_only else order.client_order_id
        return self._said(
            exec_type, name, order.command.symbol, side=order.command.side, venue_order_id=order.names[-1],
            filled_quantity=None if self.habits.no_filled else order.filled, **fields,
        )  # fmt: skip

    def _said(self, exec_type: ExecType, client_order_id: str, symbol: str, **fields: Any) -> ExecutionReport:
        return ExecutionReport(
            exec_type=exec_type, client_order_id=client_order_id, symbol=symbol, ts_event=self.now_ns(), **fields
        )
