"""A clock that runs faster than the wall, so that an hour at the venue need not take one."""

from __future__ import annotations

import asyncio

from quantai.core.clock import NS_PER_SECOND, Clock, Timer, WallClock
from quantai.core.errors import ConfigError

_FASTEST = 1_000.0


class ScaledClock(Clock):
    """Begins at the wall's time (or `start_ns`) and runs `speed` times as fast; timers run on the asyncio loop.

    Give the same one to the daemon under test: with `speed` above 1 no wall clock agrees with it.
    Raises `ConfigError` for a speed that is not above 0 and at most 1,000.
    """

    def __init__(self, speed: float = 1.0, start_ns: int | None = None, wall: Clock | None = None) -> None:
        if not 0 < speed <= _FASTEST:
            raise ConfigError(f"the speed of a clock must be above 0 and at most {_FASTEST:.0f}, not {speed}")
        self.speed = speed
        self._wall = wall or WallClock()
        self._origin_ns = self._wall.now_ns()
        self._start_ns = self._origin_ns if start_ns is None else start_ns

    def now_ns(self) -> int:
        elapsed_ns = self._wall.now_ns() - self._origin_ns
        return self._start_ns + (elapsed_ns if self.speed == 1 else int(elapsed_ns * self.speed))

    def _arm(self, timer: Timer) -> None:
        delay_s = max(0, timer.due_ns - self.now_ns()) / NS_PER_SECOND / self.speed
        handle = asyncio.get_running_loop().call_later(delay_s, self._look, timer)
        timer.armed(handle.cancel)

    def _look(self, timer: Timer) -> None:
        # The loop's clock and the wall's differ by a little: what is due too early waits again.
        if self.now_ns() < timer.due_ns:
            self._arm(timer)
        else:
            self._fire(timer)
