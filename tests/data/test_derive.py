"""Derived streams are published in their turn, and on time."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.clock import SimulatedClock
from quantai.core.enums import Side
from quantai.data.derive import DerivedStreams
from quantai.events import BarEvent, OrderBookDeltaEvent, OrderBookSnapshotEvent, TickEvent, TradeEvent
from quantai.events.bus import MemoryEventBus
from quantai.instruments import Instrument

INSTRUMENT = Instrument(venue="okx", symbol="BTC/USDT", tick_size=Decimal(1), lot_size=Decimal(1))
KEY = ("okx", "BTC/USDT")


async def test_bars_of_two_intervals_come_from_one_stream_of_trades() -> None:
    clock = SimulatedClock()
    bus = MemoryEventBus(clock)
    bars: list[BarEvent] = []
    await bus.subscribe("market.bar.*", bars.append)
    derived = DerivedStreams(bus, clock)
    derived.add_bars(INSTRUMENT, 10)
    derived.add_bars(INSTRUMENT, 20)
    await derived.start()
    for ts in (1, 12):
        clock.advance_to(ts)
        await bus.publish(TradeEvent(*KEY, ts, ts, float(ts), 1.0, Side.BUY, ""))
    clock.advance_to(40)
    assert sorted((bar.interval_ns, bar.ts_event, bar.ts_init, bar.volume) for bar in bars) == [
        (10, 10, 10, 1.0),
        (10, 20, 20, 1.0),
        (20, 20, 20, 2.0),
    ]
    assert derived.topics == {"market.bar.okx.BTC/USDT"}
    await derived.stop()
    clock.advance_to(100)
    assert len(bars) == 3


async def test_ticks_come_from_the_book() -> None:
    clock = SimulatedClock()
    bus = MemoryEventBus(clock)
    ticks: list[TickEvent] = []
    await bus.subscribe("market.tick.*", ticks.append)
    derived = DerivedStreams(bus, clock)
    derived.add_ticks(INSTRUMENT)
    await derived.start()
    await bus.publish(OrderBookSnapshotEvent(*KEY, 1, 1, ((9.0, 1.0),), ((11.0, 1.0),)))
    await bus.publish(OrderBookDeltaEvent(*KEY, 2, 2, ((10.0, 2.0),), ()))
    assert [(tick.bid_price, tick.ask_price) for tick in ticks] == [(9.0, 11.0), (10.0, 11.0)]
