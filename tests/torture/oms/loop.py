"""An asyncio loop on a simulated clock: nothing waits, and two runs do the same in the same order."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable, Mapping
from contextvars import Context
from typing import Any, TypeVarTuple

from quantai.core.clock import NEVER, NS_PER_SECOND, SimulatedClock

Ts = TypeVarTuple("Ts")


class Stuck(AssertionError):
    """Somebody waits for what nobody will ever do."""


class _Selector(selectors.SelectSelector):
    """Where a real one would sleep, this moves the clock: from timer to timer, to where the loop can or wants to go on.

    `is_woken` says that somebody asked the loop to call something.
    """

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__()
        self._clock = clock
        self.is_woken = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return []
        now_ns = self._clock.now_ns()
        wake_ns = NEVER if timeout is None else now_ns + math.ceil(timeout * NS_PER_SECOND)
        self.is_woken = False
        while not self.is_woken:
            due_ns = self._clock.next_due_ns
            if due_ns > wake_ns:
                self._clock.set_time(wake_ns)
                break
            if due_ns == NEVER:
                raise Stuck("no timer is armed and no task can go on")
            self._clock.fire_next()
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Its time is the clock's. What fails in a task or callback is kept in `failures`."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._start_ns = clock.now_ns()
        self._sleep = _Selector(clock)
        super().__init__(self._sleep)
        self.failures: list[str] = []
        self.set_exception_handler(self._failed)

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self._sleep.is_woken = True
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self._sleep.is_woken = True  # it may be due before what is waited for
        return super().call_at(when, callback, *args, context=context)

    def time(self) -> float:
        return (self._clock.now_ns() - self._start_ns) / NS_PER_SECOND

    def _failed(self, loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        self.failures.append(f"{context['message']}: {context.get('exception')!r}")

    def finish(self) -> None:
        """Cancel what still waits, and close."""
        self.run_until_complete(_cancel_others())
        self.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
