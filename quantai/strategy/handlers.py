"""What a strategy may be told of: a method each, to be defined where it is wanted."""

from __future__ import annotations

from collections.abc import Awaitable

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

Result = Awaitable[None] | None


class Handlers:
    """Each may be `def` or `async def`. Of market data a strategy gets just what it defines a handler for."""

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
