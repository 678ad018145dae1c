"""Quotes both sides around a price that leans against what it holds, after Avellaneda and Stoikov (2008)."""

from typing import Annotated

from pydantic import Field

from quantai.core.enums import Side
from quantai.core.params import Positive
from quantai.events import TimerEvent
from quantai.strategy import BaseStrategy

Bps = Annotated[float, Field(ge=0, le=1_000)]


class MarketMaker(BaseStrategy):
    """Keeps one bid and one ask in the first of its instruments."""

    quantity: Positive
    """Size of each quote."""
    max_position: Positive
    """Quotes that would hold more than this are left out."""
    half_spread_bps: Bps = 6.0
    """Distance of each quote from the leaning price: it must pay the maker fee, and for takers who know better."""
    skew_bps: Bps = 3.0
    """How far the price leans at the full position."""
    tolerance_bps: Bps = 2.0
    """A quote no farther than this from where it should be keeps its place in the queue."""
    refresh: str = "2s"
    """How often quotes are looked at."""

    def on_start(self) -> None:
        self.symbol = self.instruments[0].symbol
        self.every(self.refresh)

    def on_timer(self, timer: TimerEvent) -> None:
        tick, held = self.tick(self.symbol), self.position(self.symbol)
        if tick is not None:
            fair = tick.mid * (1 - float(held / self.max_position) * self.skew_bps / 1e4)
            half = fair * self.half_spread_bps / 1e4
            self.quote(Side.BUY, min(fair - half, tick.bid_price), held + self.quantity <= self.max_position)
            self.quote(Side.SELL, max(fair + half, tick.ask_price), held - self.quantity >= -self.max_position)

    def quote(self, side: Side, price: float, is_wanted: bool) -> None:
        for order in [each for each in self.open_orders if each.side is side]:
            if is_wanted and abs(float(order.price or 0) / price - 1) * 1e4 <= self.tolerance_bps:
                return
            self.cancel(order)
        if is_wanted:
            (self.buy if side is Side.BUY else self.sell)(self.symbol, self.quantity, price, time_in_force="POST_ONLY")
