"""Books put together: what is published, when, and what breaks them."""

from __future__ import annotations

from typing import Any

import pytest

from quantai.core.clock import SimulatedClock
from quantai.events import Event, GapEvent, OrderBookDeltaEvent, OrderBookSnapshotEvent
from quantai.exchanges.book_chains import Chain, PreviousChain, RangeChain
from quantai.exchanges.book_sync import MAX_BUFFERED_LEVELS, BookSync
from quantai.exchanges.books import Books

SECOND = 1_000_000_000
BIDS, ASKS = ((99.0, 1.0), (98.0, 1.0)), ((101.0, 1.0), (102.0, 1.0))


class World:
    """One venue's books, and what came of them."""

    def __init__(self, chain: Chain | None = None, *, depth: int = 100, wanted: str = "market.") -> None:
        self.events: list[Event] = []
        self.told: list[Event] = []
        self.asked: list[str] = []
        self.books = Books(
            "binance",
            chain or RangeChain(),
            depth=depth,
            sink=self.events.append,
            publish=self.told.append,
            is_wanted=lambda topic: topic.startswith(wanted),
            request=lambda book: self.asked.append(book.symbol),
        )
        self.now_ns = SECOND

    @property
    def counts(self) -> Any:
        return self.books.counts

    @property
    def gaps(self) -> list[GapEvent]:
        return [event for event in self.told if isinstance(event, GapEvent)]

    def book(self, symbol: str = "BTC/USDT") -> BookSync:
        return self.books.of(symbol)

    def update(
        self, first: int, last: int, previous: int = 0, *, symbol: str = "BTC/USDT", ts_event: int = 0, **sides: Any
    ) -> None:
        """An update that changes nothing at the top, if nothing else is said."""
        self.now_ns += 1
        bids, asks = sides.get("bids", ((97.0, 1.0),)), sides.get("asks", ())
        event = OrderBookDeltaEvent("binance", symbol, ts_event or self.now_ns, self.now_ns, bids, asks, last)
        self.book(symbol).on_update(first, previous, event)

    def snapshot(self, last: int, *, symbol: str = "BTC/USDT", bids: Any = BIDS, asks: Any = ASKS) -> bool:
        self.now_ns += 1
        event = OrderBookSnapshotEvent("binance", symbol, self.now_ns, self.now_ns, bids, asks, last)
        return self.book(symbol).on_snapshot(event)

    def valid(self, last: int = 10, *, symbol: str = "BTC/USDT", **sides: Any) -> World:
        """The same, with a book that is valid."""
        book = self.book(symbol)
        book.up()
        book.begin()
        assert self.snapshot(last, symbol=symbol, **sides)
        book.end()
        self.events.clear()
        self.asked.clear()
        return self

    def sequences(self) -> list[int]:
        books = (OrderBookDeltaEvent, OrderBookSnapshotEvent)
        return [event.sequence for event in self.events if isinstance(event, books)]


def test_nothing_is_published_before_the_snapshot_bridges() -> None:
    world = World()
    world.book().up()
    world.book().begin()
    world.update(5, 8)
    world.update(9, 12)
    assert world.events == []
    assert world.snapshot(10)
    (event,) = world.events
    assert isinstance(event, OrderBookSnapshotEvent)
    assert (event.sequence, event.bids) == (12, ((99.0, 1.0), (98.0, 1.0), (97.0, 1.0)))


def test_updates_go_on_from_the_snapshot() -> None:
    world = World().valid(10)
    world.update(8, 13, bids=((99.0, 0.0),))
    world.update(14, 14)
    assert world.sequences() == [13, 14]


@pytest.mark.parametrize("last", [3, 7])
def test_a_snapshot_older_than_what_came_is_refused(last: int) -> None:
    world = World()
    world.book().up()
    world.book().begin()
    world.update(9, 12)
    assert not world.snapshot(last)
    assert (world.events, world.counts.refused_snapshots) == ([], 1)


def test_a_snapshot_older_than_what_came_before_it_was_asked_for_is_refused() -> None:
    world = World()
    world.book().up()
    world.update(9, 12)
    world.book().begin()
    assert not world.snapshot(11)
    assert world.snapshot(12)


def test_a_snapshot_does_not_hide_a_gap_in_what_was_kept() -> None:
    world = World()
    world.book().up()
    world.book().begin()
    world.update(9, 12)
    world.update(14, 15)
    assert not world.snapshot(10)


