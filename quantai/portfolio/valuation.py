"""What holdings are worth in one currency. What has no price is counted, not silently taken for zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from quantai.core.numbers import ZERO
from quantai.data.market import MarketView
from quantai.instruments import Instrument, InstrumentCatalogue

_INVERSE_STEP = Decimal("1e-12")


def add_up(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; None where one of them is not known."""
    total = ZERO
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


@dataclass(frozen=True, slots=True)
class Valuation:
    """`total` of what could be priced, and how many holdings could not."""

    total: Decimal
    unpriced: int

    @staticmethod
    def of(amounts: Iterable[Decimal | None]) -> Valuation:
        """Add up what is known, count what is not."""
        total, unpriced = ZERO, 0
        for amount in amounts:
            if amount is None:
                unpriced += 1
            else:
                total += amount
        return Valuation(total, unpriced)

    def __add__(self, other: Valuation) -> Valuation:
        return Valuation(self.total + other.total, self.unpriced + other.unpriced)


class CurrencyConverter:
    """Converts through the market price of an instrument between the currency and the base, at the same venue first."""

    def __init__(self, market: MarketView, catalogue: InstrumentCatalogue, base_currency: str) -> None:
        self._market = market
        self._catalogue = catalogue
        self._base = base_currency
        self._routes: dict[tuple[str, str], list[tuple[Instrument, bool]]] = {}

    def to_base(self, amount: Decimal, currency: str, venue: str) -> Decimal | None:
        """`amount` of `currency`, held at `venue`, in base currency; None where there is no price."""
        if currency == self._base or not amount:
            return amount
        key = (currency, venue)
        if key not in self._routes:
            self._routes[key] = self._find_routes(currency, venue)
        for instrument, is_inverse in self._routes[key]:
            price = self._market.price(instrument.venue, instrument.symbol)
            if price is not None and price > 0:
                return (amount / price).quantize(_INVERSE_STEP) if is_inverse else amount * price
        return None

    def _find_routes(self, currency: str, venue: str) -> list[tuple[Instrument, bool]]:
        pairs = {(currency, self._base): False, (self._base, currency): True}
        routes = [
            (instrument, pairs[instrument.parts.base, instrument.parts.quote])
            for instrument in self._catalogue
            if (instrument.parts.base, instrument.parts.quote) in pairs and instrument.parts.right is None
        ]
        return sorted(routes, key=lambda route: (route[0].venue != venue, route[0].is_margined, str(route[0])))
