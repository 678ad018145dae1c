"""Drawdown, taken at every valuation."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.numbers import ZERO


class Drawdown:
    """The largest fall from a peak so far, as a fraction of the peak (0 to 1, more where equity went below zero)."""

    def __init__(self) -> None:
        self._peak: Decimal | None = None
        self.maximum = ZERO

    def update(self, equity: Decimal) -> None:
        """Take the next value of equity."""
        if self._peak is None or equity > self._peak:
            self._peak = equity
        elif self._peak > 0:
            self.maximum = max(self.maximum, (self._peak - equity) / self._peak)
