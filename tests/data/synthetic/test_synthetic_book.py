"""One book behind everything: ticks are its top, trades take from it, deltas turn one snapshot into the next."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from quantai.core.enums import Side
from quantai.data.synthetic import MarketModel
from quantai.events import MarketEvent, OrderBookDeltaEvent, OrderBookSnapshotEvent, TickEvent, TradeEvent

Make = Any
Book = dict[float, float]


def apply(book: Book, levels: tuple[tuple[float, float], ...]) -> None:
    for price, size in levels:
        if size:
            book[price] = size
        else:
            del book[price]  # a removal of what is not there is an error too


def rebuilt(events: list[MarketEvent]) -> Iterator[tuple[Book, Book, OrderBookSnapshotEvent | OrderBookDeltaEvent]]:
    """The book after every delta, and before every snapshot but the first what deltas made of it."""
    bids: Book = {}
    asks: Book = {}
    for event in events:
        if isinstance(event, OrderBookDeltaEvent):
            apply(bids, event.bids)
            apply(asks, event.asks)
            yield bids, asks, event
        elif isinstance(event, OrderBookSnapshotEvent):
            bids, asks = dict(event.bids), dict(event.asks)
            yield bids, asks, event


def test_ticks_never_cross_and_are_never_empty(quarter_hour: list[MarketEvent]) -> None:
    ticks = [event for event in quarter_hour if isinstance(event, TickEvent)]
    assert len(ticks) > 10_000
    assert all(tick.ask_price > tick.bid_price > 0 for tick in ticks)
    assert all(tick.bid_size > 0 and tick.ask_size > 0 for tick in ticks)


def test_every_tick_is_news(make: Make) -> None:
    def top(tick: MarketEvent) -> tuple[float, ...]:
        assert isinstance(tick, TickEvent)
        return tick.bid_price, tick.bid_size, tick.ask_price, tick.ask_size

    ticks = make.events(make.market(model=MarketModel(gaps_per_day=0)), "tick")
    assert all(top(first) != top(second) for first, second in pairwise(ticks))


def test_snapshots_hold_the_whole_depth_in_order(quarter_hour: list[MarketEvent]) -> None:
    snapshots = [event for event in quarter_hour if isinstance(event, OrderBookSnapshotEvent)]
    assert len(snapshots) > 45
    for event in snapshots:
        bids, asks = [price for price, _ in event.bids], [price for price, _ in event.asks]
        assert len(set(bids)) == len(set(asks)) == 20
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert asks[0] > bids[0]
        assert all(size > 0 for _, size in event.bids + event.asks)


def test_each_instrument_begins_with_a_snapshot(make: Make, quarter_hour: list[MarketEvent]) -> None:
    for events in make.by_instrument(quarter_hour).values():
        assert isinstance(events[0], OrderBookSnapshotEvent)
        assert events[0].ts_event == make.start_ns


def test_deltas_turn_one_snapshot_into_the_next(make: Make) -> None:
    """With snapshots every 5 s and every 10 s the same market publishes the same books, one by one."""
    books: list[dict[int, tuple[Book, Book]]] = []
    for seconds in (5, 10):
        model = MarketModel(snapshot_seconds=seconds, gaps_per_day=0)
        events = make.events(make.market(model=model), "book", "book_delta")
        books.append({event.sequence: (dict(bids), dict(asks)) for bids, asks, event in rebuilt(events)})
        wholes = sum(isinstance(event, OrderBookSnapshotEvent) for event in events)
        assert wholes == 300 / seconds
    common = books[0].keys() & books[1].keys()
    assert len(common) > 1_000
    assert all(books[0][number] == books[1][number] for number in common)


def test_the_book_stays_whole_and_uncrossed_between_snapshots(make: Make, quarter_hour: list[MarketEvent]) -> None:
    for events in make.by_instrument(quarter_hour).values():
        for bids, asks, _ in rebuilt(events):
            assert len(bids) == len(asks) == 20
            assert max(bids) < min(asks)


def test_the_top_of_the_book_is_the_last_tick(make: Make, quarter_hour: list[MarketEvent]) -> None:
    for events in make.by_instrument(quarter_hour).values():
        books = rebuilt(events)
        tick: TickEvent | None = None
        compared = 0
        for place, event in enumerate(events):
            if isinstance(event, TickEvent):
                tick = event
            elif isinstance(event, OrderBookSnapshotEvent | OrderBookDeltaEvent):
                bids, asks, _ = next(books)
                following = events[place + 1]
                if isinstance(following, TickEvent) and following.ts_event == event.ts_event:
                    tick = following  # after a silence the tick comes right behind the snapshot
                assert tick is not None
                assert (tick.bid_price, tick.bid_size) == (max(bids), bids[max(bids)])
                assert (tick.ask_price, tick.ask_size) == (min(asks), asks[min(asks)])
                compared += 1
        assert compared > 1_000


def test_takers_trade_what_is_quoted(make: Make, quarter_hour: list[MarketEvent]) -> None:
    """The first trade of a taker is at the quoted price; only one that eats all that is shown trades on, at worse
    prices.
    """
    for events in make.by_instrument(quarter_hour).values():
        ticks_and_trades = [event for event in events if isinstance(event, TickEvent | TradeEvent)]
        sweeps = 0
        for tick, taker in takers(ticks_and_trades):
            is_buy = taker[0].side is Side.BUY
            price, size = (tick.ask_price, tick.ask_size) if is_buy else (tick.bid_price, tick.bid_size)
            assert taker[0].price == price
            assert taker[0].size <= size
            if len(taker) > 1:
                sweeps += 1
                assert taker[0].size == size
                prices = [trade.price for trade in taker]
                assert prices == sorted(set(prices), reverse=not is_buy)
        assert sweeps > 10


def takers(events: list[TickEvent | TradeEvent]) -> Iterator[tuple[TickEvent, list[TradeEvent]]]:
    """The trades of each taker, with the tick before them."""
    tick: TickEvent | None = None
    trades: list[TradeEvent] = []
    for event in events:
        if isinstance(event, TradeEvent):
            if trades and trades[0].ts_init != event.ts_init:
                assert tick is not None
                yield tick, trades
                trades = []
            trades.append(event)
        else:
            if trades:
                assert tick is not None
                yield tick, trades
                trades = []
            tick = event


def test_a_tick_follows_every_taker_and_shows_what_is_left(make: Make) -> None:
    events = make.events(make.market(), "tick", "trade")
    checked = 0
    for before, trade, after in zip(events, events[1:], events[2:], strict=False):
        if isinstance(before, TickEvent) and isinstance(trade, TradeEvent) and isinstance(after, TickEvent):
            assert after.ts_init == trade.ts_init
            before_size, after_size = (
                (before.ask_size, after.ask_size) if trade.side is Side.BUY else (before.bid_size, after.bid_size)
            )
            if trade.size < before_size:
                assert round(before_size - trade.size, 5) == after_size
                checked += 1
    assert checked > 100


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_a_book_of_any_depth_is_rebuilt_from_its_deltas(make: Make, seed: int, depth: int) -> None:
    market = make.market(seconds=3, seed=seed, model=MarketModel(book_depth=depth, snapshot_seconds=1))
    for bids, asks, event in rebuilt(make.events(market, "book", "book_delta")):
        assert len(bids) == len(asks) == depth, event
