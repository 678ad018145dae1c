"""What turns each book of a series into the next, for one side, over columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantai.data.synthetic.grid import Grid
from quantai.data.synthetic.randomness import Ints
from quantai.events.base import Level


@dataclass(frozen=True)
class SideBooks:
    """One side of a series of books: a row for each book, its levels from the best outwards, in ticks and lots."""

    ticks: Ints
    lots: Ints

    def after(self, before: SideBooks) -> SideBooks:
        """This series with the last book of `before` put in front."""
        ticks = np.concatenate([before.ticks[-1:], self.ticks])
        return SideBooks(ticks, np.concatenate([before.lots[-1:], self.lots]))

    def levels(self, row: int, price: Grid, lot: Grid) -> tuple[Level, ...]:
        """The levels of one book, as events hold them."""
        prices, sizes = price.floats(self.ticks[row]).tolist(), lot.floats(self.lots[row]).tolist()
        return tuple(zip(prices, sizes, strict=True))


def changes(books: SideBooks, sign: int, price: Grid, lot: Grid) -> list[tuple[Level, ...]]:
    """For each book but the first, what makes it of the one before: levels new or changed, then those gone, as size 0.

    `sign` is -1 for bids, whose ticks fall from the best outwards, and +1 for asks.
    """
    pairs = len(books.ticks) - 1
    if pairs < 1:
        return []
    outwards = books.ticks * sign
    outwards = outwards - outwards.min()
    first_key = np.arange(pairs)[:, None] * (outwards.max() + 1)
    old, new = (outwards[:-1] + first_key).ravel(), (outwards[1:] + first_key).ravel()
    old_lots, new_lots = books.lots[:-1].ravel(), books.lots[1:].ravel()
    match = np.minimum(np.searchsorted(old, new), len(old) - 1)
    stays = old[match] == new
    changed = ~(stays & (old_lots[match] == new_lots))
    gone = np.ones(len(old), np.bool_)
    gone[match[stays]] = False
    shape = (pairs, books.ticks.shape[1])
    set_prices = price.floats(books.ticks[1:].ravel()[changed]).tolist()
    updates = list(zip(set_prices, lot.floats(new_lots[changed]).tolist(), strict=True))
    removals = [(gone_price, 0.0) for gone_price in price.floats(books.ticks[:-1].ravel()[gone]).tolist()]
    update_ends = np.cumsum(changed.reshape(shape).sum(axis=1)).tolist()
    removal_ends = np.cumsum(gone.reshape(shape).sum(axis=1)).tolist()
    result: list[tuple[Level, ...]] = []
    update, removal = 0, 0
    for update_end, removal_end in zip(update_ends, removal_ends, strict=True):
        result.append((*updates[update:update_end], *removals[removal:removal_end]))
        update, removal = update_end, removal_end
    return result
