"""When recorded events are due: recorded time passes at a speed, on a straight line that nothing drifts away from."""

from __future__ import annotations

import asyncio
import logging
import time
from math import inf

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.core.errors import ConfigError

MAX_SPEED = 1_000_000
LATE_NS = 2 * NS_PER_MS

# Event loops keep timers to the millisecond. To sleep whole ones, and not at all where less than half of one is left,
# is right to half a millisecond either way, and takes no processor time as turning the loop until then would.
_GRAIN_NS = NS_PER_MS

_WORTH_TELLING_NS = 100 * NS_PER_MS
# Where more than one event in so many was late, that is a warning.
_LATE_SHARE = 100

logger = logging.getLogger(__name__)


class PacingTime:
    """The machine's monotonic time, and a sleep that can be ended early."""

    def __init__(self) -> None:
        self._woken: asyncio.Future[None] | None = None

    def now_ns(self) -> int:
        """Nanoseconds since some moment in the past."""
        return time.monotonic_ns()

    async def sleep(self, delay_s: float) -> None:
        """Until `delay_s` is over or `wake` is called; `inf` waits for that alone. One sleeper at a time."""
        loop = asyncio.get_running_loop()
        self._woken = loop.create_future()
        timer = None if delay_s == inf else loop.call_later(delay_s, self.wake)
        try:
            await self._woken
        finally:
            if timer is not None:
                timer.cancel()

    def wake(self) -> None:
        """End the sleep under way, if there is one."""
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)


class Pacer:
    """Says when what was recorded at a time is due. A `speed` of None is as fast as possible: everything is due then.

    `late` counts events that were published more than 2 ms after they were due, `lateness_ns` is that of the last
    event, `worst_lateness_ns` the worst so far: all in real time. Nothing is left out to make up for lateness.
    """

    def __init__(self, speed: float | None, pacing_time: PacingTime) -> None:
        self.speed = speed
        self._time = pacing_time
        self._rate = inf
        self._position_ns = 0
        self._since_ns = 0
        self.late = 0
        self.lateness_ns = 0
        self.worst_lateness_ns = 0

    def start(self, position_ns: int) -> None:
        """Recorded time is `position_ns` now, and goes on from there at `speed` as it is now."""
        self._rate = inf if self.speed is None else self.speed
        self._position_ns = position_ns
        self._since_ns = self._time.now_ns()

    def position_ns(self) -> int:
        """The recorded time that it should be now; not where speed is None."""
        return self._position_ns + int((self._time.now_ns() - self._since_ns) * self._rate)

    def ahead_ns(self, ts_ns: int) -> float:
        """Real nanoseconds until `ts_ns` is due, negative where that has passed."""
        return (ts_ns - self._position_ns) / self._rate - (self._time.now_ns() - self._since_ns)

    def is_ahead(self, ahead_ns: float) -> bool:
        """Whether a sleep comes closer to the due time than no sleep."""
        return ahead_ns > _GRAIN_NS / 2

    async def sleep(self, ahead_ns: float, longest_ns: int) -> None:
        """Sleep towards what is `ahead_ns` away, but not longer than `longest_ns`; look again afterwards."""
        grains = max(1, min(ahead_ns, longest_ns) // _GRAIN_NS)
        await self._time.sleep(grains * _GRAIN_NS / NS_PER_SECOND)

    def count(self, ahead_ns: float) -> None:
        """An event is published `ahead_ns` before it is due."""
        self.lateness_ns = max(0, int(-ahead_ns))
        self.worst_lateness_ns = max(self.worst_lateness_ns, self.lateness_ns)
        if self.lateness_ns > LATE_NS:
            self.late += 1

    def describe(self) -> str:
        """How recorded time passes, for people: `10x`, `10x, 2.5 s late`, nothing where it is as fast as possible."""
        if self.speed is None:
            return ""
        late = f", {self.lateness_ns / NS_PER_SECOND:.1f} s late" if self.lateness_ns > _WORTH_TELLING_NS else ""
        return f"{self.speed:g}x{late}"

    def log(self, events: int) -> None:
        """Tell how it went with `events` in all, where anything was paced."""
        if self.speed is None and not self.late:
            return
        logger.log(
            logging.WARNING if self.late * _LATE_SHARE > events else logging.INFO,
            "replayed %d events at %s; %d were more than %d ms late, at most %.3f s",
            events, "full speed" if self.speed is None else f"{self.speed:g}x",
            self.late, LATE_NS // NS_PER_MS, self.worst_lateness_ns / NS_PER_SECOND,
        )  # fmt: skip


def checked_speed(speed: float | None) -> float | None:
    """`speed` as it is. Raises `ConfigError` where recorded time cannot pass at it."""
    if speed is None or (not isinstance(speed, bool) and isinstance(speed, int | float) and 0 < speed <= MAX_SPEED):
        return speed
    raise ConfigError(
        f"the speed of a replay must be above 0 and at most {MAX_SPEED:,}, or None for as fast as possible, "
        f"not {speed!r}"
    )
