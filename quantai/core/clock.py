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

# The wall clock can be stepped and machines sleep, while the loop counts on: it looks at the wall this often, in
# seconds.
_LONGEST_WAIT_S = 60

TimerCallback = Callable[[int], None]


class Timer:
    """One timer; `cancel` it at any time, also from its own callback. Repeats where `interval_ns` is set.

    `is_delay` says that it was asked for as a length of time, not as a time of the clock.
    """

    __slots__ = ("_disarm", "callback", "cancelled", "due_ns", "interval_ns", "is_delay")

    def __init__(
        self, due_ns: int, callback: TimerCallback, interval_ns: int | None = None, *, is_delay: bool = False
    ) -> None:
        self.due_ns = due_ns
        self.callback = callback
        self.interval_ns = interval_ns
        self.is_delay = is_delay
        self.cancelled = False
        self._disarm: Callable[[], None] | None = None

    def armed(self, disarm: Callable[[], None] | None) -> None:
        """A clock waits for the timer until it calls `disarm` (None: it does no longer)."""
        self._disarm = disarm

    def cancel(self) -> None:
        """Never fire again."""
        self.cancelled = True
        if self._disarm is not None:
            self._disarm()
            self._disarm = None


class Clock(ABC):
    """Tells the time and fires timers. Callbacks are plain functions that get the time the timer was due."""

    @abstractmethod
    def now_ns(self) -> int:
        """Nanoseconds UTC."""

    @abstractmethod
    def _arm(self, timer: Timer) -> None: ...

    def call_at(self, due_ns: int, callback: TimerCallback) -> Timer:
        """Call once at `due_ns`, or as soon as possible where that has passed."""
        return self._armed(Timer(due_ns, callback))

    def call_later(self, delay_ns: int, callback: TimerCallback) -> Timer:
        """Call once, `delay_ns` from now."""
        return self._armed(Timer(self.now_ns() + delay_ns, callback, is_delay=True))

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

    def _fire(self, timer: Timer) -> None:
        """Call what `timer` is for, then arm it again where it repeats, even if the callback failed."""
        timer.armed(None)
        due_ns = timer.due_ns
        try:
            timer.callback(due_ns)
        finally:
            if timer.interval_ns is not None and not timer.cancelled:
                timer.due_ns = (max(due_ns, self.now_ns()) // timer.interval_ns + 1) * timer.interval_ns
                self._arm(timer)


class WallClock(Clock):
    """The machine's clock; timers run on the asyncio loop that is running when they are armed."""

    def now_ns(self) -> int:
        return time.time_ns()

    def _arm(self, timer: Timer) -> None:
        delay_s = max(0, timer.due_ns - self.now_ns()) / NS_PER_SECOND
        handle = asyncio.get_running_loop().call_later(min(delay_s, _LONGEST_WAIT_S), self._look, timer)
        timer.armed(handle.cancel)

    def _look(self, timer: Timer) -> None:
        if self.now_ns() < timer.due_ns:
            self._arm(timer)
        else:
            self._fire(timer)


class SimulatedClock(Clock):
    """A clock that moves only when told. `next_due_ns` is when the next timer is due (`NEVER` where none is)."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns
        self._timers: list[tuple[int, int, Timer]] = []
        self._sequence = 0
        self._cancelled = 0
        self.next_due_ns = NEVER

    def now_ns(self) -> int:
        return self._now_ns

    def _arm(self, timer: Timer) -> None:
        self._sequence += 1
        heapq.heappush(self._timers, (timer.due_ns, self._sequence, timer))
        self.next_due_ns = self._timers[0][0]
        timer.armed(self._forget_cancelled)

    def _forget_cancelled(self) -> None:
        """Drop the cancelled where they are next, and all of them where they are most."""
        self._cancelled += 1
        if self._cancelled > len(self._timers) // 2:
            self._timers = [entry for entry in self._timers if not entry[2].cancelled]
            heapq.heapify(self._timers)
            self._cancelled = 0
        self._show_next()

    def _show_next(self) -> None:
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
            self._cancelled -= 1
        self.next_due_ns = self._timers[0][0] if self._timers else NEVER

    def set_time(self, now_ns: int) -> None:
        """Move to `now_ns`, firing nothing; going back is refused, only `seek` does."""
        if now_ns < self._now_ns:
            raise QuantAIError(f"simulated time cannot go back from {self._now_ns} to {now_ns}")
        self._now_ns = now_ns

    def seek(self, now_ns: int) -> None:
        """Jump to `now_ns`, back or ahead, firing nothing on the way; not from inside a timer's callback.

        Every timer stays armed, for what it was asked: one of `call_later` still has to wait as long as before, one of
        `call_at` keeps its time (and is due at once where that was jumped over), one of `call_every` goes on with the
        first whole multiple after `now_ns`.
        """
        moved_ns = now_ns - self._now_ns
        self._now_ns = now_ns
        for _, _, timer in self._timers:
            if timer.interval_ns is not None:
                timer.due_ns = (now_ns // timer.interval_ns + 1) * timer.interval_ns
            elif timer.is_delay:
                timer.due_ns += moved_ns
        self._timers = [(timer.due_ns, sequence, timer) for _, sequence, timer in self._timers]
        heapq.heapify(self._timers)
        self._show_next()

    def fire_next(self) -> None:
        """Move to the time of the next timer and fire it. The caller lets the bus settle before the next one."""
        if not self._timers:
            raise QuantAIError("no timer is armed: next_due_ns says when the next is due")
        due_ns, _, timer = heapq.heappop(self._timers)
        self._show_next()
        self._now_ns = max(self._now_ns, due_ns)
        self._fire(timer)

    def advance_to(self, now_ns: int) -> None:
        """Fire every timer due up to `now_ns`, in order of time, then be there."""
        while self.next_due_ns <= now_ns:
            self.fire_next()
        self.set_time(now_ns)


def iso_utc(ts_ns: int) -> str:
    """`ts_ns` as ISO 8601 with nanoseconds, e.g. `2026-11-22T09:30:00.000000001Z`."""
    seconds, fraction = divmod(ts_ns, NS_PER_SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"
