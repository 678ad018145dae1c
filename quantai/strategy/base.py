"""The class that strategies are made from. The same strategy runs in simulation, paper and live.

    class Momentum(BaseStrategy):
        quantity: Positive = Decimal("0.01")        # a parameter: set it in YAML or on the command line

        async def on_tick(self, tick: TickEvent) -> None:
            await self.buy(tick.symbol, quantity=self.quantity)

A handler may be `def` or `async def`. A strategy gets just the events it has handlers for, of its own instruments.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from decimal import Decimal
from inspect import get_annotations
from typing import Any

from quantai.core.clock import Timer
from quantai.core.component import Component
from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import ConfigError, OrderError
from quantai.core.numbers import ZERO, Number
from quantai.core.params import parse_duration
from quantai.events import (
    BarEvent,
    FillEvent,
    FundingRateEvent,
    LiquidationEvent,
    MarkPriceEvent,
    OpenInterestEvent,
    OrderBookDeltaEvent,
    OrderBookSnapshotEvent,
    OrderEvent,
    PositionEvent,
    TickEvent,
    TimerEvent,
    TradeEvent,
)
from quantai.instruments import Instrument
from quantai.oms.models import Order, OrderRequest
from quantai.strategy.context import StrategyContext

Result = Awaitable[None] | None


class BaseStrategy(Component):
    """Subclass it; annotated public attributes are parameters, `on_...` methods are handlers."""

    _context: StrategyContext

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse parameters that would hide what every strategy has, such as `name` or `position`."""
        super().__init_subclass__(**kwargs)
        for name in get_annotations(cls):
            if hasattr(BaseStrategy, name) and not name.startswith("_"):
                raise ConfigError(
                    f"{cls.__name__} cannot have a parameter {name!r}: BaseStrategy.{name} is something else"
                )

    def bind(self, context: StrategyContext) -> None:
        """Called once by the runner, before `on_start`."""
        self._context = context
        self._routed: dict[tuple[str, str | None], Instrument] = {}
        self._logger = logging.getLogger(f"strategy.{context.name}")

    # Handlers

    def on_start(self) -> Result:
        """Before the first event."""

    def on_stop(self) -> Result:
        """After the last event, before open orders are cancelled."""

    def on_tick(self, tick: TickEvent) -> Result:
        """The best bid or ask changed."""

    def on_trade(self, trade: TradeEvent) -> Result:
        """A trade happened in the market."""

    def on_bar(self, bar: BarEvent) -> Result:
        """A bar of the configured `bar_interval` ended."""

    def on_book(self, book: OrderBookSnapshotEvent) -> Result:
        """A whole order book came."""

    def on_book_delta(self, delta: OrderBookDeltaEvent) -> Result:
        """Levels of the order book changed."""

    def on_mark_price(self, mark: MarkPriceEvent) -> Result:
        """The venue's mark price changed."""

    def on_funding_rate(self, rate: FundingRateEvent) -> Result:
        """The funding rate changed."""

    def on_open_interest(self, interest: OpenInterestEvent) -> Result:
        """The open interest changed."""

    def on_liquidation(self, liquidation: LiquidationEvent) -> Result:
        """Somebody was liquidated."""

    def on_order(self, event: OrderEvent) -> Result:
        """Anything happened to an order of this strategy, fills included."""

    def on_fill(self, fill: FillEvent) -> Result:
        """An order of this strategy traded, in part or in full."""

    def on_position(self, position: PositionEvent) -> Result:
        """A position of this strategy changed."""

    def on_timer(self, timer: TimerEvent) -> Result:
        """A timer armed with `every` is due."""

    # What a strategy can do

    def buy(
        self,
        symbol: str,
        quantity: Number,
        price: Number | None = None,
        *,
        venue: str | None = None,
        time_in_force: TimeInForce | str = TimeInForce.GTC,
    ) -> Order:
        """Buy at the market, or at `price` or better. Price and quantity are put on the instrument's grid.

        The order is on its way (or denied: see `order.state`) when this returns; `await` is allowed and waits for
        nothing. Raises `OrderError` for an instrument that is not the strategy's, or once it is stopped, and
        `NumberError` for what is no number.
        """
        return self._submit(Side.BUY, symbol, quantity, price, venue, time_in_force)

    def sell(
        self,
        symbol: str,
        quantity: Number,
        price: Number | None = None,
        *,
        venue: str | None = None,
        time_in_force: TimeInForce | str = TimeInForce.GTC,
    ) -> Order:
        """Sell at the market, or at `price` or better; otherwise as `buy`."""
        return self._submit(Side.SELL, symbol, quantity, price, venue, time_in_force)

    def cancel(self, order: Order) -> None:
        """Ask for an order to be cancelled; what became of it comes as an order event."""
        self._context.orders.cancel(order, self._cause())

    def cancel_all(self, symbol: str | None = None) -> None:
        """Cancel all open orders of this strategy, or those on `symbol`."""
        self._context.orders.cancel_all(self.name, symbol, self._cause())

    def every(self, interval: str, name: str = "") -> Timer:
        """Call `on_timer` at every whole multiple of `interval` (such as `5s`); cancel the timer to stop."""
        return self._context.set_timer(name or interval, parse_duration(interval))

    # What a strategy can see

    @property
    def name(self) -> str:
        """The name the strategy has in the configuration."""
        return self._context.name

    @property
    def logger(self) -> logging.Logger:
        """Logs under the strategy's name."""
        return self._logger

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """What the strategy may see and trade, in the order of the configuration."""
        return self._context.instruments

    @property
    def open_orders(self) -> list[Order]:
        """The strategy's orders that may still trade, oldest first."""
        return self._context.orders.open_orders(self.name)

    def now_ns(self) -> int:
        """The time, nanoseconds UTC; simulated in a simulation."""
        return self._context.clock.now_ns()

    def position(self, symbol: str, venue: str | None = None) -> Decimal:
        """The strategy's own signed position in base currency or contracts; summed over venues where none is named."""
        own = self._context.portfolio.position
        if venue is not None:
            return own(venue, symbol, self.name)
        return sum((own(each.venue, symbol, self.name) for each in self.instruments if each.symbol == symbol), ZERO)

    def balance(self, venue: str, currency: str) -> Decimal:
        """What the account at `venue` holds; all strategies share it."""
        return self._context.portfolio.balance(venue, currency)

    def tick(self, symbol: str, venue: str | None = None) -> TickEvent | None:
        """The newest best bid and ask, None before the first."""
        return self._context.market.tick(self.instrument(symbol, venue).venue, symbol)

    def instrument(self, symbol: str, venue: str | None = None) -> Instrument:
        """The instrument an order on `symbol` would go to. Raises `OrderError` where that cannot be told."""
        routed = self._routed.get((symbol, venue))
        if routed is None:
            candidates = [i for i in self.instruments if i.symbol == symbol and venue in (None, i.venue)]
            routed = self._routed[symbol, venue] = self._context.router.route(self.name, symbol, candidates)
        return routed

    def _submit(
        self,
        side: Side,
        symbol: str,
        quantity: Number,
        price: Number | None,
        venue: str | None,
        time_in_force: TimeInForce | str,
    ) -> Order:
        if self._context.is_stopped():
            raise OrderError(f"{self.name} is stopped and may not trade any more")
        instrument = self.instrument(symbol, venue)
        return self._context.orders.submit(
            OrderRequest(
                strategy=self.name,
                instrument=instrument,
                side=side,
                order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
                quantity=instrument.quantize_quantity(quantity),
                price=None if price is None else instrument.quantize_price(price),
                time_in_force=_time_in_force(time_in_force),
                cause=self._cause(),
            )
        )

    def _cause(self) -> str:
        cause = self._context.cause()
        return cause.reference if cause is not None else ""


def _time_in_force(value: TimeInForce | str) -> TimeInForce:
    try:
        return TimeInForce(value)
    except ValueError:
        raise OrderError(f"no time in force {value!r}; there are {', '.join(TimeInForce)}") from None
