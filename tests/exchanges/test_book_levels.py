"""The kept levels of a book against a plain dictionary."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.exchanges.book_levels import BookSide

ticks = st.integers(1, 60)
levels = st.lists(st.tuples(ticks, st.integers(0, 3)), max_size=12)
signs = st.sampled_from([1.0, -1.0])


@settings(max_examples=60, deadline=None)
@given(signs, st.lists(levels, max_size=10), st.booleans())
def test_a_side_knows_what_a_dictionary_knows_up_to_its_edge(
    sign: float, updates: list[list[tuple[int, int]]], is_cut: bool
) -> None:
    start = {float(price): 1.0 for price in range(20, 41)}
    worst = (40.0 if sign > 0 else 20.0) if is_cut else None
    side, plain = BookSide(sign, 1_000), dict(start)
    side.load(start, worst)
    for update in updates:
        changes = tuple((float(price), float(size)) for price, size in update)
        side.apply(changes)
        plain.update(changes)
    known = {price: size for price, size in plain.items() if size and (worst is None or price * sign <= worst * sign)}
    assert side.top() == tuple((price, known[price]) for price in sorted(known, reverse=sign < 0))
    assert side.best_key == min((price * sign for price in known), default=float("inf"))


def test_levels_far_from_the_market_are_forgotten_where_there_are_too_many() -> None:
    side = BookSide(1.0, 10)
    side.load({float(price): 1.0 for price in range(100, 110)}, 109.0)
    side.apply(tuple((float(price), 1.0) for price in range(60, 100)))
    assert len(side) == 20
    assert side.top(1) == ((60.0, 1.0),)
    side.apply(((95.0, 2.0),))
    assert len(side) == 20


def test_a_side_that_the_market_has_left_is_thin() -> None:
    side = BookSide(-1.0, 8)
    side.load({float(price): 1.0 for price in range(92, 100)}, 92.0)
    assert not side.is_thin
    side.apply(tuple((float(price), 0.0) for price in range(93, 100)))
    assert side.is_thin


def test_a_side_that_was_told_whole_is_never_thin() -> None:
    side = BookSide(-1.0, 8)
    side.load({99.0: 1.0}, None)
    side.apply(((99.0, 0.0),))
    assert not side.is_thin
    assert side.top() == ()


def test_the_level_at_the_edge_is_known_and_what_is_beyond_is_not() -> None:
    side = BookSide(1.0, 2)
    side.load({100.0: 1.0, 101.0: 1.0}, 101.0)
    side.apply(((101.0, 0.0), (101.5, 1.0)))
    side.apply(((101.0, 3.0),))
    assert side.top() == ((100.0, 1.0), (101.0, 3.0))
