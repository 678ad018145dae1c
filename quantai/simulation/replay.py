"""Replays market events through the bus on a simulated clock, as fast as they can be handled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from quantai.core.clock import SimulatedClock
from quantai.data.feed import Feed
from quantai.data.source import MarketDataSource, Wanted
from quantai.events.bus import EventBus

Progress = Callable[[int, int], None]


class Replay(Feed):
    """Plays a source from beginning to end. Timers due before an event fire before it."""

    def __init__(
        self,
        source: MarketDataSource,
        bus: EventBus,
        clock: SimulatedClock,
        *,
        is_wanted: Wanted,
        on_progress: Progress | None = None,
    ) -> None:
        """`is_wanted` says which topics to take from the source; `on_progress` is told the number of events so far and
        the simulated time, once a slice.
        """
        self._source = source
        self._is_wanted = is_wanted
        self._bus = bus
        self._clock = clock
        self._on_progress = on_progress
        self._stopping = False
        self.events = 0

    def stop(self) -> None:
        """End after the slice being played."""
        self._stopping = True

    async def run(self) -> None:
        """Play until the source ends or `stop` is called."""
        clock, dispatch = self._clock, self._bus.dispatch
        for batch in self._source.batches(self._is_wanted):
            for event in batch:
                ts_init = event.ts_init
                if clock.next_due_ns <= ts_init:
                    await self._fire_until(ts_init)
                clock.set_time(ts_init)
                pending = dispatch(event)
                if pending is not None:
                    await pending
            self.events += len(batch)
            if self._on_progress is not None:
                self._on_progress(self.events, clock.now_ns())
            # Signals, queued subscribers and other tasks get their turn once a slice.
            await asyncio.sleep(0)
            if self._stopping:
                return

    async def settle(self, is_settled: Callable[[], bool], limit_ns: int) -> None:
        """Let simulated time pass without market events until `is_settled`, or `limit_ns` is over."""
        end_ns = self._clock.now_ns() + limit_ns
        while not is_settled() and self._clock.next_due_ns <= end_ns:
            await self._fire_until(self._clock.next_due_ns)

    async def _fire_until(self, ts_ns: int) -> None:
        while self._clock.next_due_ns <= ts_ns:
            self._clock.fire_next()
            while self._bus.is_busy:
                await asyncio.sleep(0)
