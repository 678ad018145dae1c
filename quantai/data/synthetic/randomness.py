"""Random numbers that are the same bits on every machine.

Additions, multiplications, divisions and roundings are exact by IEEE 754; `exp` and `log` of a C library or a vector
unit are not, they differ in the last bit from machine to machine. So this package uses none of them: `exp` below is
made of exact operations, and draws are cut where NumPy's ziggurat would ask the C library for a logarithm.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import accumulate
from math import factorial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Just inside the base strips of NumPy's ziggurats (3.6541... and 7.6971...): one normal in 4,000 and one exponential in
# 2,200 are cut. Fat tails come from the changing volatility and the jumps, not from here.
_NORMAL_LIMIT = 3.65
EXPONENTIAL_LIMIT = 7.69

# ln 2 in two parts, the first short enough that `k * _LN2_HIGH` is exact (Cody and Waite's reduction).
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_PER_LN2 = 1.44269504088896338700
_TAYLOR = tuple(1.0 / factorial(n) for n in range(13, -1, -1))


class RandomStream:
    """Draws that depend on a seed and a name only, whoever else draws."""

    def __init__(self, seed: int, *names: str) -> None:
        self._generator = np.random.Generator(np.random.PCG64(stable_hash(seed, *names)))

    def uniform(self, count: int) -> Floats:
        """Numbers in [0, 1)."""
        return self._generator.random(count)

    def normal(self, count: int) -> Floats:
        """Standard normal numbers, cut at 3.65."""
        return np.clip(self._generator.standard_normal(count), -_NORMAL_LIMIT, _NORMAL_LIMIT)

    def exponential(self, count: int) -> Floats:
        """Exponential numbers of mean 1, cut at `EXPONENTIAL_LIMIT`."""
        return np.minimum(self._generator.standard_exponential(count), EXPONENTIAL_LIMIT)

    def arrivals(self, rates: Floats, bin_ns: int) -> Ints:
        """Times of a Poisson process, sorted: `rates` expected arrivals in each bin of `bin_ns`, the first bin starts
        at 0.
        """
        counts = self._generator.poisson(rates)
        starts = np.repeat(np.arange(len(rates)), counts)
        times = ((starts + self.uniform(len(starts))) * bin_ns).astype(np.int64)
        times.sort()
        return times


def stable_hash(seed: int, *names: str) -> int:
    """128 bits that depend on `seed` and `names` only (Python's `hash` differs from process to process)."""
    return int.from_bytes(sha256("\0".join([str(seed), *names]).encode()).digest()[:16], "big")


def exp(values: Floats) -> Floats:
    """The exponential to about 1e-15, of exact operations only; `values` within ±700."""
    powers = np.rint(values * _PER_LN2)
    rest = (values - powers * _LN2_HIGH) - powers * _LN2_LOW
    result = np.full_like(rest, _TAYLOR[0])
    for coefficient in _TAYLOR[1:]:
        result *= rest
        result += coefficient
    return np.ldexp(result, powers.astype(np.int32))


def exp1(value: float) -> float:
    """`exp` of one number."""
    return float(exp(np.array([value]))[0])


def autoregress(shocks: Floats, persistence: float, start: float) -> Floats:
    """x[i] = persistence * x[i - 1] + shocks[i], beginning from `start` before the first shock."""
    steps = accumulate(shocks.tolist(), lambda x, shock: persistence * x + shock, initial=start)
    return np.fromiter(steps, np.float64, len(shocks) + 1)[1:]
