"""Graphs for tests, and strategies that are named in their configurations."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

from quantai.assembly import Graph, assemble
from quantai.config import load_config
from quantai.events import FillEvent, TickEvent, TimerEvent, TradeEvent
from quantai.exchanges.base import Capabilities
from quantai.exchanges.synthetic import SyntheticExchange
from quantai.oms.models import Order
from quantai.strategy import BaseStrategy

PAPER = (
    "mode=paper", "exchanges=[synthetic]", "instruments=[synthetic]", "portfolio=synthetic", "strategies=[ema_cross]",
    "strategies.ema_cross.instruments=[synthetic_btc_usdt]",
)  # fmt: skip
BRIEF = "data.duration=30s"


def graph_of(folder: Path, *overrides: str, config_dir: Path | None = None) -> Graph:
    """What the shipped configuration with `overrides` builds."""
    return assemble(load_config(overrides, config_dir).config, folder)


def only(name: str, *instruments: str) -> tuple[str, str]:
    """Overrides for one of the strategies below and no other."""
    return (
        "strategies=[]",
        f"strategies.mine={{_target_: tests.assembly.world.{name}, instruments: [{', '.join(instruments)}]}}",
    )


class Trades(BaseStrategy):
    """Wants trades."""

    def on_trade(self, trade: TradeEvent) -> None: ...


class Ticks(BaseStrategy):
    """Wants ticks."""

    def on_tick(self, tick: TickEvent) -> None: ...


class TicksAndTrades(BaseStrategy):
    """Wants both."""

    def on_tick(self, tick: TickEvent) -> None: ...

    def on_trade(self, trade: TradeEvent) -> None: ...


class Timers(BaseStrategy):
    """Wants no market data."""

    def on_timer(self, timer: TimerEvent) -> None: ...


class Resting(BaseStrategy):
    """Rests one order far from the market."""

    def on_tick(self, tick: TickEvent) -> None:
        if not self.open_orders:
            self.buy(tick.symbol, 0.01, tick.bid_price * 0.97)


class RestingAndHanging(Resting):
    """Rests one too, and hangs when it is asked to stop."""

    async def on_stop(self) -> None:
        await asyncio.Event().wait()


class Eager(BaseStrategy):
    """Buys once, at the market; keeps what its position was when it heard of the fill."""

    def on_start(self) -> None:
        self._order: Order | None = None
        self._held: list[Decimal] = []

    def on_tick(self, tick: TickEvent) -> None:
        if self._order is None:
            self._order = self.buy(tick.symbol, 0.01)

    def on_fill(self, fill: FillEvent) -> None:
        self._held.append(self.position(fill.symbol))

    @property
    def is_done(self) -> bool:
        """Whether the order has traded in full."""
        return self._order is not None and not self._order.is_open


class OnlyBooks(SyntheticExchange):
    """A venue without ticks."""

    capabilities = Capabilities(channels=frozenset({"book", "trade", "bar"}))
