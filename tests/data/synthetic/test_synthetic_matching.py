"""Takers against one side of the book, order by order."""

from __future__ import annotations

import numpy as np
import pytest

from quantai.data.synthetic.book_shape import SWEEP_LEVELS, BookShape
from quantai.data.synthetic.book_side import BookSide
from quantai.data.synthetic.matching import SideQuotes, match
from quantai.data.synthetic.randomness import Ints

DEPTH = 10


def ints(*values: int) -> Ints:
    return np.array(values, np.int64)


@pytest.fixture(params=[-1, 1], ids=["bids", "asks"])
def shape(request: pytest.FixtureRequest) -> BookShape:
    return BookShape(1, "a:X/Y", request.param, depth=DEPTH, level_gap=3, mean_lots=100)


@pytest.fixture
def quotes() -> SideQuotes:
    """Two renewals."""
    return SideQuotes(best=ints(5_000, 5_010), version=ints(1, 2), renewed_ns=ints(1, 2))


def test_an_order_beyond_the_book_leaves_one_lot(shape: BookShape, quotes: SideQuotes) -> None:
    ticks, lots = quotes.levels(shape, ints(0), SWEEP_LEVELS)
    result = match(shape, quotes, ints(0), ints(10**9), 0)
    assert result.ticks.tolist() == ticks[0].tolist()
    assert result.lots.tolist() == [*lots[0, :-1].tolist(), int(lots[0, -1]) - 1]
    assert (int(result.best[0]), int(result.best_lots[0])) == (int(ticks[0, -1]), 1)


def test_orders_share_what_one_renewal_offers(shape: BookShape, quotes: SideQuotes) -> None:
    offered = int(quotes.levels(shape, ints(0), 1)[1][0, 0])
    result = match(shape, quotes, ints(0, 0, 1), ints(offered - 1, 2, 5), 0)
    assert result.order.tolist() == [0, 1, 1, 2]
    assert result.lots.tolist() == [offered - 1, 1, 1, 5]
    assert result.taken.tolist() == [offered - 1, offered + 1, 5]
    assert result.ticks.tolist()[0] == result.ticks.tolist()[1] == 5_000
    assert result.ticks.tolist()[3] == 5_010


def test_an_order_finds_nothing_after_the_book_is_eaten(shape: BookShape, quotes: SideQuotes) -> None:
    result = match(shape, quotes, ints(0, 0), ints(10**9, 7), 0)
    assert 1 not in result.order.tolist()


def test_what_was_taken_in_one_window_is_gone_in_the_next(shape: BookShape, quotes: SideQuotes) -> None:
    side = BookSide(shape)
    _, first = side.advance(quotes, ints(0, 1), ints(1), ints(7), ints(2), 3)
    last = SideQuotes(quotes.best[-1:], quotes.version[-1:], quotes.renewed_ns[-1:])
    matched, second = side.advance(last, ints(0), ints(0), ints(2), ints(1), 2)
    assert second.taken.tolist() == [7, 9]
    assert (second.best[0], second.lots[0]) == (first.best[-1], first.lots[-1])
    assert int(second.lots[0]) == int(first.lots[1]) - 7
    assert matched.lots.tolist() == [2]
    assert not second.changed()[0]


def test_the_levels_shown_are_those_that_are_left(shape: BookShape, quotes: SideQuotes) -> None:
    ticks, lots = quotes.levels(shape, ints(0), DEPTH + 1)
    eaten = int(lots[0, 0]) + 3
    _, window = BookSide(shape).advance(quotes, ints(0, 2), ints(0), ints(eaten), ints(1), 3)
    shown_ticks, shown_lots = window.levels(ints(1), DEPTH)
    assert shown_ticks[0].tolist() == ticks[0, 1:].tolist()
    assert shown_lots[0].tolist() == [int(lots[0, 1]) - 3, *lots[0, 2:].tolist()]


def test_levels_go_outwards_from_the_best(shape: BookShape) -> None:
    ticks = shape.ticks(ints(5_000, 5_001, 5_002), DEPTH)
    steps = np.diff(ticks, axis=1)
    assert (steps > 0).all() or (steps < 0).all()
    assert np.abs(steps).max() < 2 * 3
