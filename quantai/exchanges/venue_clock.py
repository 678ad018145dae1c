"""What time it is at a venue: the offset of its clock from ours, measured by asking."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, Clock
from quantai.core.errors import VenueError
from quantai.exchanges.errors import MalformedReply

logger = logging.getLogger(__name__)

_SAMPLES = 5
_RESYNC_S = 600
_WARN_NS = NS_PER_SECOND
_MOST_NS = 86_400 * NS_PER_SECOND


class VenueClock:
    """Our clock, put right by what the venue says: offset = its time less the middle of the question's way.

    The sample with the shortest way counts: its middle is known best. Source: Binance, «Check server time».
    """

    def __init__(
        self,
        clock: Clock,
        ask: Callable[[], Awaitable[int]],
        *,
        venue: str = "",
        resync_s: float = _RESYNC_S,
        warn_ns: int = _WARN_NS,
        on_offset: Callable[[int], None] | None = None,
    ) -> None:
        """`ask` gives the venue's time in nanoseconds UTC, or raises `VenueError`. `on_offset` hears of each offset
        that was measured; one of more than `warn_ns` is logged.
        """
        self._clock = clock
        self._ask = ask
        self._venue = venue
        self._resync_s = resync_s
        self._warn_ns = warn_ns
        self._on_offset = on_offset
        self._last_nonce = 0
        self._measuring: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self.offset_ns = 0
        """The venue's clock less ours."""
        self.uncertainty_ns: int | None = None
        """Half of the way of the sample that counted; None before the first."""
        self.failures = 0
        """Measurements that the venue did not answer."""

    def now_ns(self) -> int:
        """The time at the venue."""
        return self._clock.now_ns() + self.offset_ns

    def now_ms(self) -> int:
        """The time at the venue in whole milliseconds."""
        return self.now_ns() // NS_PER_MS

    def nonce(self) -> int:
        """Milliseconds at the venue, but always larger than the last, whatever the clocks do."""
        self._last_nonce = max(self.now_ms(), self._last_nonce + 1)
        return self._last_nonce

    async def start(self) -> None:
        """Measure, and again on schedule. Raises `VenueError` where the venue does not answer; it goes on asking."""
        self._keeping = asyncio.create_task(self._keep())
        await self.resync()

    async def stop(self) -> None:
        """Measure no more."""
        tasks = [task for task in (self._keeping, self._measuring) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._keeping = self._measuring = None

    async def resync(self) -> None:
        """Measure anew; those who ask meanwhile wait for the same measurement. Raises `VenueError` where no answer
        came; the offset is then as it was.
        """
        if self._measuring is None or self._measuring.done():
            self._measuring = asyncio.create_task(self._measure())
        await asyncio.shield(self._measuring)

    async def _measure(self) -> None:
        best: tuple[int, int] | None = None
        for _ in range(_SAMPLES):
            before_ns = self._clock.now_ns()
            try:
                venue_ns = self._plausible(await self._ask())
            except VenueError:
                if best is None:
                    self.failures += 1
                    raise
                break
            after_ns = self._clock.now_ns()
            if after_ns < before_ns:  # our clock was set back meanwhile: nothing is measured
                continue
            sample = ((after_ns - before_ns) // 2, venue_ns - (before_ns + after_ns) // 2)
            best = sample if best is None else min(best, sample)
        if best is not None:
            self._adopt(*best)

    def _plausible(self, venue_ns: int) -> int:
        if abs(venue_ns - self._clock.now_ns()) > _MOST_NS:
            raise MalformedReply(f"it says {venue_ns} ns since 1970, more than a day off our clock")
        return venue_ns

    def _adopt(self, uncertainty_ns: int, offset_ns: int) -> None:
        self.uncertainty_ns, self.offset_ns = uncertainty_ns, offset_ns
        if self._on_offset is not None:
            self._on_offset(offset_ns)
        if abs(offset_ns) > self._warn_ns:
            logger.warning(
                "the clock of %s is %+.3f s off ours: is this machine's clock kept by NTP?",
                self._venue or "the venue",
                offset_ns / NS_PER_SECOND,
            )

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._resync_s)
            try:
                await self.resync()
            except Exception as error:
                logger.warning("the time at %s cannot be measured: %s", self._venue or "the venue", error)
