"""Simulated time is exact; wall time goes by the machine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.clock import NEVER, SimulatedClock, Timer, TimerCallback, iso_utc
from quantai.core.errors import QuantAIError


def test_timers_fire_in_order_of_time_then_of_arming() -> None:
    clock = SimulatedClock()
    fired: list[tuple[str, int, int]] = []

    def noting(name: str) -> TimerCallback:
        return lambda due_ns: fired.append((name, due_ns, clock.now_ns()))

    for due_ns, name in ((30, "c"), (10, "a"), (10, "b")):
        clock.call_at(due_ns, noting(name))
    clock.advance_to(20)
    assert fired == [("a", 10, 10), ("b", 10, 10)]
    assert clock.next_due_ns == 30
    clock.advance_to(30)
    assert fired[-1] == ("c", 30, 30)
    assert clock.next_due_ns == NEVER


def test_a_repeating_timer_fires_at_whole_multiples() -> None:
    clock = SimulatedClock(7)
    fired: list[int] = []
    clock.call_every(10, fired.append)
    clock.advance_to(35)
    assert fired == [10, 20, 30]


def test_a_timer_can_cancel_itself() -> None:
    clock = SimulatedClock()
    fired: list[int] = []
    timers: list[Timer] = []

    def once(due_ns: int) -> None:
        fired.append(due_ns)
        timers[0].cancel()

    timers.append(clock.call_every(10, once))
    clock.advance_to(100)
    assert fired == [10]


def test_a_cancelled_timer_does_not_fire() -> None:
    clock = SimulatedClock()
    fired: list[int] = []
    clock.call_later(10, fired.append).cancel()
    clock.advance_to(100)
    assert fired == []


def test_a_timer_armed_by_a_timer_fires_in_its_turn() -> None:
    clock = SimulatedClock()
    fired: list[int] = []

    def arm_another(due_ns: int) -> None:
        clock.call_later(5, fired.append)

    clock.call_at(10, arm_another)
    clock.advance_to(20)
    assert fired == [15]


def test_time_does_not_go_back() -> None:
    with pytest.raises(QuantAIError, match="cannot go back"):
        SimulatedClock(10).set_time(9)


def test_an_interval_must_be_positive() -> None:
    with pytest.raises(QuantAIError, match="must be positive"):
        SimulatedClock().call_every(0, print)


@given(st.lists(st.integers(0, 1_000), max_size=30), st.integers(0, 1_000))
def test_just_the_timers_that_are_due_have_fired(due: list[int], now_ns: int) -> None:
    clock = SimulatedClock()
    fired: list[int] = []
    for due_ns in due:
        clock.call_at(due_ns, fired.append)
    clock.advance_to(now_ns)
    assert fired == sorted(each for each in due if each <= now_ns)
    assert clock.now_ns() == now_ns


def test_times_are_written_to_the_nanosecond() -> None:
    assert iso_utc(1_767_225_600_000_000_001) == "2026-01-01T00:00:00.000000001Z"
