"""One instrument's rows in order of time, and when each arrives."""

from __future__ import annotations

import numpy as np

from quantai.core.clock import NS_PER_MS
from quantai.data.synthetic.randomness import Ints, RandomStream

# A packet takes at least this share of the mean latency; the rest is an exponential draw.
_LEAST_LATENCY = 0.5


class Timeline:
    """Sorts the rows of several kinds into one order. Of equal times, the kind named first comes first."""

    def __init__(self, *kinds: Ints) -> None:
        times = np.concatenate(kinds)
        order = np.argsort(times, kind="stable")
        self.times = times[order]
        position = np.empty(len(order), np.int64)
        position[order] = np.arange(len(order))
        self.positions = np.split(position, np.cumsum([len(kind) for kind in kinds])[:-1])


class Latency:
    """When rows arrive: after the venue's latency, never two at once, never out of order."""

    def __init__(self, seed: int, venue: str, symbol: str, mean_ms: float) -> None:
        self._draws = RandomStream(seed, "latency", venue, symbol)
        self._mean_ns = mean_ms * NS_PER_MS
        self._last = 0

    def arrivals(self, ts_event: Ints) -> Ints:
        """`ts_init` of each row."""
        share = _LEAST_LATENCY + (1.0 - _LEAST_LATENCY) * self._draws.exponential(len(ts_event))
        arrives = ts_event + (share * self._mean_ns).astype(np.int64)
        arrives[0] = max(int(arrives[0]), self._last + 1)
        places = np.arange(len(arrives))
        # One nanosecond apart at least: subtract each row's place, so that «no earlier» becomes «later».
        arrives = np.maximum.accumulate(arrives - places) + places
        self._last = int(arrives[-1])
        return arrives
