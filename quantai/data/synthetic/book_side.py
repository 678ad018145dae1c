"""One side of one instrument's book through time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quantai.data.synthetic.book_shape import SWEEP_LEVELS, BookShape
from quantai.data.synthetic.matching import Matched, SideQuotes, match
from quantai.data.synthetic.randomness import Ints


@dataclass(frozen=True)
class SideWindow:
    """One side at each row of a window: the best price, its lots, and the lots taken since the quotes were renewed."""

    shape: BookShape
    quotes: SideQuotes
    quote_rows: Ints
    best: Ints
    lots: Ints
    taken: Ints

    def changed(self) -> NDArray[np.bool_]:
        """Whether the best price or its lots differ from the row before; row 0 repeats the window before."""
        flags = np.zeros(len(self.best), np.bool_)
        flags[1:] = (self.best[1:] != self.best[:-1]) | (self.lots[1:] != self.lots[:-1])
        return flags

    def levels(self, rows: Ints, depth: int) -> tuple[Ints, Ints]:
        """Ticks and lots of the best `depth` levels at some rows, what takers took being gone: a row for each."""
        renewal = np.searchsorted(self.quote_rows, rows, side="right") - 1
        ticks, lots = self.quotes.levels(self.shape, renewal, depth + SWEEP_LEVELS - 1)
        cumulative = np.cumsum(lots, axis=1)
        taken = self.taken[rows][:, None]
        left = np.minimum(lots, np.maximum(cumulative - taken, 0))
        first = (cumulative <= taken).sum(axis=1)
        shown = first[:, None] + np.arange(depth)
        return np.take_along_axis(ticks, shown, axis=1), np.take_along_axis(left, shown, axis=1)


class BookSide:
    """Follows one side from window to window."""

    def __init__(self, shape: BookShape) -> None:
        self._shape = shape
        self._last: tuple[int, int, int] | None = None

    def advance(
        self, quotes: SideQuotes, quote_rows: Ints, renewal: Ints, wanted: Ints, order_rows: Ints, rows: int
    ) -> tuple[Matched, SideWindow]:
        """Match takers of `wanted` lots at `order_rows`, each on the quotes of its `renewal`, in a window of `rows`
        rows.
        """
        lots = self._shape.best_lots(quotes.best, quotes.version)
        first = self._last or (int(quotes.best[0]), int(lots[0]), 0)
        matched = match(self._shape, quotes, renewal, wanted, first[2])
        columns = (
            np.concatenate([quotes.best, matched.best]),
            np.concatenate([lots, matched.best_lots]),
            np.concatenate([np.zeros(len(lots), np.int64), matched.taken]),
        )
        for column, value in zip(columns, first, strict=True):
            column[0] = value
        source = _source_of_rows(rows, quote_rows, order_rows)
        best, best_lots, taken = (column[source] for column in columns)
        self._last = int(best[-1]), int(best_lots[-1]), int(taken[-1])
        return matched, SideWindow(self._shape, quotes, quote_rows, best, best_lots, taken)


def _source_of_rows(rows: int, *kinds: Ints) -> Ints:
    """For each row, which entry of the `kinds` set it last, counting through the kinds; row 0 is of the first kind."""
    entries = np.concatenate(kinds)
    source = np.zeros(rows, np.int64)
    source[entries] = np.arange(len(entries))
    latest = np.zeros(rows, np.int64)
    latest[entries] = entries
    return source[np.maximum.accumulate(latest)]
