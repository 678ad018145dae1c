"""The recorder: takes events from the bus at the price of a list append, and writes them from a thread of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from quantai.core.clock import NS_PER_SECOND, Clock, Timer, WallClock
from quantai.core.errors import ConfigError, StoreError
from quantai.events.base import Event
from quantai.events.persistence.part_writer import PartWriter
from quantai.events.persistence.recording import Outcome, write_events
from quantai.events.persistence.store import leftovers
from quantai.events.system import GapEvent

logger = logging.getLogger(__name__)

OnGap = Callable[[GapEvent], None]

_PROCESS_START_NS = WallClock().now_ns()
_FAILURES_PER_LOG_LINE = 60


class ParquetEventWriter:
    """Records events into the store at `path`:

        writer = ParquetEventWriter(path)
        await event_bus.subscribe("*", writer.write_event)

    What was buffered is written `flush_interval_ns` after its first event, or at once when `max_rows` events wait. Events
    that the disk does not take are tried again at the next interval. Never more than `max_buffered` events are held:
    beyond that the oldest are dropped, counted, and told to `on_gap`, as are events whose values no column can hold.
    Use it on the event loop. `await close()` (or `async with`) writes the rest.

    `written`, `dropped` (events), `files` (parts) and `failures` (flushes that left events unwritten) count since the start.
    """

    def __init__(
        self,
        path: str | Path,
        flush_interval_ns: int = NS_PER_SECOND,
        max_rows: int = 65_536,
        max_buffered: int = 1_000_000,
        *,
        clock: Clock | None = None,
        on_gap: OnGap | None = None,
        parts: PartWriter | None = None,
        name: str = "recorder",
    ) -> None:
        if flush_interval_ns <= 0 or not 0 < max_rows <= max_buffered:
            raise ConfigError(
                f"{name} needs flush_interval_ns > 0 and 0 < max_rows <= max_buffered, "
                f"not {flush_interval_ns}, {max_rows} and {max_buffered}"
            )
        self.name = name
        self.written = 0
        self.dropped = 0
        self.files = 0
        self.failures = 0
        self._parts = parts or PartWriter(path)
        self._flush_interval_ns = flush_interval_ns
        self._max_rows = max_rows
        self._max_buffered = max_buffered
        self._clock = clock or WallClock()
        self._on_gap = on_gap
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._buffer: list[Event] = []
        self._in_flight = 0
        self._mark = 1
        self._timer: Timer | None = None
        self._flushing: asyncio.Task[Exception | None] | None = None
        self._failures_in_row = 0
        self._closed = False

    @property
    def buffered(self) -> int:
        """Events that are not written yet."""
        return len(self._buffer) + self._in_flight

    def write_event(self, event: Event) -> None:
        """Take `event`; the bus's handler. Raises `StoreError` after `close`."""
        buffer = self._buffer
        buffer.append(event)
        if len(buffer) >= self._mark:
            self._attend()

    async def start(self) -> None:
        """Remove what interrupted writes of earlier processes left behind."""
        removed = await asyncio.get_running_loop().run_in_executor(self._executor, self._remove_leftovers)
        if removed:
            logger.warning(
                "%s: removed %d unfinished files of an interrupted run below %s: the events of its last flush are not recorded",
                self.name, len(removed), self._parts.root,
            )  # fmt: skip

    async def flush(self) -> None:
        """Write everything that was taken so far. Raises `StoreError` where some could not be; that is kept."""
        while self._flushing:  # it took its events before
            await asyncio.shield(self._flushing)
        self._flush_soon()
        if self._flushing and (error := await asyncio.shield(self._flushing)):
            raise StoreError(
                f"{self.buffered} events could not be recorded below {self._parts.root}: {error}. "
                "Check the disk (space, permissions, mount)"
            ) from error

    async def close(self) -> None:
        """Flush and take no more. Raises `StoreError` where the rest could not be written: it is then counted as dropped."""
        if self._closed:
            return
        self._closed = True
        self._mark = 1
        if self._timer:
            self._timer.cancel()
        try:
            await self.flush()
        finally:
            self._drop(len(self._buffer), "the recorder was closed while the disk failed")
            self._executor.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _attend(self) -> None:
        """The buffer reached a mark: its first event starts the timer, a full one is flushed, the oldest make room."""
        if self._closed:
            raise StoreError(f"{self.name} is closed, {self._buffer.pop().topic} was not recorded")
        excess = self.buffered - self._max_buffered
        if excess > 0:
            self._drop(min(len(self._buffer), excess + self._max_buffered // 16), "the disk does not keep up")
        if len(self._buffer) >= self._max_rows:
            self._flush_soon()
        elif self._timer is None:
            self._timer = self._clock.call_later(self._flush_interval_ns, self._on_timer)
        self._set_mark()
