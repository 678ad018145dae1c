"""A replay on the wall clock: as if a venue sent it now."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, WallClock
from quantai.events import FundingRateEvent, MarketEvent
from quantai.events.bus import MemoryEventBus
from quantai.simulation.playing import restamped
from quantai.simulation.replay import Replay
from tests.generators import events
from tests.oms.world import START_NS
from tests.simulation.replays import ON_TIME_NS, ListSource, SteppedWall, VirtualTime, ms

NOW_NS = START_NS + 10**15

MARKET = [cls for cls in MarketEvent.concrete() if cls.__module__.startswith("quantai.")]


@dataclass
class World:
    """A replay on a wall clock that goes with a virtual time, and what came of it."""

    offsets: list[int]
    speed: float | None = 1.0
    seen: list[MarketEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.time = VirtualTime()
        self.clock = SteppedWall(self.time, NOW_NS)
        self.bus = MemoryEventBus(self.clock)
        self.source = ListSource(*self.offsets)
        self.replay = Replay(
            self.source, self.bus, self.clock, is_wanted=self.bus.is_wanted, speed=self.speed, pacing_time=self.time
        )

    async def play(self) -> list[int]:
        """When events came, in nanoseconds since the beginning."""
        await self.bus.subscribe("market.*", self.see)
        await self.replay.run()
        return [event.ts_init - NOW_NS for event in self.seen]

    def see(self, event: MarketEvent) -> None:
        assert event.ts_init == self.clock.now_ns()
        self.seen.append(event)


async def test_events_come_at_their_distance_as_of_now() -> None:
    world = World(ms(5, 15, 15, 1_005), speed=2)
    came = await world.play()
    assert all(abs(at - due) <= ON_TIME_NS for at, due in zip(came, ms(0, 5, 5, 500), strict=True))
    for event, original in zip(world.seen, world.source.events, strict=True):
        assert event.ts_init - event.ts_event == original.ts_init - original.ts_event
        assert replace(event, ts_event=original.ts_event, ts_init=original.ts_init) == original
    assert world.replay.position_ns == START_NS + 1_005 * NS_PER_MS


async def test_as_fast_as_possible_all_are_of_now() -> None:
    assert await World(ms(0, 10, 9_000), speed=None).play() == [0, 0, 0]


async def test_pause_seek_and_stop() -> None:
    world = World(ms(0, 100, 200, 300_000, 400_000))
    world.time.at(50 * NS_PER_MS, world.replay.pause)
    world.time.at(1_000 * NS_PER_MS, world.replay.resume)
    world.time.at(1_200 * NS_PER_MS, lambda: world.replay.seek(START_NS + 300_000 * NS_PER_MS))
    world.time.at(5_000 * NS_PER_MS, world.replay.stop)
    assert [round(at / NS_PER_MS) for at in await world.play()] == [0, 1_050, 1_150, 1_200]
    assert world.time.passed_ns == 5_000 * NS_PER_MS
    assert world.replay.position_ns == START_NS + (300_000 + 3_800) * NS_PER_MS


async def test_no_progress_is_told_before_there_is_a_place_in_the_recording() -> None:
    world = World(ms(5, 15))
    told: list[int] = []
    world.replay = Replay(
        world.source, world.bus, world.clock, is_wanted=world.bus.is_wanted, speed=1, pacing_time=world.time,
        on_progress=lambda events, position_ns, state: told.append(position_ns - START_NS),
    )  # fmt: skip
    await world.play()
    assert told[0] >= 5 * NS_PER_MS
    assert told[-1] == 15 * NS_PER_MS


async def test_lateness_is_counted() -> None:
    world = World(ms(0, 10, 20))
    await world.bus.subscribe("market.*", lambda event: world.time.pass_by(15 * NS_PER_MS))
    await world.play()
    assert (world.replay.late, world.replay.worst_lateness_ns) == (2, 10 * NS_PER_MS)


async def test_settling_waits_until_all_is_settled_or_the_limit_is_over() -> None:
    clock = WallClock()
    bus = MemoryEventBus(clock)
    replay = Replay(ListSource(0), bus, clock, is_wanted=bus.is_wanted)
    looks: list[int] = []

    def is_settled() -> bool:
        looks.append(clock.now_ns())
        return len(looks) == 3

    await replay.settle(is_settled, limit_ns=60 * NS_PER_SECOND)
    assert len(looks) == 3
    await replay.settle(lambda: False, limit_ns=1)
    assert clock.now_ns() > looks[-1]


@given(st.one_of(*map(events, MARKET)), st.integers(0, 2**62))
def test_a_restamped_event_keeps_all_but_its_times(event: MarketEvent, now_ns: int) -> None:
    changed = restamped(event, now_ns)
    assert changed.ts_init == now_ns
    assert changed.ts_event == max(0, event.ts_event + now_ns - event.ts_init)
    back = {"ts_event": event.ts_event, "ts_init": event.ts_init}
    if isinstance(event, FundingRateEvent):
        back["next_funding_ns"] = event.next_funding_ns
    assert replace(changed, **back) == event


@pytest.mark.parametrize(("next_funding_ns", "expected"), [(0, 0), (1_500, 9_500)])
def test_the_next_funding_moves_too_where_it_is_known(next_funding_ns: int, expected: int) -> None:
    event = FundingRateEvent("okx", "BTC/USDT:USDT", 990, 1_000, 0.0001, next_funding_ns)
    assert restamped(event, 9_000) == FundingRateEvent("okx", "BTC/USDT:USDT", 8_990, 9_000, 0.0001, expected)
