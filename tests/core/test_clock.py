from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.clock import NEVER, NS_PER_SECOND, SimulatedClock, Timer, WallClock, iso_utc
from quantai.core.errors import QuantAIError


class Handle:
    def __init__(self, loop: FakeLoop) -> None:
        self._loop = loop

    def cancel(self) -> None:
        self._loop.waiting = [entry for entry in self._loop.waiting if entry[1] is not self]


class FakeLoop:
    """The two things a wall clock asks the machine for: the time, and to be called after a while."""

    def __init__(self) -> None:
        self.now_ns = 1_000 * NS_PER_SECOND
        self.waiting: list[tuple[float, Handle, Callable[..., None], tuple[Any, ...]]] = []

    def call_later(self, delay_s: float, callback: Callable[..., None], *args: Any) -> Handle:
        handle = Handle(self)
        self.waiting.append((delay_s, handle, callback, args))
        return handle

    def fire(self, after_s: float | None = None) -> None:
        """Let the first waiting call happen, after its delay or another."""
        delay_s, _, callback, args = self.waiting.pop(0)
        self.now_ns += round((delay_s if after_s is None else after_s) * NS_PER_SECOND)
        callback(*args)

    @property
    def delays_s(self) -> list[float]:
        return [delay_s for delay_s, *_ in self.waiting]


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> FakeLoop:
    fake = FakeLoop()
    monkeypatch.setattr("time.time_ns", lambda: fake.now_ns)
    monkeypatch.setattr("asyncio.get_running_loop", lambda: fake)
    return fake


def test_a_simulated_clock_moves_only_when_told() -> None:
    clock = SimulatedClock(5)
    assert clock.now_ns() == 5
    clock.set_time(5)
    clock.set_time(9)
    assert clock.now_ns() == 9
    with pytest.raises(QuantAIError, match="cannot go back from 9 to 8"):
        clock.set_time(8)
    with pytest.raises(QuantAIError, match="cannot go back"):
        clock.advance_to(8)


def test_timers_fire_in_order_of_time_and_then_of_arming() -> None:
    clock, calls = SimulatedClock(), list[tuple[str, int, int]]()

    def keep(name: str) -> Callable[[int], None]:
        return lambda due_ns: calls.append((name, due_ns, clock.now_ns()))

    for name, due_ns in (("c", 30), ("a", 10), ("b", 20), ("a2", 10)):
        clock.call_at(due_ns, keep(name))
    assert clock.next_due_ns == 10
    clock.advance_to(20)
    assert calls == [("a", 10, 10), ("a2", 10, 10), ("b", 20, 20)]
    assert clock.next_due_ns == 30
    clock.advance_to(100)
    assert calls[-1] == ("c", 30, 30)
    assert clock.now_ns() == 100
    assert clock.next_due_ns == NEVER


def test_setting_the_time_fires_nothing_and_a_late_timer_says_when_it_was_due() -> None:
    clock, calls = SimulatedClock(), list[tuple[int, int]]()
    clock.call_at(10, lambda due_ns: calls.append((due_ns, clock.now_ns())))
    clock.set_time(50)
    assert calls == []
    clock.fire_next()
    assert calls == [(10, 50)]


def test_call_later_counts_from_now() -> None:
    clock, calls = SimulatedClock(100), list[int]()
    clock.call_later(5, calls.append)
    clock.call_later(0, calls.append)
    clock.advance_to(105)
    assert calls == [100, 105]


def test_a_repeating_timer_fires_at_whole_multiples() -> None:
    clock, calls = SimulatedClock(25), list[int]()
    clock.call_every(10, calls.append)
    clock.advance_to(60)
    assert calls == [30, 40, 50, 60]


def test_a_repeating_timer_armed_on_a_multiple_fires_at_the_next() -> None:
    clock, calls = SimulatedClock(30), list[int]()
    clock.call_every(10, calls.append)
    clock.advance_to(40)
    assert calls == [40]


def test_a_late_repeating_timer_fires_once_and_skips_what_it_missed() -> None:
    clock, calls = SimulatedClock(), list[int]()
    clock.call_every(10, calls.append)
    clock.set_time(45)
    clock.advance_to(50)
    assert calls == [10, 50]


@pytest.mark.parametrize("interval_ns", [0, -1])
def test_an_interval_must_be_positive(interval_ns: int) -> None:
    with pytest.raises(QuantAIError, match="must be positive"):
        SimulatedClock().call_every(interval_ns, print)


def test_firing_without_a_timer_is_an_error() -> None:
    with pytest.raises(QuantAIError, match="no timer is armed"):
        SimulatedClock().fire_next()


def test_a_cancelled_timer_never_fires_and_is_not_waited_for() -> None:
    clock, calls = SimulatedClock(), list[int]()
    first = clock.call_at(10, calls.append)
    clock.call_at(20, calls.append)
    first.cancel()
    first.cancel()
    assert first.cancelled
    assert clock.next_due_ns == 20
    clock.advance_to(100)
    assert calls == [20]


