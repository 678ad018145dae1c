"""Waiting, in the time of the clock: simulated time waits for nothing real, and a wall clock that is set back delays
nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from quantai.core.clock import NS_PER_SECOND, Clock, SimulatedClock, Timer


def call_later(clock: Clock, delay_ns: int, callback: Callable[[], None]) -> Timer | asyncio.TimerHandle:
    """Call once, `delay_ns` from now. The loop measures it where time is real."""
    if isinstance(clock, SimulatedClock):
        return clock.call_later(delay_ns, lambda _due_ns: callback())
    return asyncio.get_running_loop().call_later(delay_ns / NS_PER_SECOND, callback)


async def pause(clock: Clock, delay_ns: int) -> None:
    """Return after `delay_ns`."""
    await until(clock, delay_ns)


async def until(clock: Clock, limit_ns: int, *futures: asyncio.Future[Any]) -> None:
    """Return when any of `futures` is done, or after `limit_ns`. The futures go on."""
    passed = asyncio.Event()
    waiting = asyncio.ensure_future(passed.wait())
    timer = call_later(clock, limit_ns, passed.set)
    try:
        await asyncio.wait({waiting, *futures}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
        waiting.cancel()


@asynccontextmanager
async def time_limit(clock: Clock, limit_ns: int, *ends: asyncio.Future[Any]) -> AsyncIterator[None]:
    """Raise `TimeoutError` where the body takes longer than `limit_ns`, or goes on when any of `ends` is done."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as scope:

        def stop(_: object = None) -> None:
            if not scope.expired():
                scope.reschedule(loop.time())

        timer = call_later(clock, limit_ns, stop)
        for end in ends:
            end.add_done_callback(stop)
        try:
            yield
        finally:
            timer.cancel()
            for end in ends:
                end.remove_done_callback(stop)


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel `task` and wait until it is over, however it ends."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


class Signal:
    """Wakes the one task that waits for it. What is set while nobody waits is not lost."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    def set(self) -> None:
        """Wake."""
        self._event.set()

    async def wait(self, limit_ns: int) -> None:
        """Return when set, or after `limit_ns`."""
        timer = call_later(self._clock, limit_ns, self._event.set)
        try:
            await self._event.wait()
        finally:
            timer.cancel()
            self._event.clear()
