"""The funding rate of a perpetual, announced at each funding time for the next."""

from __future__ import annotations

import numpy as np

from quantai.core.clock import NS_PER_SECOND
from quantai.data.synthetic.paths import STEPS, WINDOW_NS
from quantai.data.synthetic.randomness import Floats, Ints

# Every eight hours from midnight UTC, the custom of the large venues; 0.01 % is their usual interest, 0.75 % a usual
# cap.
PERIOD_NS = 8 * 3_600 * NS_PER_SECOND
_INTEREST = 1e-4
_CAP = 75e-4
_DECIMALS = 1e8


class Funding:
    """Announces a rate at the start and at every funding time: interest plus the mean premium of the period before."""

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._sum = 0.0
        self._count = 0

    def times(self, window_ns: int) -> Ints:
        """When rates are announced within a window, ns UTC."""
        due = range(window_ns + -window_ns % PERIOD_NS, window_ns + WINDOW_NS, PERIOD_NS)
        return np.array(sorted({*due, self._start_ns} if window_ns == self._start_ns else due), np.int64)

    def rates(self, times: Ints, premium: Floats) -> Floats:
        """The rates announced at `times`; `premium` is the window's, which later rates will answer."""
        rates = np.zeros(len(times))
        for row in range(len(times)):
            mean = self._sum / self._count if self._count else 0.0
            rates[row] = min(max(_INTEREST + mean, -_CAP), _CAP)
            self._sum, self._count = 0.0, 0
        self._sum += float(np.cumsum(premium)[-1])
        self._count += STEPS
        return np.rint(rates * _DECIMALS) / _DECIMALS


def next_funding_ns(times: Ints) -> Ints:
    """The first funding time after each of `times`."""
    return (times // PERIOD_NS + 1) * PERIOD_NS
