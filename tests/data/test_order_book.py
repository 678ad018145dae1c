"""The book against a plain dictionary."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quantai.data.order_book import OrderBook, TicksFromBook
from quantai.events import OrderBookDeltaEvent, OrderBookSnapshotEvent

Levels = tuple[tuple[float, float], ...]
levels = st.lists(st.tuples(st.integers(1, 20).map(float), st.integers(0, 5).map(float)), max_size=8).map(tuple)


def snapshot(bids: Levels, asks: Levels, ts: int = 1) -> OrderBookSnapshotEvent:
    return OrderBookSnapshotEvent("binance", "BTC/USDT", ts, ts, bids, asks)


def delta(bids: Levels, asks: Levels = (), ts: int = 2) -> OrderBookDeltaEvent:
    return OrderBookDeltaEvent("binance", "BTC/USDT", ts, ts, bids, asks)


@given(st.lists(st.tuples(levels, levels), max_size=20))
def test_deltas_make_the_book_that_a_dictionary_makes(changes: list[tuple[Levels, Levels]]) -> None:
    book = OrderBook()
    book.apply_snapshot(snapshot(((9.0, 1.0),), ((11.0, 1.0),)))
    bids, asks = {9.0: 1.0}, {11.0: 1.0}
    for bid_changes, ask_changes in changes:
        book.apply_delta(delta(bid_changes, ask_changes))
        for side, side_changes in ((bids, bid_changes), (asks, ask_changes)):
            side.update(side_changes)
            for price in [price for price, size in side.items() if size == 0]:
                del side[price]
    assert book.bids() == sorted(bids.items(), reverse=True)
    assert book.asks() == sorted(asks.items())
    assert book.asks(2) == sorted(asks.items())[:2]
    is_market = bool(bids) and bool(asks) and max(bids) < min(asks)
    assert (book.best() is not None) is is_market


def test_what_comes_before_the_first_snapshot_is_ignored() -> None:
    book = OrderBook()
    book.apply_delta(delta(((9.0, 1.0),), ((11.0, 1.0),)))
    assert not book.is_ready
    assert book.best() is None


def test_a_snapshot_forgets_what_was() -> None:
    book = OrderBook()
    book.apply_snapshot(snapshot(((9.0, 1.0), (8.0, 1.0)), ((11.0, 1.0),)))
    book.apply_snapshot(snapshot(((7.0, 2.0),), ((12.0, 3.0),)))
    assert book.best() == ((7.0, 2.0), (12.0, 3.0))
    assert book.bids() == [(7.0, 2.0)]


def test_a_tick_comes_of_each_change_of_the_top_and_of_no_other() -> None:
    ticks = TicksFromBook()
    first = ticks.update(snapshot(((9.0, 1.0), (8.0, 1.0)), ((11.0, 1.0),)))
    assert first is not None
    assert (first.bid_price, first.bid_size, first.ask_price, first.ask_size) == (9.0, 1.0, 11.0, 1.0)
    assert ticks.update(delta(((8.0, 5.0),))) is None
    changed = ticks.update(delta(((9.0, 2.0),), ts=5))
    assert changed is not None
    assert (changed.bid_size, changed.ts_init) == (2.0, 5)
    assert ticks.update(delta(((12.0, 1.0),))) is None, "a crossed book is no market"
