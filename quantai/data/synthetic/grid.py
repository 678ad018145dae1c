"""Whole ticks and lots, and the floats they stand for."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.errors import ConfigError
from quantai.data.synthetic.randomness import Floats, Ints

# A float holds whole numbers exactly up to 2**53 and powers of ten up to 10**22: within these, one division rounds
# once.
_MOST_DECIMALS = 22
_MOST_UNITS = 2**53


class Grid:
    """A price or size grid of a decimal step."""

    def __init__(self, step: Decimal, name: str) -> None:
        _, digits, exponent = step.normalize().as_tuple()
        mantissa = int("".join(map(str, digits)))
        if not isinstance(exponent, int) or exponent < -_MOST_DECIMALS:
            raise ConfigError(f"{name} {step} has more than {_MOST_DECIMALS} decimals, too fine for a synthetic market")
        self._multiplier = mantissa * 10 ** max(exponent, 0)
        self._divisor = float(10 ** max(-exponent, 0))
        self.most_units = _MOST_UNITS // self._multiplier
        self.step = self._multiplier / self._divisor

    def floats(self, units: Ints) -> Floats:
        """The float nearest to each decimal price: 500,001 ticks of 0.1 are 50000.1, not 50000.100000000006."""
        prices: Floats = units * self._multiplier / self._divisor
        return prices
