"""The books that routers look at."""

from __future__ import annotations

from quantai.core.clock import SimulatedClock
from quantai.core.enums import InstrumentStatus, Side
from quantai.events import (
    DisconnectedEvent,
    GapEvent,
    InstrumentStatusEvent,
    OrderBookDeltaEvent,
    OrderBookSnapshotEvent,
)
from quantai.events.bus import MemoryEventBus
from quantai.instruments import Instrument
from quantai.oms.routing.books import BookView
from tests.oms.routing.scene import A, B, listed

ETH = listed("a", "ETH/USDT")


def snapshot(instrument: Instrument = A, ts_ns: int = 5) -> OrderBookSnapshotEvent:
    bids, asks = ((99.0, 1.0), (98.0, 2.0)), ((101.0, 3.0), (102.0, 4.0))
    return OrderBookSnapshotEvent(instrument.venue, instrument.symbol, 1, ts_ns, bids, asks)


def delta(ts_ns: int = 6) -> OrderBookDeltaEvent:
    return OrderBookDeltaEvent("a", "BTC/USDT", 1, ts_ns, ((99.0, 0.0),), ((100.5, 7.0),))


def levels(books: BookView, instrument: Instrument = A, depth: int = 20) -> tuple[list[object], list[object]]:
    """What a buy and a sell could take."""
    return list(books.levels(instrument, Side.BUY, depth)), list(books.levels(instrument, Side.SELL, depth))


def test_a_buy_takes_asks_and_a_sell_bids() -> None:
    books = BookView([A])
    books.update(snapshot())
    assert levels(books) == ([(101.0, 3.0), (102.0, 4.0)], [(99.0, 1.0), (98.0, 2.0)])
    assert levels(books, depth=1) == ([(101.0, 3.0)], [(99.0, 1.0)])
    assert books.seen_ns(A) == 5


def test_deltas_change_the_book() -> None:
    books = BookView([A])
    books.update(snapshot())
    books.update(delta())
    assert levels(books) == ([(100.5, 7.0), (101.0, 3.0), (102.0, 4.0)], [(98.0, 2.0)])
    assert levels(books, depth=1) == ([(100.5, 7.0)], [(98.0, 2.0)])
    assert books.seen_ns(A) == 6
    books.update(OrderBookDeltaEvent("a", "BTC/USDT", 1, 7, (), ((100.5, 0.0),)))
    assert levels(books)[0] == [(101.0, 3.0), (102.0, 4.0)]


def test_a_snapshot_replaces_the_book() -> None:
    books = BookView([A])
    books.update(snapshot())
    books.update(delta())
    books.update(snapshot(ts_ns=9))
    assert levels(books)[1] == [(99.0, 1.0), (98.0, 2.0)]
    assert books.seen_ns(A) == 9


def test_levels_without_size_are_no_levels() -> None:
    books = BookView([A])
    books.update(OrderBookSnapshotEvent("a", "BTC/USDT", 1, 5, (), ((101.0, 0.0), (102.0, 4.0))))
    assert levels(books) == ([(102.0, 4.0)], [])


def test_nothing_is_known_before_a_snapshot() -> None:
    books = BookView([A])
    books.update(delta())
    assert levels(books) == ([], [])
    assert books.seen_ns(A) == 0
    assert levels(books, B) == ([], [])
    assert books.seen_ns(B) == 0


async def test_it_hears_of_its_instruments_on_the_bus() -> None:
    bus, books = MemoryEventBus(SimulatedClock()), BookView([A])
    await books.start(bus)
    assert bus.is_wanted("market.book.a.BTC/USDT")
    assert bus.is_wanted("market.book_delta.a.BTC/USDT")
    assert bus.is_wanted("market.status.a.BTC/USDT")
    assert not bus.is_wanted("market.book.b.BTC/USDT")
    await bus.publish(snapshot())
    await bus.publish(delta())
    assert levels(books)[0][0] == (100.5, 7.0)
    await bus.publish(GapEvent("feeds", 1, 1, "a", "BTC/USDT", 1, 1))
    assert levels(books) == ([], [])
    await bus.publish(snapshot())
    await bus.publish(DisconnectedEvent("a", 1, 1))
    assert levels(books) == ([], [])
    await bus.publish(InstrumentStatusEvent("a", "BTC/USDT", 1, 1, InstrumentStatus.HALTED))
    assert books.halt(A) is InstrumentStatus.HALTED


async def test_without_instruments_nothing_is_streamed() -> None:
    bus = MemoryEventBus(SimulatedClock())
    await BookView().start(bus)
    assert not bus.is_wanted("system.gap.feeds")
    assert not bus.is_wanted("system.disconnected.a")


def gap(venue: str, symbol: str) -> GapEvent:
    return GapEvent("feeds", 1, 1, venue, symbol, 1, 1)


def test_a_gap_makes_doubtful_what_it_names() -> None:
    for event, left in (
        (gap("a", "BTC/USDT"), [B, ETH]),
        (gap("a", ""), [B]),
        (gap("", ""), []),
        (gap("c", ""), [A, B, ETH]),
        (gap("", "ETH/USDT"), [A, B]),
    ):
        books = BookView([A, B, ETH])
        for instrument in (A, B, ETH):
            books.update(snapshot(instrument))
        books.on_gap(event)
        assert [each for each in (A, B, ETH) if books.seen_ns(each)] == left


def test_a_lost_connection_makes_a_venue_doubtful() -> None:
    books = BookView([A, B])
    for instrument in (A, B):
        books.update(snapshot(instrument))
    books.on_disconnected(DisconnectedEvent("b", 1, 1, "reset"))
    assert [books.seen_ns(A), books.seen_ns(B)] == [5, 0]


def test_it_knows_what_does_not_trade() -> None:
    books = BookView([A, B])
    assert books.halt(A) is None
    books.on_status(InstrumentStatusEvent("a", "BTC/USDT", 1, 1, InstrumentStatus.TRADING))
    assert books.halt(A) is None
    books.on_status(InstrumentStatusEvent("a", "BTC/USDT", 1, 1, InstrumentStatus.CLOSED))
    assert books.halt(A) is InstrumentStatus.CLOSED
    assert books.halt(B) is None
    books.on_status(InstrumentStatusEvent("a", "BTC/USDT", 1, 1, InstrumentStatus.TRADING))
    assert books.halt(A) is None
