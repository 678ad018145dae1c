"""The budget is never overdrawn, is shared fairly, keeps its reserve for cancels, and believes the venue."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, SimulatedClock
from quantai.core.errors import QuantAIError
from quantai.exchanges.errors import NotSent
from quantai.exchanges.rate_limiter import Priority, RateLimiter, RateRule

MINUTE = 60 * NS_PER_SECOND
WINDOW = RateRule("weight", 100, MINUTE)


class World:
    """A limiter, and the order in which requests got through."""

    def __init__(self, *rules: RateRule, reserve: float = 0.0, start_ns: int = 10 * NS_PER_SECOND) -> None:
        self.clock = SimulatedClock(start_ns)
        self.limiter = RateLimiter(self.clock, rules or (WINDOW,), reserve)
        self.granted: list[str] = []

    def ask(
        self,
        name: str,
        cost: int,
        priority: Priority = Priority.QUERY,
        *,
        rule: str = "weight",
        by_s: int | None = None,
    ) -> asyncio.Task[None]:
        async def run() -> None:
            deadline = None if by_s is None else by_s * NS_PER_SECOND
            await self.limiter.acquire({rule: cost}, priority, deadline)
            self.granted.append(name)

        return asyncio.create_task(run())

    async def go(self, to_s: float = 0.0) -> None:
        """Let tasks run, then fire the timers up to a time, one after the other."""
        await settle()
        while self.clock.next_due_ns <= to_s * NS_PER_SECOND:
            self.clock.fire_next()
            await settle()
        if to_s:
            self.clock.set_time(round(to_s * NS_PER_SECOND))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_fits_is_granted_at_once() -> None:
    world = World()
    await world.limiter.acquire({"weight": 100}, Priority.QUERY)
    assert world.limiter.headroom("weight") == 0
    assert not world.limiter.try_acquire({"weight": 1}, Priority.QUERY)


async def test_the_rest_waits_for_the_reset_and_a_little_more() -> None:
    world = World()
    world.limiter.try_acquire({"weight": 100}, Priority.QUERY)
    task = world.ask("late", 1)
    await world.go(60.999)
    assert world.granted == []
    await world.go(61)
    await task
    assert world.clock.now_ns() == 61 * NS_PER_SECOND


async def test_what_is_taken_near_a_reset_counts_in_both_windows() -> None:
    world = World(start_ns=60 * NS_PER_SECOND - 500 * NS_PER_MS)
    assert world.limiter.try_acquire({"weight": 100}, Priority.QUERY)
    world.clock.set_time(62 * NS_PER_SECOND)
    assert not world.limiter.try_acquire({"weight": 1}, Priority.QUERY)
    world.clock.set_time(121 * NS_PER_SECOND)
    assert world.limiter.try_acquire({"weight": 100}, Priority.QUERY)


async def test_windows_reset_on_the_clock_of_the_venue() -> None:
    world = World(start_ns=30 * NS_PER_SECOND)
    world.limiter.offset_ns = 20 * NS_PER_SECOND  # it is 50 s past there
    world.limiter.try_acquire({"weight": 100}, Priority.QUERY)
    task = world.ask("late", 1)
    await world.go(40.999)
    assert world.granted == []
    await world.go(41)
    await task


async def test_a_clock_that_is_set_back_does_not_block_a_limit_for_ever() -> None:
    clock = SimulatedClock(1_000 * NS_PER_SECOND)
    limiter = RateLimiter(clock, [RateRule("weight", 1, NS_PER_SECOND, is_window=False)], reserve=0)
    assert limiter.try_acquire({"weight": 1}, Priority.QUERY)
    clock.seek(10 * NS_PER_SECOND)
    assert not limiter.try_acquire({"weight": 1}, Priority.QUERY)
    clock.set_time(12 * NS_PER_SECOND)
    assert limiter.try_acquire({"weight": 1}, Priority.QUERY)


async def test_only_cancels_reach_the_reserve() -> None:
    world = World(reserve=0.05)
    assert world.limiter.try_acquire({"weight": 95}, Priority.ORDER)
    assert not world.limiter.try_acquire({"weight": 1}, Priority.ORDER)
    assert world.limiter.try_acquire({"weight": 5}, Priority.CANCEL)
    assert not world.limiter.try_acquire({"weight": 1}, Priority.CANCEL)


async def test_history_leaves_a_quarter_to_what_trading_needs() -> None:
    world = World()
    assert world.limiter.try_acquire({"weight": 75}, Priority.HISTORY)
    assert not world.limiter.try_acquire({"weight": 1}, Priority.HISTORY)
    assert world.limiter.try_acquire({"weight": 25}, Priority.ORDER)


async def test_cancels_pass_everybody_and_others_keep_their_order() -> None:
    world = World()
    world.limiter.try_acquire({"weight": 100}, Priority.QUERY)
    asks = [("history", Priority.HISTORY), ("query 1", Priority.QUERY), ("order", Priority.ORDER)]
    tasks = [world.ask(name, 1, priority) for name, priority in asks]
    tasks += [world.ask("query 2", 1, Priority.QUERY), world.ask("cancel", 1, Priority.CANCEL)]
    await world.go(70)
    await asyncio.gather(*tasks)
    assert world.granted == ["cancel", "order", "query 1", "query 2", "history"]


async def test_a_small_request_does_not_overtake_a_large_one_that_came_before() -> None:
    world = World()
    world.limiter.try_acquire({"weight": 60}, Priority.QUERY)
    tasks = [world.ask("large", 90), world.ask("small", 1)]
    await world.go()
    assert not world.limiter.try_acquire({"weight": 1}, Priority.QUERY)
    assert world.granted == []
    await world.go(61)
    await asyncio.gather(*tasks)
    assert world.granted == ["large", "small"]


async def test_who_waits_for_one_limit_keeps_nobody_from_another() -> None:
    world = World(WINDOW, RateRule("orders", 1, 10 * NS_PER_SECOND))
    world.limiter.try_acquire({"orders": 1}, Priority.ORDER)
    order = world.ask("order", 1, Priority.ORDER, rule="orders")
    await world.go()
    assert world.limiter.try_acquire({"weight": 1}, Priority.HISTORY)
    order.cancel()
    await world.go()
    assert world.limiter.waiting == 0


async def test_a_deadline_ends_the_waiting() -> None:
    world = World()
    world.limiter.try_acquire({"weight": 100}, Priority.QUERY)
    task = world.ask("late", 1, by_s=20)
    await world.go(20)
    with pytest.raises(NotSent, match=r"rate budget \(weight\) was not free by the deadline"):
        await task
    assert (world.limiter.waiting, world.limiter.counts.denied) == (0, 1)


async def test_a_deadline_that_has_passed_does_not_wait() -> None:
    world = World()
    world.limiter.try_acquire({"weight": 100}, Priority.QUERY)
    with pytest.raises(NotSent):
        await world.limiter.acquire({"weight": 1}, Priority.QUERY, world.clock.now_ns())


async def test_what_can_never_be_had_is_refused_at_once() -> None:
    world = World(reserve=0.05)
    with pytest.raises(NotSent, match="costs 96 of weight, which never gives more than 95"):
        await world.limiter.acquire({"weight": 96}, Priority.QUERY)
    with pytest.raises(QuantAIError, match="no rate limit 'wieght'"):
        await world.limiter.acquire({"wieght": 1}, Priority.QUERY)


async def test_the_venues_count_holds_where_it_is_larger() -> None:
    world = World()
    world.limiter.try_acquire({"weight": 10}, Priority.QUERY)
    world.limiter.learn("weight", 5)
    assert world.limiter.headroom("weight") == pytest.approx(0.9)
    world.limiter.learn("weight", 80)
    assert world.limiter.headroom("weight") == pytest.approx(0.2)
    assert world.limiter.counts.corrected == 1
    world.limiter.learn("unheard of", 80)


async def test_a_count_from_before_a_reset_says_nothing_of_the_window_after_it() -> None:
    world = World(start_ns=62 * NS_PER_SECOND)
    world.limiter.learn("weight", 90, sent_ns=58 * NS_PER_SECOND)
    assert world.limiter.headroom() == 1


async def test_a_count_told_near_a_reset_is_not_taken_for_that_of_the_next_window() -> None:
    world = World(start_ns=60 * NS_PER_SECOND + 20 * NS_PER_MS)
    world.limiter.learn("weight", 95, sent_ns=60 * NS_PER_SECOND + NS_PER_MS)  # the venue's clock may be behind
    world.clock.set_time(62 * NS_PER_SECOND)
    assert world.limiter.headroom() == 1


async def test_a_limit_that_is_exhausted_near_a_reset_is_not_closed_for_the_whole_next_window() -> None:
    world = World(start_ns=60 * NS_PER_SECOND + 20 * NS_PER_MS)
    world.limiter.exhaust("weight")
    assert not world.limiter.try_acquire({"weight": 1}, Priority.ORDER)
    world.clock.set_time(62 * NS_PER_SECOND)
    assert world.limiter.try_acquire({"weight": 1}, Priority.ORDER)
    world.limiter.exhaust("unheard of")


async def test_who_waits_for_more_than_a_lowered_limit_gives_is_turned_away_and_blocks_nobody() -> None:
    world = World()
    world.limiter.try_acquire({"weight": 100}, Priority.QUERY)
    large, small = world.ask("large", 50), world.ask("small", 5)
    await world.go()
    world.limiter.set_capacity("weight", 40)
    with pytest.raises(NotSent, match="costs 50 of weight, which never gives more than 40"):
        await asyncio.wait_for(large, 5)
    await world.go(70)
    await small


async def test_who_cannot_wait_for_a_silence_to_end_is_refused_at_once() -> None:
    world = World()
    world.limiter.pause(30 * NS_PER_SECOND, "Retry-After")
    with pytest.raises(NotSent, match="silence past the deadline"):
        await asyncio.wait_for(world.limiter.acquire({"weight": 1}, Priority.ORDER, 29 * NS_PER_SECOND), 5)


async def test_a_refund_serves_who_waits() -> None:
    world = World()
    world.limiter.try_acquire({"weight": 100}, Priority.QUERY)
    task = world.ask("next", 40)
    await world.go()
    world.limiter.refund({"weight": 40})
    await task
    assert world.limiter.headroom() == 0


async def test_a_refund_of_an_older_window_leaves_the_present_one_alone() -> None:
    world = World()
    world.limiter.try_acquire({"weight": 50}, Priority.QUERY)
    taken_ns = world.clock.now_ns()
    world.clock.set_time(70 * NS_PER_SECOND)
    world.limiter.try_acquire({"weight": 100}, Priority.QUERY)
    world.limiter.refund({"weight": 50}, taken_ns)
    assert world.limiter.headroom() == 0


async def test_a_refund_does_not_undo_what_the_venue_has_counted() -> None:
    world = World()
    world.limiter.try_acquire({"weight": 50}, Priority.QUERY)
    world.limiter.learn("weight", 50)
    world.limiter.refund({"weight": 50})
    assert world.limiter.headroom() == pytest.approx(0.5)


async def test_a_pause_holds_everybody_back_cancels_too() -> None:
    world = World()
    world.limiter.pause(30 * NS_PER_SECOND, "Retry-After")
    assert not world.limiter.try_acquire({"weight": 1}, Priority.CANCEL)
    assert world.limiter.headroom() == 0
    task = world.ask("cancel", 1, Priority.CANCEL)
    late = world.ask("hurried", 1, by_s=20)
    await world.go(29)
    assert world.granted == []
    with pytest.raises(NotSent, match=r"asked for silence past the deadline \(Retry-After\)"):
        await late
    await world.go(30)
    await task


async def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    world = World()
    world.limiter.pause(30 * NS_PER_SECOND, "first")
    world.limiter.pause(20 * NS_PER_SECOND, "second")
    world.clock.set_time(25 * NS_PER_SECOND)
    assert not world.limiter.try_acquire({"weight": 1}, Priority.QUERY)


async def test_a_ban_turns_everybody_away_until_it_is_over() -> None:
    world = World()
    world.limiter.try_acquire({"weight": 100}, Priority.QUERY)
    waiting = world.ask("waiting", 1)
    await world.go()
    world.limiter.pause(120 * NS_PER_SECOND, "HTTP 418", is_ban=True)
    with pytest.raises(NotSent, match=r"banned for another 110 s \(HTTP 418\)"):
        await waiting
    with pytest.raises(NotSent, match="banned"):
        await world.limiter.acquire({"weight": 1}, Priority.CANCEL)
    assert world.limiter.counts.bans == 1
    await world.go(121)
    await world.limiter.acquire({"weight": 1}, Priority.CANCEL)


async def test_an_exhausted_limit_stops_only_those_who_need_it() -> None:
    world = World(WINDOW, RateRule("orders", 50, 10 * NS_PER_SECOND))
    world.limiter.exhaust("orders")
    assert not world.limiter.try_acquire({"orders": 1}, Priority.ORDER)
    assert world.limiter.try_acquire({"weight": 1}, Priority.CANCEL)
    world.clock.set_time(21 * NS_PER_SECOND)
    assert world.limiter.try_acquire({"orders": 1}, Priority.ORDER)


async def test_another_capacity_holds_from_then_on() -> None:
    world = World()
    world.limiter.set_capacity("weight", 10)
    assert not world.limiter.try_acquire({"weight": 11}, Priority.QUERY)
    waiting = world.ask("waiting", 10)
    await waiting
    world.limiter.set_capacity("weight", 20)
    assert world.limiter.try_acquire({"weight": 10}, Priority.QUERY)
    with pytest.raises(QuantAIError, match="at least 1"):
        world.limiter.set_capacity("weight", 0)


async def test_who_is_cancelled_leaves_the_queue_and_gives_back_what_was_just_granted() -> None:
    world = World()
    world.limiter.try_acquire({"weight": 100}, Priority.QUERY)
    first, second = world.ask("first", 100), world.ask("second", 100)
    await world.go()
    world.limiter.refund({"weight": 100})  # grants the first, whose task has not run yet
    first.cancel()
    await second
    assert world.granted == ["second"]


async def test_a_rule_or_a_reserve_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(QuantAIError, match="at least 1"):
        RateRule("weight", 0, MINUTE)
    with pytest.raises(QuantAIError, match="fraction"):
        World(reserve=1.0)


RULES = st.builds(
    RateRule,
    st.just("weight"),
    st.integers(1, 40),
    st.sampled_from([NS_PER_SECOND, 10 * NS_PER_SECOND]),
    st.booleans(),
)
REQUESTS = st.lists(
    st.tuples(
        st.integers(0, 2_000),  # pause before it, ms
        st.integers(1, 10),
        st.sampled_from(list(Priority)),
        st.floats(-1, 1),  # how far off its arrival is, in edges
        st.sampled_from(["keep", "keep", "refund"]),
    ),
    max_size=60,
)


@given(RULES, REQUESTS, st.integers(0, 10**10))
def test_no_window_of_the_venue_ever_sees_more_than_the_capacity(
    rule: RateRule, requests: Sequence[tuple[int, int, Priority, float, str]], start_ns: int
) -> None:
    clock = SimulatedClock(MINUTE + start_ns)
    limiter = RateLimiter(clock, [rule], 0.1)
    arrivals: list[tuple[int, int]] = []
    for pause_ms, cost, priority, off, what in requests:
        clock.set_time(clock.now_ns() + pause_ms * NS_PER_MS)
        if not limiter.try_acquire({"weight": cost}, priority):
            continue
        if what == "refund":
            limiter.refund({"weight": cost}, clock.now_ns())
        elif rule.is_window:
            arrivals.append((clock.now_ns() + round(off * (rule.edge - 1)), cost))
        else:
            arrivals.append((clock.now_ns() + round((off + 1) / 2 * (rule.edge - 1)), cost))
    for at_ns, _ in arrivals:
        start = at_ns - at_ns % rule.interval_ns if rule.is_window else at_ns
        seen = sum(cost for when, cost in arrivals if start <= when < start + rule.interval_ns)
        assert seen <= rule.capacity


@given(st.lists(st.tuples(st.integers(1, 18), st.sampled_from(list(Priority))), max_size=25))
def test_everybody_is_served_in_the_end_and_in_order_within_a_priority(
    requests: Sequence[tuple[int, Priority]],
) -> None:
    async def run() -> None:
        world = World(RateRule("weight", 25, NS_PER_SECOND), reserve=0.1)
        tasks = [world.ask(f"{priority}-{i:02}", cost, priority) for i, (cost, priority) in enumerate(requests)]
        await world.go(10 + 3 * len(requests))
        await asyncio.gather(*tasks)
        for priority in Priority:
            of_it = [name for name in world.granted if name.startswith(f"{priority}-")]
            assert of_it == sorted(of_it)

    asyncio.run(run())
