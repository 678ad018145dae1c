"""Quotes both sides around a price that leans against what it holds, after Avellaneda and Stoikov (2008)."""

from typing import Annotated

from pydantic import Field

from quantai.core.params import Positive
from quantai.events import FillEvent, TimerEvent
from quantai.strategy import BaseStrategy


class MarketMaker(BaseStrategy):
    """Keeps one bid and one ask in the first of its instruments."""

    quantity: Positive
    """Size of each quote."""
    max_position: Positive
    """Quotes that would hold more than this are left out."""
    half_spread_bps: Annotated[float, Field(gt=0, le=1_000)] = 1.5
    """Distance of each quote from the leaning price."""
    skew_bps: Annotated[float, Field(ge=0, le=1_000)] = 3.0
    """How far the price leans at the full position."""
    refresh: str = "2s"
    """How often quotes are renewed."""

    def on_start(self) -> None:
        self.symbol = self.instruments[0].symbol
        self.every(self.refresh)

    def on_timer(self, timer: TimerEvent) -> None:
        self.cancel_all()
        self.quote()

    def on_fill(self, fill: FillEvent) -> None:
        self.logger.debug("filled %s %s at %s", fill.side, fill.quantity, fill.price)

    def quote(self) -> None:
        tick = self.tick(self.symbol)
        if tick is None:
            return
        held = self.position(self.symbol)
        fair = tick.mid * (1 - float(held / self.max_position) * self.skew_bps / 1e4)
        half = fair * self.half_spread_bps / 1e4
        if held + self.quantity <= self.max_position:
            self.buy(self.symbol, self.quantity, min(fair - half, tick.bid_price), time_in_force="POST_ONLY")
        if held - self.quantity >= -self.max_position:
            self.sell(self.symbol, self.quantity, max(fair + half, tick.ask_price), time_in_force="POST_ONLY")