@pytest.mark.parametrize("repeats", [False, True])
def test_a_timer_may_cancel_itself(repeats: bool) -> None:
    clock, calls = SimulatedClock(), list[int]()

    def once(due_ns: int) -> None:
        calls.append(due_ns)
        timer.cancel()

    timer = clock.call_every(10, once) if repeats else clock.call_at(10, once)
    clock.advance_to(100)
    assert calls == [10]
    assert clock.next_due_ns == NEVER


def test_a_timer_may_cancel_and_arm_others() -> None:
    clock, calls = SimulatedClock(), list[str]()
    other = clock.call_at(10, lambda due_ns: calls.append("other"))

    def first(due_ns: int) -> None:
        other.cancel()
        clock.call_at(due_ns, lambda due_ns: calls.append("at once"))
        clock.call_later(5, lambda due_ns: calls.append("later"))

    clock.call_at(5, first)
    clock.advance_to(20)
    assert calls == ["at once", "later"]


def test_a_repeating_timer_survives_an_error_of_its_callback() -> None:
    clock, calls = SimulatedClock(), list[int]()

    def fail(due_ns: int) -> None:
        calls.append(due_ns)
        raise ValueError("no")

    clock.call_every(10, fail)
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            clock.fire_next()
    assert calls == [10, 20]


def test_cancelled_timers_are_not_kept() -> None:
    clock = SimulatedClock()
    kept = clock.call_at(NEVER - 1, print)
    for due_ns in range(10_000):
        clock.call_at(1_000_000 + due_ns, print).cancel()
    assert len(clock._timers) <= 2
    kept.cancel()
    assert clock.next_due_ns == NEVER


@pytest.mark.parametrize(("target_ns", "expected"), [(1_000, 1_005), (3, 8)])
def test_after_a_seek_a_delay_is_as_long_as_before(target_ns: int, expected: int) -> None:
    clock, calls = SimulatedClock(100), list[int]()
    clock.call_later(7, calls.append)
    clock.advance_to(102)
    clock.seek(target_ns)
    assert clock.now_ns() == target_ns
    assert clock.next_due_ns == expected
    clock.advance_to(expected)
    assert calls == [expected]


def test_after_a_seek_a_time_of_the_clock_is_the_same_and_due_at_once_where_it_was_jumped_over() -> None:
    clock, calls = SimulatedClock(100), list[tuple[int, int]]()
    for due_ns in (150, 120):
        clock.call_at(due_ns, lambda due_ns: calls.append((due_ns, clock.now_ns())))
    clock.seek(10)
    assert clock.next_due_ns == 120
    clock.seek(200)
    assert calls == []
    clock.advance_to(200)
    assert calls == [(120, 200), (150, 200)]