def test_a_crossed_snapshot_is_refused() -> None:
    world = World()
    world.book().up()
    world.book().begin()
    assert not world.snapshot(10, bids=((101.0, 1.0),))
    assert world.events == []


def test_a_gap_costs_that_symbol_only_and_is_told_with_its_bounds() -> None:
    world = World().valid(symbol="ETH/USDT").valid()
    world.update(11, 12)
    good_ns = world.now_ns
    world.update(14, 15)
    world.update(16, 17)
    assert world.sequences() == [12]
    (gap,) = world.gaps
    assert (gap.symbol, gap.start_ns, gap.end_ns, gap.reason) == (
        "BTC/USDT", good_ns, good_ns + 1, "an order book update is missing",
    )  # fmt: skip
    assert (world.asked, world.counts.gaps) == (["BTC/USDT"], 1)
    world.update(11, 11, symbol="ETH/USDT")
    assert world.sequences() == [12, 11]


def test_the_time_until_the_book_is_whole_again_is_told_too() -> None:
    world = World().valid()
    world.update(14, 15)
    lost_ns = world.now_ns
    world.book().begin()
    world.update(16, 17)
    assert world.snapshot(16)
    assert [(gap.start_ns, gap.end_ns) for gap in world.gaps][1:] == [(lost_ns, world.now_ns)]
    assert world.sequences() == [17]


def test_a_crossed_book_is_not_published() -> None:
    world = World().valid()
    world.update(11, 11, bids=((101.0, 5.0),))
    assert world.events == []
    assert (world.counts.crossed, world.asked, world.gaps[0].reason) == (1, ["BTC/USDT"], "the order book is crossed")


def test_a_book_whose_best_moves_in_one_update_is_not_crossed() -> None:
    world = World().valid()
    world.update(11, 11, bids=((101.0, 5.0),), asks=((101.0, 0.0),))
    world.update(12, 12, bids=((101.0, 0.0), (99.0, 0.0), (98.0, 0.0), (97.0, 0.0)))
    world.update(13, 13, bids=(), asks=((90.0, 1.0),))
    assert world.sequences() == [11, 12, 13]


def test_what_a_second_connection_brings_again_is_dropped() -> None:
    world = World().valid()
    for first, last in ((11, 12), (11, 12), (13, 14), (11, 12), (13, 14)):
        world.update(first, last, ts_event=7)
    assert world.sequences() == [12, 14]
    assert (world.counts.duplicates, world.gaps) == (3, [])


def test_ids_that_go_back_for_good_begin_a_new_book() -> None:
    world = World().valid()
    world.update(11, 12, ts_event=1)
    world.update(1, 2, ts_event=11 * SECOND)
    assert world.gaps[0].reason == "the venue's update ids went back"
    assert world.asked == ["BTC/USDT"]


def test_usdm_chains_by_the_previous_id() -> None:
    world = World(PreviousChain())
    world.book().up()
    world.book().begin()
    world.update(80, 90, 79)
    world.update(95, 105, 90)
    assert world.snapshot(100)
    world.update(157, 160, 105)
    world.update(200, 210, 161)
    assert world.sequences() == [105, 160]
    assert world.counts.gaps == 1


@pytest.mark.parametrize(
    ("first", "last", "previous", "is_bridge"),
    [
        (95, 100, 90, True),  # the snapshot contains all of it: nothing to apply, nothing wrong
        (95, 101, 90, True),
        (101, 110, 100, True),
        (103, 110, 98, True),  # between 98 and 103 there is nothing
        (103, 110, 101, False),
    ],
)
def test_usdm_bridges_where_nothing_can_lie_between(first: int, last: int, previous: int, is_bridge: bool) -> None:
    world = World(PreviousChain()).valid(100)
    world.update(first, last, previous)
    assert world.book().is_valid is is_bridge


