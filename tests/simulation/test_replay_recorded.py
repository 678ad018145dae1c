"""What was published on a bus, recorded, read and published again is equal, field by field and in order."""

from __future__ import annotations

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from quantai.core.clock import SimulatedClock, WallClock
from quantai.core.enums import Side
from quantai.data.files import FilesSource
from quantai.events import Event, MarketEvent, TradeEvent
from quantai.events.bus import MemoryEventBus
from quantai.events.persistence import EventReader, ParquetEventWriter
from quantai.events.persistence.schema import EVENT_TYPES, REPLAY_RANK, type_name
from quantai.simulation.replay import Replay
from tests.generators import events
from tests.simulation.replays import VirtualTime

START_NS = 1_767_268_800_000_000_000
HOUR_NS = 3_600_000_000_000

# Few of them, so that many are equal, and around a midnight, so that files change.
arrivals = st.sampled_from([START_NS, START_NS + 1, START_NS + 12 * HOUR_NS - 1, START_NS + 12 * HOUR_NS])
symbols = st.sampled_from(["BTC/USDT", "円/ドル", "BTC/USDT:USDT-261225-100000-C", "a%2F b=.."])

MARKET = [cls for cls in MarketEvent.concrete() if cls.__module__.startswith("quantai.")]


def _order(event: Event) -> tuple[int, int, str, str]:
    """A store keeps the order of each stream; of equal times, streams come by type, venue and symbol."""
    fields = asdict(event)
    return fields["ts_init"], REPLAY_RANK[type_name(type(event))], fields.get("venue", ""), fields.get("symbol", "")


@st.composite
def _arrived(draw: st.DrawFn, cls: type[Event]) -> Event:
    event = replace(draw(events(cls)), ts_init=draw(arrivals))
    return replace(event, symbol=draw(symbols)) if isinstance(event, MarketEvent) else event


def sequences(*classes: type[Event]) -> st.SearchStrategy[list[Event]]:
    """Events in an order in which they could have come."""
    kinds = st.one_of(*map(_arrived, classes))
    return st.lists(kinds, min_size=1, max_size=30).map(lambda found: sorted(found, key=_order))


async def record(folder: str | Path, published: list[Event]) -> None:
    """Through a bus into the store."""
    bus, writer = MemoryEventBus(WallClock()), ParquetEventWriter(folder)
    await writer.start()
    await bus.subscribe("*", writer.write_event)
    for event in published:
        await bus.publish(event)
    await bus.close()
    await writer.close()


async def played_again(folder: str | Path) -> list[Event]:
    """Out of the store, through another bus."""
    bus, seen = MemoryEventBus(WallClock()), list[Event]()
    await bus.subscribe("*", seen.append)
    async for event in EventReader(folder).read_range():
        await bus.publish(event)
    return seen


async def replayed(folder: str | Path, speed: float | None) -> list[Event]:
    """The market events, by a replay."""
    clock, seen = SimulatedClock(), list[Event]()
    bus = MemoryEventBus(clock)
    await bus.subscribe("*", seen.append)
    source, time = FilesSource(folder), VirtualTime()
    await Replay(source, bus, clock, is_wanted=bus.is_wanted, speed=speed, pacing_time=time).run()
    return seen


def same(seen: list[Event], expected: list[Event]) -> bool:
    """Equal, also where Python calls things equal that are not: types, and the sign of a zero."""
    return list(map(repr, seen)) == list(map(repr, expected)) and seen == expected


def _plain(event: Event) -> Event:
    """Decimals come back without the zeros that only fill up: 1.50 is 1.5, and so is its text."""
    decimals = {name: value for name, value in asdict(event).items() if type(value).__name__ == "Decimal"}
    return replace(event, **{name: value.normalize() + 0 for name, value in decimals.items()})


@settings(max_examples=40)
@given(sequences(*EVENT_TYPES.values()))
async def test_any_events_come_back_equal_and_in_order(published: list[Event]) -> None:
    with TemporaryDirectory() as folder:
        await record(folder, published)
        seen = await played_again(folder)
    assert seen == published
    assert [type(event) for event in seen] == [type(event) for event in published]
    assert same(list(map(_plain, seen)), list(map(_plain, published)))


@pytest.mark.parametrize("cls", EVENT_TYPES.values(), ids=lambda cls: cls.__name__)
@settings(max_examples=3)
@given(data=st.data())
async def test_each_type_comes_back(cls: type[Event], data: st.DataObject) -> None:
    published = data.draw(sequences(cls))
    with TemporaryDirectory() as folder:
        await record(folder, published)
        assert await played_again(folder) == published


@settings(max_examples=15)
@given(sequences(*MARKET))
async def test_a_replay_plays_market_events_as_they_were_published(published: list[Event]) -> None:
    with TemporaryDirectory() as folder:
        await record(folder, published)
        assert await replayed(folder, None) == published
        assert await replayed(folder, 1_000) == published


async def test_a_recording_can_be_sought_in(tmp_path: Path) -> None:
    trades: list[Event] = [
        TradeEvent("okx", symbol, ts_ns, ts_ns, -0.1, 1.0, Side.BUY, str(number))
        for number, (ts_ns, symbol) in enumerate(
            itertools.product(range(START_NS, START_NS + 24 * HOUR_NS, HOUR_NS), ("A/B", "C/D"))
        )
    ]
    await record(tmp_path, trades)
    clock, seen = SimulatedClock(), list[Event]()
    bus = MemoryEventBus(clock)
    replay = Replay(FilesSource(tmp_path), bus, clock, is_wanted=bus.is_wanted)

    def see(event: Event) -> None:
        seen.append(event)
        if len(seen) == 3:
            replay.seek(START_NS + 20 * HOUR_NS + 1)
        if len(seen) == 6:
            replay.seek(START_NS + 23 * HOUR_NS)

    await bus.subscribe("*", see)
    await replay.run()
    assert seen == [*trades[:3], *trades[42:45], *trades[46:]]
