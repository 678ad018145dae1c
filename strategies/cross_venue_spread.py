"""Sells an instrument where it is dear and buys it where it is cheap, until the two prices meet again."""

from typing import Annotated

from pydantic import Field

from quantai.core.params import Positive
from quantai.events import TickEvent
from quantai.instruments import Instrument
from quantai.strategy import BaseStrategy

Bps = Annotated[float, Field(ge=0, le=10_000)]


class CrossVenueSpread(BaseStrategy):
    """Trades the first two of its instruments against each other."""

    notional: Positive
    """Size of each leg, in quote currency."""
    entry_bps: Bps = 8.0
    """Open when one venue's middle is this far above the other's."""
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
        premium = (a.mid / b.mid - 1) * 1e4
        held = [float(self.position(leg.symbol, leg.venue)) for leg in (first, second)]
        if any(held) and abs(premium) <= self.exit_bps:
            self.trade(first, -held[0])
            self.trade(second, -held[1])
        elif not any(held) and abs(premium) >= self.entry_bps:
            units = float(self.notional) / a.mid * (-1 if premium > 0 else 1)
            self.trade(first, units / float(first.multiplier))
            self.trade(second, -units / float(second.multiplier))

    def trade(self, leg: Instrument, quantity: float) -> None:
        if quantity:
            order = self.buy if quantity > 0 else self.sell
            order(leg.symbol, abs(quantity), venue=leg.venue)
