"""Sells an instrument where it is dear and buys it where it is cheap, until the two prices meet again."""

from typing import Annotated

from pydantic import Field

from quantai.core.params import Positive
from quantai.events import TickEvent
from quantai.strategy import BaseStrategy

Bps = Annotated[float, Field(ge=0, le=10_000)]


class CrossVenueSpread(BaseStrategy):
    """Trades the first two of its instruments against each other."""

    notional: Positive
    """Size of each leg, in quote currency."""
    entry_bps: Bps = 8.0
    """Open when one venue bids this much above the other's ask."""
    exit_bps: Bps = 0.5
    """Close when the middles are this close."""

    def validate_params(self) -> None:
        if self.exit_bps >= self.entry_bps:
            raise ValueError(f"exit_bps ({self.exit_bps}) must be below entry_bps ({self.entry_bps})")

    def on_tick(self, tick: TickEvent) -> None:
        first, second = self.instruments[:2]
        a, b = self.tick(first.symbol, first.venue), self.tick(second.symbol, second.venue)
        if a is None or b is None or self.open_orders:
            return
        held = self.position(first.symbol, first.venue)
        if held:
            if abs(a.mid / b.mid - 1) * 1e4 <= self.exit_bps:
                self.trade(first, -held)
                self.trade(second, -self.position(second.symbol, second.venue))
        elif (a.bid_price / b.ask_price - 1) * 1e4 > self.entry_bps:
            self.trade(first, -self.size(first, a.mid))
            self.trade(second, self.size(second, b.mid))
        elif (b.bid_price / a.ask_price - 1) * 1e4 > self.entry_bps:
            self.trade(first, self.size(first, a.mid))
            self.trade(second, -self.size(second, b.mid))
