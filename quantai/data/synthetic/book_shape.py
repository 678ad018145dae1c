"""How many lots rest at which price: a book without memory, looked up by hashing.

The lots at a price are a function of the price, its distance from the best and a version that changes now and then,
so any book at any time can be had without the ones before: the path of the market is the same whether or not books
are built.
"""

from __future__ import annotations

import numpy as np

from quantai.data.synthetic.randomness import Ints, RandomStream, exp, stable_hash

# A taker may eat this many levels before the quotes are renewed; the last of them always keeps a lot.
SWEEP_LEVELS = 5
# Mean lots at the best price, in mean taker orders.
_BEST_DEPTH = 4.0
_SIZE_DEVIATION = 0.8
# Levels lie about this fraction of the price apart where the tick is finer.
_LEVEL_GAP = 1e-5
_TABLE_BITS = 12
_TABLE = 1 << _TABLE_BITS
# Versions count in units of 2**28 ns, about a quarter of a second; a price keeps its lots for 2 to 64 of them.
_VERSION_SHIFT = 28
_LONGEST_LIFE_BITS = 6
_MIX_PRICE = np.uint64(0x9E3779B97F4A7C15)
_MIX_VERSION = np.uint64(0xC2B2AE3D27D4EB4F)
_MIX_LAST = np.uint64(0xD6E8FEB86659FD93)
_HASH_SHIFT = np.uint64(64 - _TABLE_BITS)


class BookShape:
    """One side of one instrument's book; `sign` is -1 for bids, which go down from the best, and +1 for asks.

    Below the best, each cell of `level_gap` ticks holds one level, at a price of its own within the cell.
    """

    def __init__(self, seed: int, name: str, sign: int, *, depth: int, level_gap: int, mean_lots: float) -> None:
        self._sign = sign
        self._gap = level_gap
        self._salt = np.uint64(stable_hash(seed, "salt", name, str(sign)) >> 64)
        draws = RandomStream(seed, "book", name, str(sign))
        self._place = (draws.uniform(_TABLE) * level_gap).astype(np.int64)
        self._phase = (draws.uniform(_TABLE) * (1 << _LONGEST_LIFE_BITS)).astype(np.int64)
        self._life_bits = 1 + (draws.uniform(_TABLE) * _LONGEST_LIFE_BITS).astype(np.int64)
        noise = exp(draws.normal(_TABLE) * _SIZE_DEVIATION - 0.5 * _SIZE_DEVIATION**2)
        # The mean grows with every doubling of the distance, so that most levels keep their lots when the best moves.
        self._distance = np.array([level.bit_length() for level in range(depth + SWEEP_LEVELS)])
        growth = 1.0 + 0.5 * np.arange(self._distance[-1] + 1)
        # Lots by distance and hash: rounding once here is cheaper than at every look-up.
        lots = np.rint(noise[None, :] * growth[:, None] * (_BEST_DEPTH * mean_lots))
        self._lots = np.maximum(lots.astype(np.int64), 1)

    def best_lots(self, best: Ints, version: Ints) -> Ints:
        """Lots at the best price; they change with every `version`."""
        lots: Ints = self._lots[0, self._hash(best, version)]
        return lots

    def ticks(self, best: Ints, levels: int) -> Ints:
        """The prices of `levels` levels from each best outwards, in ticks: a row for each best."""
        cells = (best // self._gap)[:, None] + self._sign * np.arange(levels)
        ticks: Ints = cells * self._gap + self._place[cells % _TABLE]
        ticks[:, 0] = best
        return ticks

    def lots(self, ticks: Ints, best_version: Ints, renewed_ns: Ints) -> Ints:
        """The lots at the rows that `ticks` gave, for quotes renewed at `renewed_ns`."""
        entry = ticks % _TABLE
        version = ((renewed_ns >> _VERSION_SHIFT)[:, None] + self._phase[entry]) >> self._life_bits[entry]
        version[:, 0] = best_version
        lots: Ints = self._lots[self._distance[: ticks.shape[1]], self._hash(ticks, version)]
        return lots

    def _hash(self, ticks: Ints, version: Ints) -> Ints:
        mixed = ticks.view(np.uint64) * _MIX_PRICE ^ (version.view(np.uint64) + self._salt) * _MIX_VERSION
        entry: Ints = ((mixed ^ mixed >> np.uint64(29)) * _MIX_LAST >> _HASH_SHIFT).view(np.int64)
        return entry


def level_gap(start_ticks: float) -> int:
    """Ticks from level to level for an instrument that starts at `start_ticks`."""
    return max(1, round(start_ticks * _LEVEL_GAP))
