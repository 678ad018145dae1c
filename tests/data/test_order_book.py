from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quantai.data.order_book import OrderBook, TicksFromBook
from quantai.events import OrderBookDeltaEvent, OrderBookSnapshotEvent, TickEvent
from quantai.events.base import Level

Levels = tuple[Level, ...]

levels = st.lists(st.tuples(st.integers(-5, 15).map(float), st.sampled_from([0.0, 1.0, 2.5])), max_size=6).map(tuple)


def snapshot(bids: Levels = (), asks: Levels = (), ts: int = 1) -> OrderBookSnapshotEvent:
    return OrderBookSnapshotEvent("v", "A/B", ts, ts + 1, bids, asks)


def delta(bids: Levels = (), asks: Levels = (), ts: int = 1) -> OrderBookDeltaEvent:
    return OrderBookDeltaEvent("v", "A/B", ts, ts + 1, bids, asks)


@given(st.lists(st.tuples(st.booleans(), levels, levels), max_size=8))
def test_a_book_is_two_dictionaries_in_order(changes: list[tuple[bool, Levels, Levels]]) -> None:
    book = OrderBook()
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    is_ready = False
    for is_snapshot, new_bids, new_asks in changes:
        if is_snapshot:
            book.apply_snapshot(snapshot(new_bids, new_asks))
            bids, asks, is_ready = {}, {}, True
            last = [(dict(new_bids), bids), (dict(new_asks), asks)]
        else:
            book.apply_delta(delta(new_bids, new_asks))
            last = [(dict(new_bids), bids), (dict(new_asks), asks)] if is_ready else []
        for changed, side in last:
            side.update(changed)
            for price in [price for price, size in side.items() if size == 0]:
                del side[price]
        assert book.is_ready == is_ready
        assert book.bids() == sorted(bids.items(), reverse=True)
        assert book.asks() == sorted(asks.items())
        assert book.bids(2) == book.bids()[:2]
        assert book.asks(2) == book.asks()[:2]
        if bids and asks and max(bids) < min(asks):
            assert book.best() == ((max(bids), bids[max(bids)]), (min(asks), asks[min(asks)]))
        else:
            assert book.best() is None


def test_what_comes_before_the_first_snapshot_is_ignored() -> None:
    book = OrderBook()
    book.apply_delta(delta(((9.0, 1.0),), ((10.0, 1.0),)))
    assert not book.is_ready
    assert book.bids() == book.asks() == []


def test_an_empty_level_of_a_snapshot_is_no_level() -> None:
    book = OrderBook()
    book.apply_snapshot(snapshot(((9.0, 0.0), (8.0, 1.0)), ((10.0, 1.0),)))
    assert book.best() == ((8.0, 1.0), (10.0, 1.0))


def test_ticks_come_when_the_top_of_the_book_changes() -> None:
    ticks = TicksFromBook()
    assert ticks.update(delta(((9.0, 1.0),), ((10.0, 1.0),))) is None
    assert ticks.update(snapshot(((9.0, 1.0),), ((10.0, 2.0),), ts=5)) == TickEvent(
        "v", "A/B", 5, 6, 9.0, 1.0, 10.0, 2.0
    )
    assert ticks.update(delta(((8.0, 5.0),))) is None  # below the top
    assert ticks.update(snapshot(((9.0, 1.0),), ((10.0, 2.0),))) is None  # the same top
    assert ticks.update(delta(((9.0, 3.0),), ts=7)) == TickEvent("v", "A/B", 7, 8, 9.0, 3.0, 10.0, 2.0)
    assert ticks.update(delta(((8.0, 5.0),))) is None
    assert ticks.update(delta(((9.0, 0.0),), ts=8)) == TickEvent("v", "A/B", 8, 9, 8.0, 5.0, 10.0, 2.0)


def test_a_crossed_or_empty_book_makes_no_tick() -> None:
    ticks = TicksFromBook()
    assert ticks.update(snapshot(((9.0, 1.0),), ())) is None
    assert ticks.update(snapshot(((9.0, 1.0),), ((9.0, 1.0),))) is None
    assert ticks.update(snapshot(((9.0, 1.0),), ((8.0, 1.0),))) is None
    assert ticks.update(delta(asks=((8.0, 0.0), (9.5, 1.0)))) is not None
