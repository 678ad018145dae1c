"""Time: the only module that asks the machine for it. All times are `int` nanoseconds UTC since 1970."""

from __future__ import annotations

import asyncio
import heapq
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime

from quantai.core.errors import QuantAIError

NS_PER_SECOND = 1_000_000_000
NS_PER_MS = 1_000_000
NEVER = 2**63 - 1

TimerCallback = Callable[[int], None]


class Timer:
    """One armed timer; `cancel` it at any time, also from its own callback. Repeats where `interval_ns` is set."""

    __slots__ = ("callback", "cancelled", "due_ns", "interval_ns")

    def __init__(self, due_ns: int, callback: TimerCallback, interval_ns: int | None) -> None:
        self.due_ns = due_ns
        self.callback = callback
        self.interval_ns = interval_ns
        self.cancelled = False

    def cancel(self) -> None:
        """Never fire again."""
        self.cancelled = True


class Clock(ABC):
    """Tells the time and fires timers. Callbacks are plain functions that get the time the timer was due."""

    @abstractmethod
    def now_ns(self) -> int:
        """Nanoseconds UTC."""

    @abstractmethod
    def _arm(self, timer: Timer) -> None: ...

    def call_at(self, due_ns: int, callback: TimerCallback) -> Timer:
        """Call once at `due_ns`, or as soon as possible where that has passed."""
        return self._armed(Timer(due_ns, callback, None))

    def call_later(self, delay_ns: int, callback: TimerCallback) -> Timer:
        """Call once, `delay_ns` from now."""
        return self.call_at(self.now_ns() + delay_ns, callback)

    def call_every(self, interval_ns: int, callback: TimerCallback) -> Timer:
        """Call at every whole multiple of `interval_ns` since 1970, so that two runs fire at the same times.

        A wall clock that was late skips what it missed: a timer never fires twice to catch up.
        """
        if interval_ns <= 0:
            raise QuantAIError(f"a timer interval must be positive, not {interval_ns} ns")
        return self._armed(Timer((self.now_ns() // interval_ns + 1) * interval_ns, callback, interval_ns))

    def _armed(self, timer: Timer) -> Timer:
        self._arm(timer)
        return timer

    def _rearm(self, timer: Timer) -> None:
        if timer.interval_ns is not None and not timer.cancelled:
            timer.due_ns = max(timer.due_ns, self.now_ns()) // timer.interval_ns * timer.interval_ns + timer.interval_ns
            self._arm(timer)


class WallClock(Clock):
    """The machine's clock; timers run on the asyncio loop that is running when they are armed."""

    def now_ns(self) -> int:
        return time.time_ns()

    def _arm(self, timer: Timer) -> None:
        delay_s = max(0, timer.due_ns - self.now_ns()) / NS_PER_SECOND
        asyncio.get_running_loop().call_later(delay_s, self._fire, timer)

    def _fire(self, timer: Timer) -> None:
        if timer.cancelled:
            return
        if self.now_ns() < timer.due_ns:  # the loop's clock is monotonic, ours can be stepped
            self._arm(timer)
            return
        due_ns = timer.due_ns
        try:
            timer.callback(due_ns)
        finally:
            self._rearm(timer)


class SimulatedClock(Clock):
    """A clock that moves only when told. `next_due_ns` is when the next timer is due (`NEVER` where none is)."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns
        self._heap: list[tuple[int, int, Timer]] = []
        self._sequence = 0
        self.next_due_ns = NEVER

    def now_ns(self) -> int:
        return self._now_ns

    def _arm(self, timer: Timer) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (timer.due_ns, self._sequence, timer))
        self.next_due_ns = self._heap[0][0]

    def set_time(self, now_ns: int) -> None:
        """Move to `now_ns`, firing nothing; going back is refused, time only goes forward."""
        if now_ns < self._now_ns:
            raise QuantAIError(f"simulated time cannot go back from {self._now_ns} to {now_ns}")
        self._now_ns = now_ns

    def fire_next(self) -> None:
        """Move to the time of the next timer and fire it. The caller lets the bus settle before the next one."""
        due_ns, _, timer = heapq.heappop(self._heap)
        self.next_due_ns = self._heap[0][0] if self._heap else NEVER
        self._now_ns = max(self._now_ns, due_ns)
        if not timer.cancelled:
            timer.callback(due_ns)
            self._rearm(timer)

    def advance_to(self, now_ns: int) -> None:
        """Fire every timer due up to `now_ns`, in order of time, then be there."""
        while self.next_due_ns <= now_ns:
            self.fire_next()
        self.set_time(now_ns)


def iso_utc(ts_ns: int) -> str:
    """`ts_ns` as ISO 8601 with nanoseconds, e.g. `2026-11-22T09:30:00.000000001Z`."""
    seconds, fraction = divmod(ts_ns, NS_PER_SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"
