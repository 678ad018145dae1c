"""Sells an instrument where it is dear and buys it where it is cheap, until the two prices meet again."""

from typing import Annotated

from pydantic import Field

from quantai.core.params import Positive
from quantai.events import TickEvent
from quantai.strategy import BaseStrategy


class CrossVenueSpread(BaseStrategy):
    """Trades the first two of its instruments against each other."""

    notional: Positive
    """Size of each leg, in quote currency."""
    entry_bps: Annotated[float, Field(gt=0, le=10_000)] = 31.0
    """Open when one middle is this far above the other: it must pay the taker fees of all four trades."""
    exit_bps: Annotated[float, Field(ge=-10_000, le=10_000)] = 0.0
    """Close when that is left of it."""

    def validate_params(self) -> None:
        if self.exit_bps >= self.entry_bps:
            raise ValueError(f"exit_bps ({self.exit_bps}) must be below entry_bps ({self.entry_bps})")

    def on_start(self) -> None:
        self.first, self.second = self.instruments[:2]
        self.is_open = False

    def on_tick(self, tick: TickEvent) -> None:
        a, b = (self.tick(leg.symbol, leg.venue) for leg in self.instruments[:2])
        if a is None or b is None:
            return
        premium = (a.mid / b.mid - 1) * 1e4
        if not self.is_open and abs(premium) >= self.entry_bps:
            self.is_open = True
            base = float(self.notional) / a.mid * (-1 if premium > 0 else 1)
            self.trade(base / float(self.first.multiplier), -base / float(self.second.multiplier))
        elif self.is_open and not self.open_orders:
            legs = [(leg, float(self.position(leg.symbol, leg.venue))) for leg in self.instruments[:2]]
            held = [q if self.is_tradable(leg.symbol, q, venue=leg.venue) else 0.0 for leg, q in legs]  # without crumbs
            self.is_open = any(held) or abs(premium) >= self.entry_bps  # no second try while it is still there
            if (premium if held[0] < 0 else -premium) <= self.exit_bps or not all(held):  # one leg alone is no spread
                self.trade(-held[0], -held[1])

    def trade(self, *quantities: float) -> None:
        for leg, quantity in zip((self.first, self.second), quantities, strict=True):
            if quantity:
                (self.buy if quantity > 0 else self.sell)(leg.symbol, abs(quantity), venue=leg.venue)
