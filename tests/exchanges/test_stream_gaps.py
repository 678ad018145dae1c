"""What is told when connections fall and streams stop."""

from __future__ import annotations

from quantai.core.clock import SimulatedClock
from quantai.events import ConnectedEvent, DisconnectedEvent, Event, GapEvent, StaleEvent
from quantai.exchanges.stream_gaps import StreamGaps


class World:
    def __init__(self) -> None:
        self.clock = SimulatedClock(100)
        self.told: list[Event] = []
        self.gaps = StreamGaps("binance", self.clock, self.told.append)

    def kinds(self) -> list[type[Event]]:
        return [type(event) for event in self.told]

    def rows(self) -> list[tuple[str, int, int]]:
        return [(e.symbol, e.start_ns, e.end_ns) for e in self.told if isinstance(e, GapEvent)]


def test_the_venue_is_connected_by_its_first_connection_and_disconnected_by_its_last() -> None:
    world = World()
    for name, is_up in (("a", True), ("b", True), ("a", False), ("b", False), ("a", True)):
        world.gaps.connection(name, is_up, "why")
    assert world.kinds() == [ConnectedEvent, DisconnectedEvent, ConnectedEvent]


def test_where_others_go_on_an_instrument_that_does_not_is_stale() -> None:
    world = World()
    world.gaps.connection("a", True, "")
    world.gaps.down({"btc@trade": "BTC", "btc@depth": "BTC", "eth@trade": "ETH"}, 90)
    stale = [event for event in world.told if isinstance(event, StaleEvent)]
    assert [(event.symbol, event.age_ns) for event in stale] == [("BTC", 10), ("ETH", 10)]


def test_a_row_tells_from_when_to_when_once_for_each_instrument() -> None:
    world = World()
    world.gaps.down({"btc@trade": "BTC", "btc@depth": "BTC"}, 90)
    world.gaps.down({"btc@trade": "BTC"}, 95)
    world.clock.set_time(200)
    world.gaps.up(["btc@trade", "btc@depth"], "interrupted")
    world.gaps.up(["btc@trade", "new@trade"], "interrupted")
    assert world.rows() == [("BTC", 90, 200)]


def test_what_was_before_a_stream_came_for_the_first_time_is_missing() -> None:
    world = World()
    world.gaps.wait_for({"btc@trade": "BTC", "btc@depth": "BTC", "eth@trade": "ETH"})
    world.clock.set_time(150)
    world.gaps.up(["btc@trade"], "did not come")
    world.clock.set_time(160)
    world.gaps.up(["btc@trade", "btc@depth"], "did not come")
    assert world.rows() == [("BTC", 100, 150), ("BTC", 100, 160)]
    world.gaps.stop()
    assert world.rows()[2:] == [("ETH", 100, 160)]


def test_what_does_not_come_again_is_told_at_the_end() -> None:
    world = World()
    world.gaps.down({"btc@depth": "BTC"}, 90)
    world.gaps.down({"eth@trade": "ETH"}, 90)
    world.gaps.forget(["eth@trade"])
    world.clock.set_time(300)
    world.gaps.stop()
    assert world.rows() == [("BTC", 90, 300)]


def test_a_time_from_another_clock_makes_no_row_that_ends_before_it_begins() -> None:
    world = World()
    world.gaps.down({"btc@depth": "BTC"}, 10_000)
    world.gaps.stop()
    assert world.rows() == [("BTC", 100, 100)]
