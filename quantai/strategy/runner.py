"""Runs one strategy: subscribes it to what it handles, keeps what it is handling, stops it when it fails too often."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from quantai.core.clock import Clock, Timer
from quantai.data.market import MarketView
from quantai.events import (
    BarEvent,
    ErrorEvent,
    Event,
    FillEvent,
    FundingRateEvent,
    LiquidationEvent,
    MarketEvent,
    MarkPriceEvent,
    OpenInterestEvent,
    OrderBookDeltaEvent,
    OrderBookSnapshotEvent,
    TickEvent,
    TimerEvent,
    TradeEvent,
)
from quantai.events.bus import EventBus, Handler, Subscription
from quantai.instruments import Instrument
from quantai.oms.contingent import ContingentOrders
from quantai.oms.orders import Orders
from quantai.oms.routing import Routing
from quantai.portfolio.portfolio import Portfolio
from quantai.strategy.base import BaseStrategy
from quantai.strategy.context import StrategyContext

logger = logging.getLogger(__name__)

MARKET_HANDLERS: dict[str, type[MarketEvent]] = {
    "on_tick": TickEvent,
    "on_trade": TradeEvent,
    "on_bar": BarEvent,
    "on_book": OrderBookSnapshotEvent,
    "on_book_delta": OrderBookDeltaEvent,
    "on_mark_price": MarkPriceEvent,
    "on_funding_rate": FundingRateEvent,
    "on_open_interest": OpenInterestEvent,
    "on_liquidation": LiquidationEvent,
}


def handles(strategy: type[BaseStrategy], handler: str) -> bool:
    """Whether the class defines `handler` itself."""
    return getattr(strategy, handler) is not getattr(BaseStrategy, handler)


def wanted_events(strategy: type[BaseStrategy]) -> list[type[MarketEvent]]:
    """The market events the strategy has handlers for."""
    return [event for handler, event in MARKET_HANDLERS.items() if handles(strategy, handler)]


class StrategyRunner:
    """One strategy on the bus."""

    def __init__(
        self,
        strategy: BaseStrategy,
        *,
        name: str,
        instruments: tuple[Instrument, ...],
        max_errors: int,
        bar_interval_ns: int | None,
        bus: EventBus,
        clock: Clock,
        market: MarketView,
        orders: Orders,
        routing: Routing,
        portfolio: Portfolio,
        contingent: ContingentOrders | None = None,
    ) -> None:
        self.name = name
        self.strategy = strategy
        self.errors = 0
        self.failed = False
        self.started = False
        self.stopped = False
        self._max_errors = max_errors
        self._bar_interval_ns = bar_interval_ns
        self._bus = bus
        self._clock = clock
        self._orders = orders
        self._instruments = instruments
        self._subscriptions: list[Subscription] = []
        self._timers: list[Timer] = []
        self._handling: Event | None = None
        strategy.bind(
            StrategyContext(
                name=name, instruments=instruments, clock=clock, market=market, orders=orders, contingent=contingent,
                routing=routing, portfolio=portfolio, cause=lambda: self._handling, is_stopped=lambda: self.stopped,
                set_timer=self._set_timer,
            )
        )  # fmt: skip

    async def start(self) -> None:
        """Call `on_start`, then subscribe. What `on_start` raises is the caller's: no strategy runs half started."""
        result = self.strategy.on_start()
        if result is not None:
            await result
        self.started = True
        await self._subscribe(f"system.error.{self.name}", self._count_error)
        cls = type(self.strategy)
        for handler, event in MARKET_HANDLERS.items():
            if handles(cls, handler):
                method = self._on_bar if event is BarEvent else self._remembering(getattr(self.strategy, handler))
                for instrument in self._instruments:
                    await self._subscribe(f"{event.topic_prefix}.{instrument.venue}.{instrument.symbol}", method)
        if handles(cls, "on_order"):
            await self._subscribe(f"order.*.{self.name}", self._remembering(self.strategy.on_order))
        if handles(cls, "on_fill"):
            await self._subscribe(f"order.*.{self.name}", self._on_order_event)
        if handles(cls, "on_position"):
            await self._subscribe(f"position.*.{self.name}", self._remembering(self.strategy.on_position))
        await self._subscribe(f"system.timer.{self.name}", self._remembering(self.strategy.on_timer))

    async def stop(self) -> None:
        """Call `on_stop` if the strategy started and did not fail; take it off the bus and cancel its open orders."""
        self._handling = None
        try:
            result = self.strategy.on_stop() if self.started and not self.failed else None
            if result is not None:
                await result
        except Exception:
            self.errors += 1
            self.failed = True
            logger.exception("%s failed in on_stop", self.name)
        await self._detach()

    async def _detach(self) -> None:
        self.stopped = True
        for timer in self._timers:
            timer.cancel()
        for subscription in self._subscriptions:
            await self._bus.unsubscribe(subscription)
        self._subscriptions.clear()
        self._orders.cancel_all(self.name)

    async def _subscribe(self, pattern: str, handler: Handler) -> None:
        self._subscriptions.append(await self._bus.subscribe(pattern, handler, name=self.name))

    def _remembering(self, handler: Callable[[Any], Awaitable[None] | None]) -> Handler:
        """The handler, with the event it handles kept as the cause of what it does."""

        def handle(event: Event) -> Awaitable[None] | None:
            self._handling = event
            return handler(event)

        return handle

    def _on_bar(self, bar: BarEvent) -> Awaitable[None] | None:
        """Only bars of the strategy's own interval: others may be on the same topic for other strategies."""
        if bar.interval_ns != self._bar_interval_ns:
            return None
        self._handling = bar
        return self.strategy.on_bar(bar)

    def _on_order_event(self, event: Event) -> Awaitable[None] | None:
        if not isinstance(event, FillEvent):
            return None
        self._handling = event
        return self.strategy.on_fill(event)

    def _set_timer(self, name: str, interval_ns: int) -> Timer:
        def due(due_ns: int) -> None:
            self._bus.post(TimerEvent(self.name, due_ns, self._clock.now_ns(), name))

        timer = self._clock.call_every(interval_ns, due)
        self._timers.append(timer)
        return timer

    async def _count_error(self, event: ErrorEvent) -> None:
        self.errors += 1
        if self.errors >= self._max_errors and not self.failed:
            self.failed = True
            logger.error(
                "%s is stopped after %d errors, the last: %s: %s (strategies.%s.max_errors)",
                self.name, self.errors, event.error, event.message, self.name,
            )  # fmt: skip
            await self._detach()