@pytest.mark.parametrize("target_ns", [41, 100, 1_000])
def test_after_a_seek_what_repeats_goes_on_at_the_next_multiple_and_misses_what_was_between(target_ns: int) -> None:
    clock, calls = SimulatedClock(100), list[int]()
    clock.call_every(30, calls.append)
    clock.seek(target_ns)
    next_ns = (target_ns // 30 + 1) * 30
    clock.advance_to(next_ns + 30)
    assert calls == [next_ns, next_ns + 30]


def test_after_a_seek_timers_of_one_time_fire_as_they_were_armed_and_the_cancelled_never() -> None:
    clock, calls = SimulatedClock(100), list[str]()
    clock.call_later(20, lambda due_ns: calls.append("later"))
    cancelled = clock.call_later(10, lambda due_ns: calls.append("cancelled"))
    clock.call_at(40, lambda due_ns: calls.append("at"))
    clock.call_every(20, lambda due_ns: calls.append("every"))
    cancelled.cancel()
    clock.seek(20)
    clock.advance_to(40)
    assert calls == ["later", "at", "every"]
    with pytest.raises(QuantAIError, match="cannot go back"):
        clock.set_time(39)


@given(
    commands=st.lists(
        st.one_of(
            st.tuples(st.just("at"), st.integers(0, 50)),
            st.tuples(st.just("every"), st.integers(1, 20)),
            st.tuples(st.just("cancel"), st.integers(0, 20)),
            st.tuples(st.just("advance"), st.integers(0, 15)),
        ),
        max_size=30,
    )
)
def test_any_use_of_timers_fires_what_a_list_of_them_would(commands: list[tuple[str, int]]) -> None:
    clock, fired = SimulatedClock(), list[tuple[int, int]]()
    timers: list[Timer] = []
    expected: list[tuple[int, int]] = []
    armed: list[tuple[int, int, int, int]] = []  # due, order of arming, number, interval
    order = now = 0

    def keep(number: int) -> Callable[[int], None]:
        return lambda due_ns: fired.append((number, due_ns))

    for command, argument in commands:
        number = len(timers)
        if command == "at":
            timers.append(clock.call_at(argument, keep(number)))
            armed.append((argument, order := order + 1, number, 0))
        elif command == "every":
            timers.append(clock.call_every(argument, keep(number)))
            armed.append(((now // argument + 1) * argument, order := order + 1, number, argument))
        elif command == "cancel" and argument < number:
            timers[argument].cancel()
            armed = [entry for entry in armed if entry[2] != argument]
        elif command == "advance":
            clock.advance_to(clock.now_ns() + argument)
            end = now + argument
            while armed and min(armed)[0] <= end:
                due, _, number, interval = entry = min(armed)
                armed.remove(entry)
                now = max(now, due)
                expected.append((number, due))
                if interval:
                    armed.append(((now // interval + 1) * interval, order := order + 1, number, interval))
            now = end
        assert clock.next_due_ns == (min(armed)[0] if armed else NEVER)
        assert clock._cancelled == sum(timer.cancelled for *_, timer in clock._timers)
    assert fired == expected
    assert clock.now_ns() == now


def test_a_wall_clock_waits_on_the_loop_until_a_timer_is_due(loop: FakeLoop) -> None:
    clock, calls = WallClock(), list[int]()
    clock.call_later(3 * NS_PER_SECOND, calls.append)
    assert loop.delays_s == [3.0]
    loop.fire()
    assert calls == [1_003 * NS_PER_SECOND]
    assert loop.waiting == []


def test_a_wall_timer_in_the_past_fires_as_soon_as_possible(loop: FakeLoop) -> None:
    calls: list[int] = []
    WallClock().call_at(5, calls.append)
    assert loop.delays_s == [0.0]
    loop.fire()
    assert calls == [5]


def test_a_wall_timer_waits_on_where_the_clock_was_set_back(loop: FakeLoop) -> None:
    clock, calls = WallClock(), list[int]()
    clock.call_later(3 * NS_PER_SECOND, calls.append)
    loop.fire(after_s=-10)
    assert calls == []
    assert loop.delays_s == [13.0]
    loop.fire()
    assert calls == [1_003 * NS_PER_SECOND]


def test_a_wall_timer_far_away_is_looked_at_in_between(loop: FakeLoop) -> None:
    clock, calls = WallClock(), list[int]()
    clock.call_later(3_600 * NS_PER_SECOND, calls.append)
    assert loop.delays_s == [60.0]
    loop.fire()
    assert loop.delays_s == [60.0]
    loop.fire(after_s=3_600)  # the machine slept, or its clock was set forward
    assert calls == [4_600 * NS_PER_SECOND]


def test_a_cancelled_wall_timer_leaves_the_loop(loop: FakeLoop) -> None:
    clock = WallClock()
    timers = [clock.call_later(NS_PER_SECOND, print), clock.call_every(NS_PER_SECOND, print)]
    loop.fire(after_s=0)
    assert len(loop.waiting) == 2
    for timer in timers:
        timer.cancel()
    assert loop.waiting == []


def test_a_late_wall_timer_fires_once_and_skips_what_it_missed(loop: FakeLoop) -> None:
    clock, calls = WallClock(), list[int]()
    loop.now_ns += 1
    clock.call_every(10 * NS_PER_SECOND, calls.append)
    loop.fire(after_s=35)
    assert calls == [1_010 * NS_PER_SECOND]
    loop.fire()
    assert calls == [1_010 * NS_PER_SECOND, 1_040 * NS_PER_SECOND]


def test_a_wall_clock_set_back_after_a_timer_fired_does_not_fire_it_twice(loop: FakeLoop) -> None:
    clock, calls = WallClock(), list[int]()
    clock.call_every(10 * NS_PER_SECOND, calls.append)
    loop.fire()
    loop.now_ns -= 5 * NS_PER_SECOND
    loop.fire(after_s=10)
    loop.fire()
    assert calls == [1_010 * NS_PER_SECOND, 1_020 * NS_PER_SECOND]


def test_a_repeating_wall_timer_survives_an_error_and_may_cancel_itself(loop: FakeLoop) -> None:
    clock, calls = WallClock(), list[int]()

    def fail(due_ns: int) -> None:
        calls.append(due_ns)
        if len(calls) == 2:
            timer.cancel()
        raise ValueError("no")

    timer = clock.call_every(NS_PER_SECOND, fail)
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            loop.fire()
    assert len(calls) == 2
    assert loop.waiting == []


async def test_a_wall_clock_runs_on_a_real_loop() -> None:
    clock, fired = WallClock(), asyncio.Event()
    before_ns = clock.now_ns()
    cancelled: list[int] = []
    clock.call_later(0, cancelled.append).cancel()
    clock.call_later(0, lambda due_ns: fired.set())
    await fired.wait()
    assert clock.now_ns() >= before_ns
    assert cancelled == []


@pytest.mark.parametrize(
    ("ts_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (1_795_339_800_000_000_001, "2026-11-22T09:30:00.000000001Z"),
        (1_709_164_800_999_999_999, "2024-02-29T00:00:00.999999999Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_a_time_is_written_to_the_nanosecond(ts_ns: int, text: str) -> None:
    assert iso_utc(ts_ns) == text
