"""A simulated venue: takes orders after a latency, fills them against the market seen, charges fees, reports."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import partial

from quantai.core.clock import Clock
from quantai.core.enums import Liquidity, OrderType, TimeInForce
from quantai.core.numbers import ZERO, is_multiple
from quantai.data.market import MarketView
from quantai.events import BarEvent, TickEvent, TradeEvent
from quantai.events.bus import EventBus, Handler
from quantai.exchanges.base import (
    CancelOrder,
    ExecType,
    ExecutionConnector,
    ExecutionReport,
    ReportSink,
    SubmitOrder,
)
from quantai.instruments import Instrument
from quantai.simulation.matching import Market, Working


@dataclass(frozen=True, slots=True)
class VenueModel:
    """How a simulated venue behaves: fees as fractions of notional, latencies in nanoseconds, rounding of fees."""

    maker_fee: Decimal
    taker_fee: Decimal
    order_latency_ns: int
    report_latency_ns: int
    fee_step: Decimal = Decimal("1e-8")
    behind_queue: bool = True


class SimulatedExchange(ExecutionConnector):
    """Executes orders of one venue's instruments; see `matching` for the rules of filling."""

    def __init__(
        self,
        venue: str,
        instruments: Sequence[Instrument],
        model: VenueModel,
        *,
        bus: EventBus,
        clock: Clock,
        view: MarketView,
    ) -> None:
        self._venue = venue
        self._instruments = {instrument.symbol: instrument for instrument in instruments}
        self._model = model
        self._bus = bus
        self._clock = clock
        self._view = view
        self._markets = {
            symbol: Market(self._traded, lot_size=instrument.lot_size, behind_queue=model.behind_queue)
            for symbol, instrument in self._instruments.items()
        }
        self._active: dict[str, Market] = {}
        self._inbox: deque[Callable[[], None]] = deque()
        self._outbox: deque[ExecutionReport] = deque()
        self._orders = 0
        self._trades = 0

    async def start(self, topics: Sequence[str]) -> None:
        """Watch the market on `topics`: this venue's ticks and trades, or bars where there is nothing finer."""
        handlers: dict[str, Handler] = {
            TickEvent.topic_prefix: self._on_tick,
            TradeEvent.topic_prefix: self._on_trade,
            BarEvent.topic_prefix: self._on_bar,
        }
        for topic in topics:
            prefix = next(prefix for prefix in handlers if topic.startswith(f"{prefix}.{self._venue}."))
            await self._bus.subscribe(topic, handlers[prefix], name=f"simulated {self._venue}")
        for instrument in self._instruments.values():
            if instrument.expiry_ns is not None:
                self._clock.call_at(instrument.expiry_ns, partial(self._expire, instrument.symbol))

    def on_report(self, sink: ReportSink) -> None:
        self._sink = sink

    def submit(self, command: SubmitOrder) -> None:
        self._travel(partial(self._arrive, command, self._clock.now_ns()))

    def cancel(self, command: CancelOrder) -> None:
        self._travel(partial(self._arrive_cancel, command))

    def _travel(self, arrive: Callable[[], None]) -> None:
        """Commands arrive in the order in which they were sent, however exactly the clock keeps its timers."""
        self._inbox.append(arrive)
        self._clock.call_later(self._model.order_latency_ns, lambda _: self._inbox.popleft()())

    def _on_tick(self, tick: TickEvent) -> None:
        market = self._active.get(tick.symbol)
        if market is not None:
            market.on_tick(tick)
            self._retire(tick.symbol, market)

    def _on_trade(self, trade: TradeEvent) -> None:
        market = self._active.get(trade.symbol)
        if market is not None:
            market.on_trade(trade)
            self._retire(trade.symbol, market)

    def _on_bar(self, bar: BarEvent) -> None:
        market = self._active.get(bar.symbol)
        if market is not None:
            market.on_bar(bar)
            self._retire(bar.symbol, market)

    def _retire(self, symbol: str, market: Market) -> None:
        """A market in which we have nothing need not be told what happens."""
        if market.is_idle:
            self._active.pop(symbol, None)

    def _arrive(self, command: SubmitOrder, sent_ns: int) -> None:
        self._orders += 1
        order = Working(command, f"{self._venue}-{self._orders}", sent_ns)
        market = self._markets.get(command.symbol)
        if market is None:
            self._report(order, ExecType.REJECTED, f"{self._venue} has no {command.symbol}")
            return
        market.see(self._view.tick(self._venue, command.symbol), self._last_price(command.symbol))
        refusal = self._refusal(order, market)
        if refusal:
            self._report(order, ExecType.REJECTED, refusal)
            return
        self._report(order, ExecType.NEW)
        if command.time_in_force is TimeInForce.FOK and market.available(order) < order.leaves:
            self._report(order, ExecType.EXPIRED, "FOK: the quote does not fill all of it")
            return
        market.add(order)
        if command.time_in_force in (TimeInForce.IOC, TimeInForce.FOK) and order.leaves > 0:
            del market.orders[command.client_order_id]
            self._report(order, ExecType.EXPIRED, "IOC: the rest did not trade at once")
        if not market.is_idle:
            self._active[command.symbol] = market

    def _last_price(self, symbol: str) -> float | None:
        """The last print; where there are only bars, the last close."""
        trade = self._view.trade(self._venue, symbol)
        if trade is not None:
            return trade.price
        if self._view.tick(self._venue, symbol) is not None:
            return None
        price = self._view.price(self._venue, symbol)
        return None if price is None else float(price)

    def _refusal(self, order: Working, market: Market) -> str:
        command, instrument = order.command, self._instruments[order.command.symbol]
        quantity, most = command.quantity, instrument.max_quantity
        if quantity <= 0 or quantity < instrument.min_quantity or (most is not None and quantity > most):
            return f"quantity {quantity} is not within the limits of {instrument}"
        if not is_multiple(quantity, instrument.lot_size):
            return f"quantity {quantity} is not a multiple of the lot {instrument.lot_size}"
        if command.price is not None and not is_multiple(command.price, instrument.tick_size):
            return f"price {command.price} is not a multiple of the tick {instrument.tick_size}"
        if instrument.expiry_ns is not None and self._clock.now_ns() >= instrument.expiry_ns:
            return f"{instrument} has expired"
        if command.time_in_force is TimeInForce.POST_ONLY:
            if command.order_type is OrderType.MARKET:
                return "a market order cannot be post-only"
            if market.would_take(order):
                return "post-only, but it would take"
        return ""

    def _arrive_cancel(self, command: CancelOrder) -> None:
        market = self._markets[command.symbol]
        order = market.orders.pop(command.client_order_id, None)
        if order is None:
            self._send(
                ExecutionReport(
                    exec_type=ExecType.CANCEL_REJECTED,
                    client_order_id=command.client_order_id,
                    ts_event=self._clock.now_ns(),
                    reason="no such open order",
                )
            )
            return
        self._report(order, ExecType.CANCELED)
        self._retire(command.symbol, market)

    def _expire(self, symbol: str, due_ns: int) -> None:
        """The instrument trades no more."""
        orders = self._markets[symbol].orders
        for order in list(orders.values()):
            self._report(order, ExecType.EXPIRED, "the instrument has expired")
        orders.clear()

    def _traded(self, order: Working, price: Decimal, quantity: Decimal, liquidity: Liquidity) -> None:
        self._trades += 1
        instrument = self._instruments[order.command.symbol]
        rate = self._model.maker_fee if liquidity is Liquidity.MAKER else self._model.taker_fee
        fee = (instrument.notional(quantity, price) * rate).quantize(self._model.fee_step, rounding=ROUND_HALF_UP)
        self._send(
            ExecutionReport(
                exec_type=ExecType.TRADE,
                client_order_id=order.command.client_order_id,
                venue_order_id=order.venue_order_id,
                ts_event=self._clock.now_ns(),
                trade_id=f"{self._venue}-{self._trades}",
                price=price,
                quantity=quantity,
                fee=fee or ZERO,
                fee_currency=instrument.settlement_currency,
                liquidity=liquidity,
            )
        )

    def _report(self, order: Working, exec_type: ExecType, reason: str = "") -> None:
        self._send(
            ExecutionReport(
                exec_type=exec_type,
                client_order_id=order.command.client_order_id,
                venue_order_id=order.venue_order_id,
                ts_event=self._clock.now_ns(),
                reason=reason,
            )
        )

    def _send(self, report: ExecutionReport) -> None:
        self._outbox.append(report)
        self._clock.call_later(self._model.report_latency_ns, lambda _: self._sink(self._outbox.popleft()))
