"""Watches a run on the bus, and leaves its tables in the run folder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

from quantai.core.numbers import ZERO
from quantai.data.market import MarketView
from quantai.events import (
    FillEvent,
    OrderDeniedEvent,
    OrderEvent,
    OrderSubmittedEvent,
    PortfolioValueEvent,
    PositionEvent,
)
from quantai.events.bus import EventBus
from quantai.instruments import Instrument
from quantai.oms.models import Order
from quantai.portfolio.portfolio import Portfolio
from quantai.results.curve import BoundedCurve
from quantai.results.decisions import DecisionHash
from quantai.results.drawdown import Drawdown
from quantai.results.tables import EQUITY, FILLS, ORDERS, PRICES, TableWriter, computed

TOTAL = ""
"""The name of the whole portfolio among strategies."""


class StrategyCounts:
    """What one strategy did so far."""

    def __init__(self) -> None:
        self.orders = self.fills = self.denied = 0
        self.drawdown = Drawdown()


class RunRecorder:
    """Collects orders, fills, equity and prices of a run in constant memory: tables go to disk as they grow.

    `waits_for_disk` is for simulated time: a table that the disk is too slow for makes the run wait, else it is lost.
    """

    def __init__(
        self,
        folder: Path,
        *,
        strategies: list[str],
        instruments: tuple[Instrument, ...],
        market: MarketView,
        portfolio: Portfolio,
        waits_for_disk: bool = True,
    ) -> None:
        self.decisions = DecisionHash()
        self.counts = {name: StrategyCounts() for name in (TOTAL, *strategies)}
        self.fills_by_instrument: dict[tuple[str, str], int] = {(i.venue, i.symbol): 0 for i in instruments}
        self.first_valued_ns: int | None = None
        self.since_ns = 0
        """When the run began: orders that ended before are those of an earlier one."""
        self._market = market
        self._portfolio = portfolio
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tables")
        self._orders = TableWriter(folder, "orders", ORDERS, self._thread, waits=waits_for_disk)
        self._fills = TableWriter(folder, "fills", FILLS, self._thread, waits=waits_for_disk)
        self._equity = {name: BoundedCurve() for name in (TOTAL, *strategies)}
        self._prices = {(i.venue, i.symbol): BoundedCurve() for i in instruments}
        self._realized: dict[tuple[str, str, str], Decimal] = {}
        self._fill: FillEvent | None = None

    async def start(self, bus: EventBus) -> None:
        """Subscribe to what is kept."""
        await bus.subscribe("order.*", self._on_order, name="run recorder")
        await bus.subscribe("position.*", self._on_position, name="run recorder")
        await bus.subscribe("portfolio.value", self._on_value, name="run recorder")

    def _on_order(self, event: OrderEvent) -> None:
        self.decisions.update(event)
        own = self.counts.get(event.strategy)
        if own is None:  # of a strategy that may not trade here: it was denied
            return
        total = self.counts[TOTAL]
        if isinstance(event, FillEvent):
            total.fills += 1
            own.fills += 1
            self.fills_by_instrument[event.venue, event.symbol] += 1
            self._fill = event
        elif isinstance(event, OrderSubmittedEvent):
            total.orders += 1
            own.orders += 1
        elif isinstance(event, OrderDeniedEvent):
            total.denied += 1
            own.denied += 1

    def _on_position(self, position: PositionEvent) -> None:
        """The OMS publishes a fill and then what it did to the position: together they are a row."""
        fill = self._fill
        if fill is None:
            return
        self._fill = None
        key = (position.strategy, position.venue, position.symbol)
        realized = position.realized_pnl - self._realized.get(key, ZERO)
        self._realized[key] = position.realized_pnl
        self._fills.add(
            (
                fill.ts_event, fill.client_order_id, fill.trade_id, fill.strategy, fill.venue, fill.symbol,
                fill.side.value, fill.price, fill.quantity, fill.fee, fill.fee_currency, fill.liquidity.value,
                fill.cause, position.quantity, computed(realized),
            )
        )  # fmt: skip

    def _on_value(self, value: PortfolioValueEvent) -> None:
        start = self._portfolio.starting_equity
        if value.unpriced or start is None:
            return
        now = value.ts_event
        self.first_valued_ns = self.first_valued_ns or now
        self._point(TOTAL, now, value.equity, value.pnl)
        for name in self._equity:
            made = self._portfolio.strategy_value(name) if name != TOTAL else None
            if made is not None:
                self._point(name, now, start + made.pnl, made.pnl)
        for (venue, symbol), curve in self._prices.items():
            price = self._market.price(venue, symbol)
            if price is not None:
                curve.add((now, venue, symbol, float(price)))

    def _point(self, name: str, now: int, equity: Decimal, pnl: Decimal) -> None:
        self.counts[name].drawdown.update(equity)
        self._equity[name].add((now, name, computed(equity), computed(pnl)))

    def add_order(self, order: Order) -> None:
        """Keep an order as it ended, if this run had to do with it."""
        if order.ts_last < self.since_ns:
            return
        if order.is_parent:  # it was never sent: its children are what was
            is_counted = order.ts_submitted >= self.since_ns and order.strategy in self.counts
            for name in (TOTAL, order.strategy) if is_counted else ():
                self.counts[name].orders -= 1
            return
        self._orders.add(
            (
                order.client_order_id, order.strategy, order.venue, order.symbol, order.side.value,
                order.order_type.value, order.time_in_force.value, order.price, order.quantity, order.filled_quantity,
                computed(order.average_price), order.state.value, order.ts_submitted, order.ts_last,
                order.reason, order.cause,
            )
        )  # fmt: skip

    def close(self) -> None:
        """Once, at the end: put the tables in their places. Raises `StoreError` where the disk does not take them."""
        equity = TableWriter(self._folder, "equity", EQUITY, self._thread)
        for curve in self._equity.values():
            for point in curve.points():
                equity.add(point)
        prices = TableWriter(self._folder, "prices", PRICES, self._thread)
        for curve in self._prices.values():
            for point in curve.points():
                prices.add(point)
        with self._thread:
            for table in (self._orders, self._fills, equity, prices):
                table.close()
