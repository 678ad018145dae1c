from __future__ import annotations

from random import Random

from quantai.exchanges.backoff import Backoff, Breaker


def test_delays_lie_between_nothing_and_a_bound_that_doubles_up_to_a_limit() -> None:
    drawn = [Backoff(100, 1_000, Random(seed)) for seed in range(200)]
    for bound in (100, 200, 400, 800, 1_000, 1_000):
        delays = [each.next_ns() for each in drawn]
        assert 0 <= min(delays) < bound / 5
        assert bound * 4 / 5 < max(delays) <= bound


def test_a_reset_begins_with_short_delays_again() -> None:
    backoff = Backoff(100, 10_000, Random(1))
    for _ in range(10):
        backoff.next_ns()
    backoff.reset()
    assert backoff.next_ns() <= 100


def test_a_thousand_failures_overflow_nothing() -> None:
    backoff = Backoff(500_000_000, 30_000_000_000, Random(1))
    assert all(backoff.next_ns() <= 30_000_000_000 for _ in range(1_000))


def test_the_breaker_opens_at_so_many_failures_within_the_window_and_says_so_once() -> None:
    breaker = Breaker(3, 100, 1_000)
    assert [breaker.failed(now) for now in (0, 60, 101)] == [False, False, False]
    assert breaker.failed(120)
    assert not breaker.failed(130)
    assert breaker.delay_ns(5) == 1_000


def test_a_healthy_connection_closes_the_breaker() -> None:
    breaker = Breaker(2, 100, 1_000)
    breaker.failed(0)
    assert breaker.failed(1)
    breaker.succeeded()
    assert breaker.delay_ns(5) == 5
    assert not breaker.failed(2)
