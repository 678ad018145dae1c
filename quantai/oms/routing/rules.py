"""Rules: which orders go where, whatever else there is."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from quantai.core.numbers import plain


@dataclass(frozen=True, slots=True)
class Route:
    """Orders that match go to `venue`; None matches every one. Limits are inclusive; notional is in the settlement
    currency of the instrument at that venue.
    """

    venue: str
    strategy: str | None = None
    symbol: str | None = None
    min_quantity: Decimal | None = None
    max_quantity: Decimal | None = None
    min_notional: Decimal | None = None
    max_notional: Decimal | None = None

    @property
    def needs_notional(self) -> bool:
        """Whether it goes by what an order is worth."""
        return self.min_notional is not None or self.max_notional is not None

    @property
    def needs_size(self) -> bool:
        """Whether it goes by the size of an order, in any way."""
        return self.needs_notional or self.min_quantity is not None or self.max_quantity is not None

    def concerns(self, strategy: str, symbol: str) -> bool:
        """Whether orders of `strategy` on `symbol` may match."""
        return self.strategy in (None, strategy) and self.symbol in (None, symbol)

    def fits(self, quantity: Decimal, notional: Decimal | None) -> bool:
        """Whether an order of that size matches; `notional` is given where it is needed."""
        return _is_within(quantity, self.min_quantity, self.max_quantity) and (
            notional is None or _is_within(notional, self.min_notional, self.max_notional)
        )

    def __str__(self) -> str:
        conditions = [
            self.strategy or "",
            self.symbol or "",
            _range("quantity", self.min_quantity, self.max_quantity),
            _range("notional", self.min_notional, self.max_notional),
        ]
        return f"{', '.join(filter(None, conditions)) or 'every order'} → {self.venue}"


def _is_within(value: Decimal, least: Decimal | None, most: Decimal | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _range(what: str, least: Decimal | None, most: Decimal | None) -> str:
    bounds = [f"{word} {plain(bound)}" for word, bound in (("from", least), ("to", most)) if bound is not None]
    return f"{what} {' '.join(bounds)}" if bounds else ""
