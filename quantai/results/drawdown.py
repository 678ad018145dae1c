"""Drawdown, taken at every valuation."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.numbers import ZERO


class Drawdown:
    """The largest fall from a peak so far, as a fraction of the peak (0 to 1, more where equity went below zero).

    `maximum` is None as long as there was no equity above zero.
    """

    def __init__(self) -> None:
        self._peak = ZERO
        self.maximum: Decimal | None = None

    def update(self, equity: Decimal) -> None:
        """Take the next value of equity."""
        if equity > self._peak:
            self._peak = equity
            self.maximum = self.maximum or ZERO
        elif self._peak:
            self.maximum = max(self.maximum or ZERO, (self._peak - equity) / self._peak)
