"""Pausing, resuming, seeking, changing speed and stopping, from handlers and from outside."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, SimulatedClock, iso_utc
from quantai.core.errors import ConfigError
from quantai.data.source import Wanted
from quantai.events import MarketEvent
from tests.oms.world import START_NS
from tests.simulation.replays import ON_TIME_NS, ListSource, Player, ms

SPEEDS = pytest.mark.parametrize("speed", [None, 1.0])


@SPEEDS
async def test_a_pause_in_a_handler_holds_the_very_next_event(speed: float | None) -> None:
    player = Player(*ms(0, 1, 2, 3), speed=speed)
    seen_then: list[int | str] = []

    def resume() -> None:
        seen_then.extend(player.seen)
        player.replay.resume()

    player.handler = lambda offset: player.replay.pause() if offset == 0 else None
    player.time.at(9 * NS_PER_SECOND, resume)
    assert await player.play() == ms(0, 1, 2, 3)
    assert seen_then == [0]
    assert player.replay.events == 4


@SPEEDS
async def test_a_pause_in_a_timer_holds_other_timers_and_the_event_it_was_due_before(speed: float | None) -> None:
    player = Player(*ms(0, 10), speed=speed)
    seen_then: list[int | str] = []

    def pause(due_ns: int) -> None:
        player.mark(due_ns)
        player.replay.pause()

    def resume() -> None:
        seen_then.extend(player.seen)
        player.replay.resume()

    player.clock.call_at(START_NS + 5, pause)
    player.clock.call_at(START_NS + 6, player.mark)
    player.time.at(NS_PER_SECOND, resume)
    assert await player.play() == [0, "timer 5 at 5", "timer 6 at 6", 10 * NS_PER_MS]
    assert seen_then == [0, "timer 5 at 5"]
    assert player.replay.events == 2


async def test_a_pause_between_events_stops_simulated_time_and_goes_on_where_it_was() -> None:
    player = Player(*ms(0, 100), speed=1)
    player.clock.call_at(START_NS + 50 * NS_PER_MS, player.mark)
    stood_at: list[int] = []
    player.time.at(30 * NS_PER_MS, player.replay.pause)
    player.time.at(500 * NS_PER_MS, lambda: stood_at.append(player.replay.position_ns - START_NS))
    player.time.at(1_030 * NS_PER_MS, player.replay.resume)
    await player.play()
    assert stood_at == [30 * NS_PER_MS]
    assert [round(when / NS_PER_MS) for when in player.when] == [0, 1_050, 1_100]
    assert (30 * NS_PER_MS, "paused") in [(position, state) for _, position, state in player.progress]


@SPEEDS
async def test_it_can_be_paused_before_it_begins(speed: float | None) -> None:
    player = Player(*ms(0, 10), speed=speed, clock=SimulatedClock(0))
    player.replay.pause()
    assert player.replay.is_paused
    player.time.at(3 * NS_PER_SECOND, player.replay.resume)
    assert await player.play() == ms(0, 10)
    assert player.when[0] == 3 * NS_PER_SECOND
    assert player.when[1] <= 3 * NS_PER_SECOND + 11 * NS_PER_MS


async def test_resuming_what_is_not_paused_changes_nothing() -> None:
    player = Player(*ms(0, 100), speed=1)
    player.time.at(30 * NS_PER_MS, player.replay.resume)
    await player.play()
    assert abs(player.when[1] - 100 * NS_PER_MS) <= ON_TIME_NS


async def test_pause_can_be_toggled(caplog: pytest.LogCaptureFixture) -> None:
    player = Player(*ms(0, 100), speed=1)
    player.time.at(30 * NS_PER_MS, player.replay.toggle_pause)
    player.time.at(40 * NS_PER_MS, player.replay.toggle_pause)
    with caplog.at_level("INFO"):
        await player.play()
    assert abs(player.when[1] - 110 * NS_PER_MS) <= ON_TIME_NS
    assert f"the replay is paused at {iso_utc(START_NS)[:19]}" in caplog.text
    assert "the replay is resumed" in caplog.text


@SPEEDS
async def test_stop_ends_a_pause(speed: float | None) -> None:
    player = Player(*ms(0, 10), speed=speed)
    player.handler = lambda offset: player.replay.pause()
    player.time.at(NS_PER_SECOND, player.replay.stop)
    assert await player.play() == [0]


async def test_stop_ends_a_long_gap_at_once() -> None:
    player = Player(0, 3_600 * NS_PER_SECOND, speed=1)
    player.time.at(1_234 * NS_PER_MS, player.replay.stop)
    assert await player.play() == [0]
    assert player.time.passed_ns == 1_234 * NS_PER_MS
    assert player.replay.events == 1


async def test_settling_after_a_paced_replay_takes_no_time() -> None:
    player = Player(0, speed=1)
    await player.play()
    player.clock.call_at(START_NS + NS_PER_SECOND, player.mark)
    before_ns = player.time.passed_ns
    await player.replay.settle(lambda: len(player.seen) == 2, limit_ns=2 * NS_PER_SECOND)
    assert player.seen[1] == f"timer {NS_PER_SECOND} at {NS_PER_SECOND}"
    assert player.time.passed_ns == before_ns


async def test_speed_may_change_while_it_waits() -> None:
    player = Player(*ms(0, 100, 200), speed=1)

    def hurry() -> None:
        player.replay.speed = 10

    player.time.at(50 * NS_PER_MS, hurry)
    await player.play()
    assert player.replay.speed == 10
    expected = ms(0, 55, 65)
    assert all(abs(when - due) <= ON_TIME_NS for when, due in zip(player.when, expected, strict=True))


async def test_speed_may_change_to_full_and_back() -> None:
    player = Player(*ms(0, 100, 200, 300, 400), speed=1)

    def change(offset: int) -> None:
        if offset in ms(100, 300):
            player.replay.speed = None if offset == 100 * NS_PER_MS else 2

    player.handler = change
    assert await player.play() == ms(0, 100, 200, 300, 400)
    expected = ms(0, 100, 100, 100, 150)
    assert all(abs(when - due) <= ON_TIME_NS for when, due in zip(player.when, expected, strict=True))
    assert player.replay.events == 5


async def test_being_late_is_forgiven_by_a_pause() -> None:
    player = Player(*ms(0, 10, 20), speed=1)

    def fall_behind(offset: int) -> None:
        if offset == 0:
            player.time.pass_by(NS_PER_SECOND)
            player.replay.pause()

    player.handler = fall_behind
    player.time.at(2_000 * NS_PER_MS, player.replay.resume)
    await player.play()
    assert [round(when / NS_PER_MS) for when in player.when] == [0, 2_010, 2_020]


@SPEEDS
async def test_seeking_ahead_leaves_out_what_is_between(speed: float | None) -> None:
    player = Player(*ms(0, 10, 20, 30, 40), speed=speed)
    player.handler = lambda offset: player.replay.seek(START_NS + 25 * NS_PER_MS) if offset == 0 else None
    assert await player.play() == ms(0, 30, 40)
    assert player.replay.events == 3
    if speed is not None:
        assert [round(when / NS_PER_MS) for when in player.when] == [0, 5, 15]


@SPEEDS
async def test_seeking_back_plays_again(speed: float | None) -> None:
    player = Player(*ms(0, 10, 20, 30), speed=speed)
    player.handler = lambda offset: player.replay.seek(START_NS + ms(10)[0]) if len(player.seen) == 3 else None
    assert await player.play() == ms(0, 10, 20, 10, 20, 30)
    assert player.replay.events == 6
    assert player.clock.now_ns() == START_NS + 30 * NS_PER_MS


async def test_seeking_in_a_gap_takes_effect_at_once() -> None:
    player = Player(*ms(0, 10_000_000, 20_000_000), speed=1)
    player.time.at(50 * NS_PER_MS, lambda: player.replay.seek(START_NS + 19_999_000 * NS_PER_MS))
    assert await player.play() == ms(0, 20_000_000)
    assert abs(player.when[1] - 1_050 * NS_PER_MS) <= ON_TIME_NS


@SPEEDS
async def test_seeking_while_paused_moves_time_and_waits(speed: float | None) -> None:
    player = Player(*ms(0, 10, 20, 30), speed=speed)
    positions: list[int] = []

    def look() -> None:
        positions.append(player.clock.now_ns() - START_NS)
        player.replay.resume()

    player.handler = lambda offset: player.replay.pause() if len(player.seen) == 1 else None
    player.time.at(NS_PER_SECOND, lambda: player.replay.seek(START_NS + 20 * NS_PER_MS))
    player.time.at(2 * NS_PER_SECOND, look)
    assert await player.play() == ms(0, 20, 30)
    assert positions == ms(20)
    assert (1, 20 * NS_PER_MS, "paused") in player.progress


@SPEEDS
@pytest.mark.parametrize("first", [0, 12_345])
async def test_before_the_first_event_is_the_first_event(speed: float | None, first: int) -> None:
    player = Player(first, first + 10, speed=speed)
    player.handler = lambda offset: player.replay.seek(0) if len(player.seen) == 2 else None
    assert await player.play() == [first, first + 10, first, first + 10]
    assert player.time.passed_ns <= NS_PER_MS


@SPEEDS
async def test_after_the_last_event_is_the_end(speed: float | None) -> None:
    player = Player(*ms(0, 10, 20), speed=speed)
    player.handler = lambda offset: player.replay.seek("2262-01-01") if offset == 0 else None
    assert await player.play() == [0]
    assert player.clock.now_ns() == START_NS + 20 * NS_PER_MS + 1


@SPEEDS
async def test_it_can_begin_anywhere(speed: float | None) -> None:
    player = Player(*ms(0, 10, 20, 30), speed=speed)
    player.replay.seek(iso_utc(START_NS + 20 * NS_PER_MS))
    assert await player.play() == ms(20, 30)
    assert player.when[0] == 0


async def test_the_last_of_several_wishes_counts() -> None:
    player = Player(*ms(0, 10, 20, 30))

    def ask(offset: int) -> None:
        if len(player.seen) == 1:
            player.replay.seek(START_NS)
            player.replay.pause()
            player.replay.seek(START_NS + 30 * NS_PER_MS)
            player.replay.resume()

    player.handler = ask
    assert await player.play() == ms(0, 30)


@SPEEDS
async def test_timers_go_on_after_a_seek(speed: float | None) -> None:
    player = Player(*ms(0, 10, 500, 510), speed=speed)
    every = player.clock.call_every(4 * NS_PER_MS, player.mark)
    player.handler = lambda offset: player.replay.seek(START_NS + 505 * NS_PER_MS) if offset == 0 else None
    assert every.due_ns == START_NS + 4 * NS_PER_MS
    assert await player.play() == [0, "timer 508000000 at 508000000", 510 * NS_PER_MS]


class LastSliceIsSlow(ListSource):
    """Finds its end only after `may_end`, and tells `on_end` of it, in the thread that reads."""

    on_end: Callable[[], None]

    def __init__(self, *offsets: int) -> None:
        super().__init__(*offsets)
        self.may_end = threading.Event()

    def batches(self, is_wanted: Wanted) -> Iterator[Sequence[MarketEvent]]:
        yield from super().batches(is_wanted)
        self.may_end.wait()
        self.on_end()


async def test_a_wish_that_comes_while_the_end_is_being_read_is_granted() -> None:
    loop, ends = asyncio.get_running_loop(), list[None]()
    source = LastSliceIsSlow(*ms(0, 10))
    player = Player(speed=1, source=source)

    def on_end() -> None:
        ends.append(None)
        if len(ends) == 1:
            loop.call_soon_threadsafe(player.replay.seek, START_NS)

    source.on_end = on_end
    player.handler = lambda offset: source.may_end.set() if offset else None
    assert await player.play() == ms(0, 10, 0, 10)


async def test_what_follows_a_seek_is_looked_for_in_a_thread() -> None:
    readers: list[int] = []

    class Watched(ListSource):
        def batches(self, is_wanted: Wanted) -> Iterator[Sequence[MarketEvent]]:
            for batch in super().batches(is_wanted):
                readers.append(threading.get_ident())
                yield batch

    player = Player(source=Watched(*ms(0, 10, 20, 30)))
    player.handler = lambda offset: player.replay.seek(START_NS + 10 * NS_PER_MS) if len(player.seen) == 1 else None
    assert await player.play() == ms(0, 10, 20, 30)
    here = threading.get_ident()
    assert [reader == here for reader in readers] == [True, False, True]


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="not ISO 8601"):
        Player(1).replay.seek("tomorrow")
