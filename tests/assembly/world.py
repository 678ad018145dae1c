"""Graphs for tests, and strategies that are named in their configurations."""

from __future__ import annotations

import asyncio
from pathlib import Path

from quantai.assembly import Graph, assemble
from quantai.config import load_config
from quantai.events import TickEvent, TimerEvent, TradeEvent
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
