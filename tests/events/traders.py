"""Strategies that ask for orders in every way there is."""

from __future__ import annotations

from quantai.core.enums import Side
from quantai.events import BarEvent, FillEvent, TickEvent, TimerEvent, TradeEvent
from quantai.oms.models import Order
from quantai.strategy import BaseStrategy


class OnTick(BaseStrategy):
    """Buys on every hundredth tick."""

    ticks = 0

    def on_tick(self, tick: TickEvent) -> None:
        self.ticks += 1
        if self.ticks % 100 == 0:
            self.buy(tick.symbol, 0.01)


class OnTrade(BaseStrategy):
    """Sells on every hundredth trade."""

    trades = 0

    async def on_trade(self, trade: TradeEvent) -> None:
        self.trades += 1
        if self.trades % 100 == 0:
            await self.sell(trade.symbol, 0.01)


class OnBar(BaseStrategy):
    """Buys on every bar."""

    def on_bar(self, bar: BarEvent) -> None:
        self.buy(bar.symbol, 0.01)


class OnFill(BaseStrategy):
    """Buys on every two hundredth tick, and turns round on the fill, twice."""

    ticks = 0

    def on_tick(self, tick: TickEvent) -> None:
        self.ticks += 1
        if self.ticks % 200 == 0:
            self.turns = 0
            self.buy(tick.symbol, 0.01)

    def on_fill(self, fill: FillEvent) -> None:
        if self.turns < 2:
            self.turns += 1
            turn = self.sell if fill.side is Side.BUY else self.buy
            turn(fill.symbol, fill.quantity)


class OnTimer(BaseStrategy):
    """Sells every five seconds."""

    def on_start(self) -> None:
        self.every("5s", "sell")

    def on_timer(self, timer: TimerEvent) -> None:
        self.sell(self.instruments[0].symbol, 0.01)


class Cancelling(BaseStrategy):
    """Rests an order far from the market on a tick, and cancels it on the next timer."""

    resting: Order | None = None

    def on_start(self) -> None:
        self.every("3s")

    def on_tick(self, tick: TickEvent) -> None:
        if self.resting is None:
            self.resting = self.buy(tick.symbol, 0.01, tick.bid_price * 0.97)

    def on_timer(self, timer: TimerEvent) -> None:
        if self.resting is not None:
            self.cancel(self.resting)
            self.resting = None
