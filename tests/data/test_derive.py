from __future__ import annotations

from decimal import Decimal

from quantai.core.clock import NEVER, SimulatedClock
from quantai.core.enums import Side
from quantai.data.derive import DerivedStreams, topic_of
from quantai.events import (
    BarEvent,
    Event,
    OrderBookDeltaEvent,
    OrderBookSnapshotEvent,
    TickEvent,
    TradeEvent,
)
from quantai.events.bus import MemoryEventBus
from quantai.instruments import Instrument

INSTRUMENT = Instrument(venue="v", symbol="A/B", tick_size=Decimal(1), lot_size=Decimal(1))
OTHER = Instrument(venue="v", symbol="C/D", tick_size=Decimal(1), lot_size=Decimal(1))


class World:
    """A bus, a clock, and what was derived."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.bus = MemoryEventBus(self.clock)
        self.derived = DerivedStreams(self.bus, self.clock)
        self.events: list[Event] = []

    async def start(self) -> None:
        await self.derived.start()
        for pattern in ("market.bar.*", "market.tick.*"):
            await self.bus.subscribe(pattern, self.events.append)

    async def trade(self, ts: int, price: float, symbol: str = "A/B") -> None:
        self.clock.advance_to(ts)
        await self.bus.publish(TradeEvent("v", symbol, ts, ts, price, 1.0, Side.BUY, ""))


def bar(end: int, interval: int, first: float, last: float, volume: float, ts_init: int | None = None) -> BarEvent:
    low, high = sorted((first, last))
    return BarEvent("v", "A/B", end, end if ts_init is None else ts_init, interval, first, high, low, last, volume)


def test_a_topic_is_that_of_the_instrument() -> None:
    assert topic_of(BarEvent, INSTRUMENT) == "market.bar.v.A/B"


async def test_bars_are_published_when_their_time_is_over() -> None:
    world = World()
    world.derived.add_bars(INSTRUMENT, 10)
    assert world.derived.topics == {"market.bar.v.A/B"}
    await world.start()
    await world.trade(1, 5)
    await world.trade(9, 7)
    await world.trade(9, 99, symbol="C/D")
    assert world.events == []
    await world.trade(10, 8)
    assert world.events == [bar(10, 10, 5, 7, 2)]
    world.clock.advance_to(50)
    assert world.events == [bar(10, 10, 5, 7, 2), bar(20, 10, 8, 8, 1)]


async def test_bars_of_several_intervals_are_built_side_by_side() -> None:
    world = World()
    world.derived.add_bars(INSTRUMENT, 10)
    world.derived.add_bars(INSTRUMENT, 20)
    await world.start()
    await world.trade(5, 1)
    await world.trade(15, 2)
    world.clock.advance_to(20)
    assert world.events == [bar(10, 10, 1, 1, 1), bar(20, 20, 1, 2, 2), bar(20, 10, 2, 2, 1)]


async def test_ticks_are_taken_from_snapshots_and_changes_of_the_book() -> None:
    world = World()
    world.derived.add_ticks(INSTRUMENT)
    assert world.derived.topics == {"market.tick.v.A/B"}
    await world.start()
    await world.bus.publish(OrderBookSnapshotEvent("v", "A/B", 1, 2, ((9.0, 1.0),), ((10.0, 2.0),)))
    await world.bus.publish(OrderBookDeltaEvent("v", "A/B", 3, 4, ((8.0, 1.0),), ()))
    await world.bus.publish(OrderBookDeltaEvent("v", "A/B", 5, 6, (), ((10.0, 3.0),)))
    await world.bus.publish(OrderBookSnapshotEvent("v", "C/D", 7, 8, ((1.0, 1.0),), ((2.0, 2.0),)))
    assert world.events == [
        TickEvent("v", "A/B", 1, 2, 9.0, 1.0, 10.0, 2.0),
        TickEvent("v", "A/B", 5, 6, 9.0, 1.0, 10.0, 3.0),
    ]


async def test_books_of_two_instruments_are_kept_apart() -> None:
    world = World()
    world.derived.add_ticks(INSTRUMENT)
    world.derived.add_ticks(OTHER)
    await world.start()
    for symbol, price in (("A/B", 9.0), ("C/D", 1.0)):
        await world.bus.publish(OrderBookSnapshotEvent("v", symbol, 1, 1, ((price, 1.0),), ((20.0, 1.0),)))
    assert [event.bid_price for event in world.events if isinstance(event, TickEvent)] == [9.0, 1.0]


async def test_stopping_closes_no_more_bars() -> None:
    world = World()
    world.derived.add_bars(INSTRUMENT, 10)
    await world.start()
    await world.trade(1, 5)
    await world.derived.stop()
    assert world.clock.next_due_ns == NEVER
    world.clock.advance_to(100)
    assert world.events == []
