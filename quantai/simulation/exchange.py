"""A simulated venue: takes orders after a latency, fills them against the market seen, charges fees, reports.

Amendments follow Binance's futures: what is off the grid is rejected and the order stays; a quantity that has traded
already, or a post-only price that would take, cancels the order. As at Bybit, only a smaller quantity keeps the place
in the queue. A reduce-only order that is larger than the position is rejected, as at OKX, and cancelled where the
position becomes smaller than it. The position is what was `restore`d, and what traded here since.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import partial

import msgspec

from quantai.core.clock import Clock
from quantai.core.enums import OrderType, TimeInForce
from quantai.core.numbers import is_multiple
from quantai.data.market import MarketView
from quantai.events import BarEvent, TickEvent, TradeEvent
from quantai.events.bus import EventBus, Handler
from quantai.exchanges.execution import (
    AmendOrder,
    CancelOrder,
    ExecType,
    ExecutionConnector,
    ReportSink,
    SubmitOrder,
)
from quantai.instruments import Instrument
from quantai.simulation.account import SimulatedAccount
from quantai.simulation.matching import Market, Working
from quantai.simulation.reporting import Reporter, VenueModel

__all__ = ["SimulatedExchange", "VenueModel"]


_IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)


class SimulatedExchange(ExecutionConnector):
    """Executes orders of one venue's instruments; see `matching` for the rules of filling."""

    account: SimulatedAccount

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
        self._reporter = Reporter(venue, self._instruments, model, clock)
        self.account = self._reporter.account
        self._markets = {
            symbol: Market(self._reporter.traded, lot_size=instrument.lot_size, behind_queue=model.behind_queue)
            for symbol, instrument in self._instruments.items()
        }
        self._active: dict[str, Market] = {}
        self._inbox: deque[tuple[Callable[[], None], ...]] = deque()
        self._orders = 0

    async def watch(self, topics: Sequence[str]) -> None:
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

    def restore(self, positions: Iterable[tuple[Instrument, Decimal]]) -> None:
        """Begin with the positions that an earlier run left here."""
        for instrument, quantity in positions:
            if instrument.venue == self._venue and instrument.symbol in self._markets:
                self._markets[instrument.symbol].position = quantity

    def on_report(self, sink: ReportSink) -> None:
        self._reporter.sink = sink

    def submit(self, command: SubmitOrder) -> None:
        self._travel(partial(self._arrive, command, self._clock.now_ns()))

    def submit_batch(self, commands: Sequence[SubmitOrder]) -> None:
        sent_ns = self._clock.now_ns()
        self._travel(*(partial(self._arrive, command, sent_ns) for command in commands))

    def amend(self, command: AmendOrder) -> None:
        self._travel(partial(self._arrive_amend, command, self._clock.now_ns()))

    def cancel(self, command: CancelOrder) -> None:
        self._travel(partial(self._arrive_cancel, command))

    def cancel_batch(self, commands: Sequence[CancelOrder]) -> None:
        self._travel(*(partial(self._arrive_cancel, command) for command in commands))

    def _travel(self, *arrivals: Callable[[], None]) -> None:
        """Messages arrive in the order in which they were sent, however exactly the clock keeps its timers."""
        self._inbox.append(arrivals)
        self._clock.call_later(self._model.order_latency_ns, lambda _: self._take_message())

    def _take_message(self) -> None:
        for arrive in self._inbox.popleft():
            arrive()

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
        if market.reducing:
            for order in market.no_longer_reducing():
                self._end(order, market, "reduce-only, and the position became smaller than the order")
        if market.is_idle:
            self._active.pop(symbol, None)

    def _arrive(self, command: SubmitOrder, sent_ns: int) -> None:
        self._orders += 1
        order = Working(command, f"{self._reporter.prefix}-{self._orders}", sent_ns)
        market = self._markets.get(command.symbol)
        if market is None:
            self._reporter.tell(order, ExecType.REJECTED, f"{self._venue} has no {command.symbol}")
            return
        market.see(self._view.tick(self._venue, command.symbol), self._last_price(command.symbol))
        refusal = self._refusal(command) or self._refusal_now(order, market)
        if refusal:
            self._reporter.tell(order, ExecType.REJECTED, refusal)
            return
        self._reporter.tell(order, ExecType.NEW)
        if command.time_in_force is TimeInForce.FOK and market.available(order) < order.leaves:
            self._reporter.tell(order, ExecType.EXPIRED, "FOK: the quote does not fill all of it")
            return
        market.add(order)
        if command.time_in_force in _IMMEDIATE and order.leaves > 0:
            market.remove(command.client_order_id)
            self._reporter.tell(order, ExecType.EXPIRED, "IOC: the rest did not trade at once")
        self._active[command.symbol] = market
        self._retire(command.symbol, market)

    def _last_price(self, symbol: str) -> float | None:
        """The last print; where there are only bars, the last close."""
        trade = self._view.trade(self._venue, symbol)
        if trade is not None:
            return trade.price
        if self._view.tick(self._venue, symbol) is not None:
            return None
        price = self._view.price(self._venue, symbol)
        return None if price is None else float(price)

    def _refusal(self, command: SubmitOrder) -> str:
        """Why no such order can be, whatever the market; empty where it can."""
        instrument = self._instruments[command.symbol]
        quantity, most = command.quantity, instrument.max_quantity
        if quantity <= 0 or quantity < instrument.min_quantity or (most is not None and quantity > most):
            return f"quantity {quantity} is not within the limits of {instrument}"
        if not is_multiple(quantity, instrument.lot_size):
            return f"quantity {quantity} is not a multiple of the lot {instrument.lot_size}"
        if command.price is not None and not is_multiple(command.price, instrument.tick_size):
            return f"price {command.price} is not a multiple of the tick {instrument.tick_size}"
        if instrument.expiry_ns is not None and self._clock.now_ns() >= instrument.expiry_ns:
            return f"{instrument} has expired"
        if command.time_in_force is TimeInForce.POST_ONLY and command.order_type is OrderType.MARKET:
            return "a market order cannot be post-only"
        return ""

    def _refusal_now(self, order: Working, market: Market) -> str:
        """Why the order cannot be in this market, with this position; empty where it can."""
        if order.command.time_in_force is TimeInForce.POST_ONLY and market.would_take(order):
            return "post-only, but it would take"
        if order.command.reduce_only and order.leaves > market.reducible(order):
            return f"reduce-only, but the position is {market.position}"
        return ""

    def _arrive_amend(self, command: AmendOrder, sent_ns: int) -> None:
        market = self._markets[command.symbol]
        order = market.orders.get(command.client_order_id)
        if order is None:
            self._reporter.refuse(command, ExecType.REPLACE_REJECTED, "no such open order")
            return
        if order.command.price is None:
            self._reporter.refuse(command, ExecType.REPLACE_REJECTED, "a market order cannot be changed")
            return
        price = order.command.price if command.price is None else command.price
        changed = msgspec.structs.replace(order.command, quantity=command.quantity, price=price)
        if command.quantity <= order.filled:
            self._end(order, market, f"amended to {command.quantity}, of which {order.filled} had traded")
        elif refusal := self._refusal(changed):
            self._reporter.refuse(command, ExecType.REPLACE_REJECTED, refusal)
        else:
            self._change(order, changed, market, sent_ns)
        self._retire(command.symbol, market)

    def _change(self, order: Working, changed: SubmitOrder, market: Market, sent_ns: int) -> None:
        market.see(self._view.tick(self._venue, changed.symbol), self._last_price(changed.symbol))
        candidate = Working(changed, order.venue_order_id)
        candidate.leaves -= order.filled
        if changed.price != order.command.price and (refusal := self._refusal_now(candidate, market)):
            self._end(order, market, refusal)
            return
        order.sent_ns = sent_ns
        self._reporter.replaced(order, changed.quantity, changed.price)
        market.amend(order, changed.quantity, changed.price)

    def _end(self, order: Working, market: Market, reason: str) -> None:
        market.remove(order.command.client_order_id)
        self._reporter.tell(order, ExecType.CANCELED, reason)

    def _arrive_cancel(self, command: CancelOrder) -> None:
        market = self._markets[command.symbol]
        order = market.remove(command.client_order_id)
        if order is None:
            self._reporter.refuse(command, ExecType.CANCEL_REJECTED, "no such open order")
            return
        self._reporter.tell(order, ExecType.CANCELED)
        self._retire(command.symbol, market)

    def _expire(self, symbol: str, due_ns: int) -> None:
        """The instrument trades no more."""
        market = self._markets[symbol]
        for order in list(market.orders.values()):
            market.remove(order.command.client_order_id)
            self._reporter.tell(order, ExecType.EXPIRED, "the instrument has expired")
