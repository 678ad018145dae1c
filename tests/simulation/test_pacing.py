"""The real time that replays are paced by."""

from __future__ import annotations

import asyncio
from math import inf

import pytest
import uvloop

from quantai.core.clock import NS_PER_MS
from quantai.simulation.pacing import Pacer, PacingTime
from tests.simulation.replays import VirtualTime


async def test_a_sleep_ends_by_itself_or_when_woken() -> None:
    time = PacingTime()
    before_ns = time.now_ns()
    await time.sleep(0.001)
    assert time.now_ns() > before_ns
    sleeping = asyncio.create_task(time.sleep(inf))
    await asyncio.sleep(0)
    assert not sleeping.done()
    time.wake()
    time.wake()
    await sleeping
    time.wake()  # nobody sleeps


async def test_a_cancelled_sleep_leaves_no_timer() -> None:
    time = PacingTime()
    sleeping = asyncio.create_task(time.sleep(3_600))
    await asyncio.sleep(0)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    time.wake()


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_no_sleep_ends_before_the_due_time_comes_near(factory: type[asyncio.AbstractEventLoop]) -> None:
    async def leads_ns() -> list[float]:
        pacer, leads = Pacer(1, PacingTime()), []
        pacer.start(0)
        for due_ns in range(0, 30 * NS_PER_MS, 1_700_000):
            while pacer.is_ahead(ahead_ns := pacer.ahead_ns(due_ns)):
                await pacer.sleep(ahead_ns, 50 * NS_PER_MS)
            leads.append(ahead_ns)
        return leads

    with asyncio.Runner(loop_factory=factory) as runner:
        assert max(runner.run(leads_ns())) <= NS_PER_MS / 2


async def test_a_sleep_is_cut_to_the_longest() -> None:
    time = VirtualTime()
    pacer = Pacer(1e-300, time)
    pacer.start(0)
    assert pacer.ahead_ns(10**18) == inf
    await pacer.sleep(inf, 50 * NS_PER_MS)
    assert time.passed_ns == 50 * NS_PER_MS + time.overslept_ns
