"""An asyncio loop on a simulated clock: nothing waits, and two runs do the same in the same order."""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Mapping
from typing import Any

from quantai.core.clock import NEVER, NS_PER_SECOND, SimulatedClock


class Stuck(AssertionError):
    """Somebody waits for what nobody will ever do."""


class _Selector(selectors.SelectSelector):
    """Where a real one would sleep, this moves the clock: to the next timer, or to when the loop wants to go on."""

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return []
        now_ns = self._clock.now_ns()
        wake_ns = NEVER if timeout is None else now_ns + math.ceil(timeout * NS_PER_SECOND)
        if self._clock.next_due_ns <= wake_ns:
            if self._clock.next_due_ns == NEVER:
                raise Stuck("no timer is armed and no task can go on")
            self._clock.fire_next()
        else:
            self._clock.set_time(wake_ns)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Its time is the clock's. What fails in a task or callback is kept in `failures`."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._start_ns = clock.now_ns()
        super().__init__(_Selector(clock))
        self.failures: list[str] = []
        self.set_exception_handler(self._failed)

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
