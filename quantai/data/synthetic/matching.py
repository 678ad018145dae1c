"""Takers against the quotes of one side: what trades, and what is left until the quotes are renewed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantai.data.synthetic.book_shape import SWEEP_LEVELS, BookShape
from quantai.data.synthetic.randomness import Ints


@dataclass(frozen=True)
class SideQuotes:
    """One side's quotes from renewal to renewal: best price in ticks, its version, when renewed (ns UTC)."""

    best: Ints
    version: Ints
    renewed_ns: Ints

    def levels(self, shape: BookShape, rows: Ints, count: int) -> tuple[Ints, Ints]:
        """Ticks and lots of `count` levels of some renewals."""
        ticks = shape.ticks(self.best[rows], count)
        return ticks, shape.lots(ticks, self.version[rows], self.renewed_ns[rows])


@dataclass(frozen=True)
class Matched:
    """What taker orders did to one side.

    `order`, `ticks` and `lots` are the trades, by order and then outwards. For each order, `taken` is what is gone
    since the quotes were renewed, `best` and `best_lots` what is best after it.
    """

    order: Ints
    ticks: Ints
    lots: Ints
    taken: Ints
    best: Ints
    best_lots: Ints


def match(shape: BookShape, quotes: SideQuotes, renewal: Ints, wanted: Ints, taken_before: int) -> Matched:
    """Fill orders of `wanted` lots, each against the quotes of its `renewal` (ascending).

    `taken_before` lots of renewal 0 were gone already. What the first `SWEEP_LEVELS` levels cannot fill is cancelled,
    as an immediate-or-cancel order would be.
    """
    ticks, lots = quotes.levels(shape, renewal, SWEEP_LEVELS)
    depth = np.cumsum(lots, axis=1)
    most = depth[:, -1] - 1
    demand = _sum_since_renewal(renewal, wanted) + np.where(renewal == 0, taken_before, 0)
    taken = np.minimum(demand, most)
    taken_earlier = np.minimum(demand - wanted, most)
    begins = depth - lots
    filled = np.clip(taken[:, None], begins, depth) - np.clip(taken_earlier[:, None], begins, depth)
    order, level = np.nonzero(filled)
    every = np.arange(len(renewal))
    best = (depth <= taken[:, None]).sum(axis=1)
    return Matched(
        order, ticks[order, level], filled[order, level], taken, ticks[every, best], depth[every, best] - taken
    )


def _sum_since_renewal(renewal: Ints, wanted: Ints) -> Ints:
    total = np.cumsum(wanted)
    first = np.searchsorted(renewal, renewal)
    return total - (total - wanted)[first]