def test_a_book_that_the_market_has_left_is_refreshed_without_a_gap() -> None:
    world = World(depth=8).valid(bids=tuple((float(99 - n), 1.0) for n in range(8)))
    world.update(11, 11, bids=tuple((float(99 - n), 0.0) for n in range(7)))
    assert world.asked == ["BTC/USDT"]
    world.book().begin()
    world.update(12, 12, bids=((80.0, 2.0),))
    assert world.snapshot(11, bids=((92.0, 1.0), (80.0, 1.0)))
    world.book().end()
    world.update(13, 13)
    assert world.sequences() == [11, 12, 12, 13]
    refreshed = world.events[2]
    assert isinstance(refreshed, OrderBookSnapshotEvent)
    assert refreshed.bids == ((92.0, 1.0), (80.0, 2.0))
    assert (world.gaps, world.counts.refreshed) == ([], 1)


def test_a_refresh_that_is_too_old_leaves_the_book_as_it_is() -> None:
    world = World().valid()
    world.update(11, 15)
    world.book().begin()
    assert not world.snapshot(12)
    world.book().end()
    world.update(16, 16)
    assert world.sequences() == [15, 16]


def test_a_book_without_a_connection_says_nothing_until_it_was_put_together_anew() -> None:
    world = World().valid()
    world.book().down(world.now_ns)
    down_ns = world.now_ns
    world.update(11, 11)
    assert not world.snapshot(12)
    assert world.events == []
    world.book().up()
    world.book().begin()
    assert world.snapshot(12)
    assert [(gap.start_ns, gap.reason) for gap in world.gaps] == [(down_ns, "the order book was put together anew")]


def test_the_buffer_is_bounded_and_a_newer_snapshot_makes_up_for_it() -> None:
    world = World()
    world.book().up()
    world.book().begin()
    many = tuple((float(price), 1.0) for price in range(1, 1_000))
    for number in range(1, 30):
        world.update(number, number, bids=(), asks=tuple((price + 1_000, size) for price, size in many))
    assert world.counts.dropped == 29 - MAX_BUFFERED_LEVELS // 1_000
    assert not world.snapshot(5)
    assert world.snapshot(20)


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        ("market.book.", [OrderBookSnapshotEvent]),
        ("market.book_delta.", [OrderBookDeltaEvent]),
        ("market.", [OrderBookSnapshotEvent, OrderBookDeltaEvent]),
    ],
)
def test_only_what_is_wanted_is_published(wanted: str, kinds: list[type[Event]]) -> None:
    world = World(wanted=wanted)
    world.book().up()
    world.book().begin()
    world.snapshot(10)
    world.update(11, 11)
    assert [type(event) for event in world.events] == kinds


def test_whole_books_come_one_after_another_at_the_chosen_pace() -> None:
    clock = SimulatedClock(SECOND)
    world = World().valid(symbol="ETH/USDT").valid()
    world.books.publish_every(10 * SECOND, clock, 1)
    clock.advance_to(21 * SECOND)
    shown = [event for event in world.events if isinstance(event, OrderBookSnapshotEvent)]
    assert [(event.symbol, event.ts_init // SECOND) for event in shown] == [
        ("BTC/USDT", 5), ("ETH/USDT", 10), ("BTC/USDT", 15), ("ETH/USDT", 20),
    ]  # fmt: skip
    assert (shown[0].bids, shown[0].asks) == (BIDS[:1], ASKS[:1])
    world.books.stop()
    clock.advance_to(60 * SECOND)
    assert len(world.events) == 4


def test_frames_of_a_recording_need_nobody_to_ask_for_snapshots() -> None:
    events: list[Event] = []
    books = Books(
        "binance", RangeChain(), depth=100, sink=events.append, publish=events.append, is_wanted=lambda topic: True
    )
    book = books.of("BTC/USDT")
    for last in (9, 10, 11):
        book.on_update(last, 0, OrderBookDeltaEvent("binance", "BTC/USDT", last, last, (), (), last))
    assert book.on_snapshot(OrderBookSnapshotEvent("binance", "BTC/USDT", 12, 12, BIDS, ASKS, 10))
    assert [event.sequence for event in events if isinstance(event, OrderBookSnapshotEvent)] == [11]


def test_a_snapshot_that_was_asked_for_before_the_stream_fell_is_not_taken_after_it() -> None:
    world = World()
    world.book().up()
    world.book().begin()
    world.book().down(world.now_ns)
    world.book().up()
    assert not world.snapshot(10)
    assert world.events == []


def test_a_gap_while_a_refresh_is_on_its_way_needs_a_snapshot_from_after_it() -> None:
    world = World().valid()
    world.book().begin()
    world.update(14, 15)
    assert not world.snapshot(12)
    assert world.snapshot(15)
