"""What the simulated exchange knows of one market's quote: prices, and sizes that can be taken once."""

from __future__ import annotations

from decimal import Decimal
from math import inf

from quantai.core.numbers import ZERO


def exact(value: float) -> Decimal:
    """A market price or size as `Decimal`, by its shortest text."""
    return Decimal(repr(value))


class QuoteSide:
    """The best price of one side and the size shown there; `size` is 0 where there is nothing to trade with.

    What our own orders took of a price is gone while that price stays: only size that is added to it later is fresh.
    """

    __slots__ = ("_left", "price", "size")

    def __init__(self) -> None:
        self.price = 0.0
        self.size = 0.0
        self._left: Decimal | None = None

    def show(self, price: float, size: float) -> None:
        """Show what the venue shows now. A price or size that is not positive and finite is nothing to trade with."""
        if not (0.0 < price < inf and 0.0 < size < inf):
            size = 0.0
        if price != self.price:
            self.price, self.size, self._left = price, size, None
        elif size != self.size:
            if self._left is not None:
                shown, before = exact(size), exact(self.size)
                self._left = min(self._left, shown) if shown < before else self._left + shown - before
            self.size = size

    @property
    def available(self) -> Decimal:
        """What is left to take."""
        if self._left is not None:
            return self._left
        return exact(self.size) if self.size else ZERO

    def take(self, quantity: Decimal) -> None:
        """Remove what one of our orders took."""
        self._left = self.available - quantity

    @property
    def is_worn(self) -> bool:
        """Whether we took a part of what is shown."""
        return self._left is not None
