"""A replay in its own time: when events and timers come, and that they are the same as at full speed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, SimulatedClock
from quantai.core.errors import ConfigError
from tests.oms.world import START_NS
from tests.simulation.replays import ON_TIME_NS, Player, ms


def is_on_time(player: Player, speed: float) -> bool:
    """Whether every event came when it was due: its distance to the first, at that speed."""
    events = [(offset, when) for offset, when in zip(player.seen, player.when, strict=True) if isinstance(offset, int)]
    first = events[0][0]
    return all(abs(when - (offset - first) / speed) <= ON_TIME_NS for offset, when in events)


@pytest.mark.parametrize("speed", [1, 0.5, 3.7, 100])
async def test_events_keep_their_distance_at_every_speed(speed: float) -> None:
    offsets = ms(7, 10, 10, 10.3, 12, 500, 2_000.25, 60_000)
    player = Player(*offsets, speed=speed)
    assert await player.play() == offsets
    assert is_on_time(player, speed)
    assert player.when[-1] > 59_900 * NS_PER_MS / speed
    assert (player.replay.events, player.replay.late) == (8, 0)


async def test_the_first_event_comes_at_once_wherever_the_clock_was() -> None:
    player = Player(*ms(10, 20), speed=1, clock=SimulatedClock(0))
    await player.play()
    assert player.when[0] == 0
    assert is_on_time(player, 1)


async def test_hours_bring_no_drift() -> None:
    player = Player(*range(0, 2 * 3_600 * NS_PER_SECOND, 9_876_543_211), speed=20)
    await player.play()
    assert is_on_time(player, 20)


async def test_timers_fire_when_their_time_comes_and_in_order() -> None:
    player = Player(*ms(0, 100), speed=0.5)
    for due in ms(100, 40, 40):
        player.clock.call_at(START_NS + due, player.mark)
    player.clock.call_at(START_NS + 70 * NS_PER_MS, player.arm)
    seen = await player.play()
    marks = [f"timer {due} at {due}" for due in ms(40, 40, 70, 100)]
    assert seen == [0, *marks, 100 * NS_PER_MS]
    expected = ms(0, 80, 80, 140, 200, 200)
    assert all(abs(when - due) <= ON_TIME_NS for when, due in zip(player.when, expected, strict=True))


async def test_simulated_time_passes_between_events() -> None:
    player = Player(*ms(0, 1_000), speed=2)
    looks: list[int] = []
    for passed in ms(100, 300):
        player.time.at(passed, lambda: looks.append(player.clock.now_ns() - START_NS))
    await player.play()
    assert 100 * NS_PER_MS <= looks[0] <= 200 * NS_PER_MS  # brought up to date at least every 50 ms
    assert 500 * NS_PER_MS <= looks[1] <= 600 * NS_PER_MS


async def test_a_timer_armed_from_outside_between_events_fires_before_the_next() -> None:
    player = Player(*ms(0, 1_000), speed=1)
    player.time.at(200 * NS_PER_MS, lambda: player.arm(player.clock.now_ns() + 5 * NS_PER_MS))
    seen = await player.play()
    assert len(seen) == 3
    assert 155 * NS_PER_MS <= player.when[1] <= 260 * NS_PER_MS


async def test_what_is_late_is_counted_and_caught_up_with_nothing_lost() -> None:
    offsets = ms(0, 10, 20, 30, 40, 100)
    player = Player(*offsets, speed=1)
    player.handler = lambda offset: player.time.pass_by(25 * NS_PER_MS) if offset == 0 else None
    assert await player.play() == offsets
    assert [round(when / NS_PER_MS) for when in player.when] == [0, 25, 25, 30, 40, 100]
    assert player.replay.late == 2
    assert player.replay.worst_lateness_ns == 15 * NS_PER_MS


async def test_a_lateness_of_two_milliseconds_is_not_counted() -> None:
    player = Player(*ms(0, 10), speed=1)
    player.handler = lambda offset: player.time.pass_by(12 * NS_PER_MS) if offset == 0 else None
    await player.play()
    assert (player.replay.late, player.replay.worst_lateness_ns) == (0, 2 * NS_PER_MS)


async def test_progress_tells_the_speed_and_how_late_it_is() -> None:
    player = Player(*ms(0, 1, 200), speed=10)
    player.handler = lambda offset: player.time.pass_by(NS_PER_SECOND) if offset == 0 else None
    await player.play()
    assert player.progress[0] == (0, 0, "10x")
    assert player.progress[-1] == (3, 200 * NS_PER_MS, "10x, 1.0 s late")


@pytest.mark.parametrize(("slow_ns", "level"), [(0, "INFO"), (NS_PER_SECOND, "WARNING")])
async def test_the_log_tells_how_well_the_time_was_kept(
    slow_ns: int, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    player = Player(*ms(0, 1), speed=4)
    player.handler = lambda offset: player.time.pass_by(slow_ns)
    with caplog.at_level("INFO"):
        await player.play()
    [record] = caplog.records
    assert record.levelname == level
    assert record.getMessage().startswith("replayed 2 events at 4x; ")


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf"), 1_000_001, True, "1"])
def test_what_is_no_speed_is_refused(speed: float) -> None:
    with pytest.raises(ConfigError, match="must be above 0 and at most 1,000,000"):
        Player(1, speed=speed)
    player = Player(1)
    with pytest.raises(ConfigError, match=f"not {speed!r}"):
        player.replay.speed = speed


@st.composite
def _sessions(draw: st.DrawFn) -> Callable[[Player], None]:
    """Timers of all kinds, some of which arm others, and interruptions from inside and outside."""
    at = draw(st.lists(st.integers(0, 300), max_size=5))
    every = draw(st.lists(st.integers(20, 90), max_size=2))
    arming = draw(st.lists(st.integers(0, 300), max_size=3))
    pauses = draw(st.lists(st.integers(0, 300), max_size=3))

    def prepare(player: Player) -> None:
        for offset in at:
            player.clock.call_at(START_NS + offset * NS_PER_MS, player.mark)
        for interval in every:
            player.clock.call_every(interval * NS_PER_MS, player.mark)
        for offset in arming:
            player.clock.call_at(START_NS + offset * NS_PER_MS, player.arm)
        player.handler = lambda offset: player.replay.pause() if offset in ms(*pauses) else None

    return prepare


@given(
    offsets=st.lists(st.integers(0, 300), min_size=1, max_size=12).map(sorted),
    speed=st.floats(0.01, 1_000),
    prepare=_sessions(),
)
async def test_the_same_happens_in_the_same_order_at_any_speed(
    offsets: list[int], speed: float, prepare: Callable[[Player], None]
) -> None:
    fast, paced = Player(*ms(*offsets)), Player(*ms(*offsets), speed=speed)
    for player in (fast, paced):
        prepare(player)
        player.time.if_stuck = player.replay.resume
        await player.play()
    assert paced.seen == fast.seen
    assert paced.replay.events == fast.replay.events == len(offsets)
    assert paced.clock.now_ns() == fast.clock.now_ns()
