"""The levels of an order book that are known, kept so that the best price of each side is had at once.

A dictionary holds sizes by price, and a heap the prices, whose stale ones are dropped when they come to the top: a
quarter of a microsecond a level, where a sorted map takes several times that.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from math import inf

from quantai.events.base import Level

_SLACK = 64
_GROWTH = 4
_THIN = 4


class BookSide:
    """One side. `sign` is 1 for asks, of which the lowest is best, and -1 for bids.

    Nothing is known beyond the worst level of a snapshot that was cut off at `depth` levels: what a venue tells of
    prices beyond it is left aside, for there would be holes in between.
    """

    __slots__ = ("_depth", "_edge", "_heap", "_is_cut", "_sign", "_sizes", "best_key")

    def __init__(self, sign: float, depth: int) -> None:
        self._sign = sign
        self._depth = depth
        self.clear()

    def clear(self) -> None:
        """Know nothing."""
        self._sizes: dict[float, float] = {}
        self._heap: list[float] = []
        self._edge = inf
        self._is_cut = False
        self.best_key = inf
        """`sign` times the best price; infinity while the side is empty."""

    def load(self, levels: dict[float, float], worst: float | None) -> None:
        """Know exactly `levels` up to `worst`, the price at which the snapshot was cut off (None: it was whole)."""
        self.clear()
        sign = self._sign
        self._is_cut = worst is not None
        self._edge = inf if worst is None else worst * sign
        edge = self._edge
        self._sizes = {price: size for price, size in levels.items() if price * sign <= edge}
        self._bound()
        self._heap = [price * sign for price in self._sizes]
        heapify(self._heap)
        self.best_key = self._heap[0] if self._heap else inf

    def apply(self, levels: tuple[Level, ...]) -> None:
        """Set the levels to their new sizes; size 0 removes one."""
        sizes, heap, sign, edge = self._sizes, self._heap, self._sign, self._edge
        for price, size in levels:
            if size:
                if price not in sizes:
                    key = price * sign
                    if key > edge:
                        continue
                    heappush(heap, key)
                sizes[price] = size
            elif price in sizes:
                del sizes[price]
        while heap and heap[0] * sign not in sizes:
            heappop(heap)
        self.best_key = heap[0] if heap else inf
        if len(heap) > 2 * len(sizes) + _SLACK or len(sizes) > _GROWTH * self._depth:
            self._bound()
            heap[:] = [price * sign for price in self._sizes]
            heapify(heap)

    def _bound(self) -> None:
        """Forget the worst where the market moved away from them and left too many."""
        if len(self._sizes) <= _GROWTH * self._depth:
            return
        kept = self.top(2 * self._depth)
        self._edge, self._is_cut = kept[-1][0] * self._sign, True
        self._sizes = dict(kept)

    @property
    def is_thin(self) -> bool:
        """Whether the market moved so far that little is left of what the snapshot told."""
        return self._is_cut and len(self._sizes) < self._depth // _THIN

    def top(self, depth: int | None = None) -> tuple[Level, ...]:
        """The best `depth` levels, or all, best first."""
        sizes = self._sizes
        return tuple((price, sizes[price]) for price in ordered(sizes, self._sign)[:depth])

    def __len__(self) -> int:
        return len(self._sizes)


def ordered(prices: Iterable[float], sign: float) -> list[float]:
    """From the best to the worst: rising for asks, falling for bids."""
    return sorted(prices, reverse=sign < 0)


def merge(levels: dict[float, float], changes: tuple[Level, ...]) -> None:
    """Set `levels` to their new sizes."""
    for price, size in changes:
        if size:
            levels[price] = size
        else:
            levels.pop(price, None)
