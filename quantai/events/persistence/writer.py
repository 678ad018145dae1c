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
from quantai.events.persistence.recording import Outcome, gaps, write_events
from quantai.events.persistence.store import leftovers
from quantai.events.system import GapEvent

logger = logging.getLogger(__name__)

OnGap = Callable[[GapEvent], None]

_PROCESS_START_NS = WallClock().now_ns()
_FAILURES_PER_LOG_LINE = 60
_SHARE_DROPPED = 16
_MAX_STALLED_INTERVALS = 30


class ParquetEventWriter:
    """Records events into the store at `path`:

        writer = ParquetEventWriter(path)
        await event_bus.subscribe("*", writer.write_event)

    What was buffered is written `flush_interval_ns` after its first event, or at once when `max_rows` events wait.
    Events that the disk does not take are tried again at the next interval, and less often the longer it takes nothing
    at all. At most `max_buffered` events are held:
    beyond that the oldest that wait are dropped, counted and told to `on_gap`, as are those no column can hold.
    Use it on the event loop; `await close()` (or `async with`) writes the rest.

    `written` and `dropped` count events, `files` parts, `failures` the flushes that left events unwritten.
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
        self._kept: list[Event] = []
        self._in_flight = 0
        self._mark = 1
        self._timer: Timer | None = None
        self._flushing: asyncio.Task[Exception | None] | None = None
        self._failures_in_row = 0
        self._stalled = 0
        self._closed = False

    @property
    def buffered(self) -> int:
        """Events that are not written yet."""
        return len(self._buffer) + len(self._kept) + self._in_flight

    def write_event(self, event: Event) -> None:
        """Take `event`; the bus's handler. Raises `StoreError` after `close`."""
        buffer = self._buffer
        buffer.append(event)
        if len(buffer) >= self._mark:
            self._attend()

    async def start(self) -> None:
        """Make sure there is a folder to write to, and remove what interrupted writes of earlier processes left in it.

        Raises `StoreError` where that cannot be.
        """
        try:
            removed = await asyncio.get_running_loop().run_in_executor(self._executor, self._prepare_root)
        except OSError as error:
            raise StoreError(f"{self.name} cannot record below {self._parts.root}: {error}") from error
        if removed:
            logger.warning("%s: removed %d unfinished files of an interrupted run", self.name, removed)

    async def flush(self) -> None:
        """Write everything taken so far. Raises `StoreError` where some could not be; it is kept and tried again."""
        if self._flushing:  # that one took its events before
            await asyncio.shield(self._flushing)
        self._flush_soon()
        if self._flushing and (error := await asyncio.shield(self._flushing)):
            raise StoreError(
                f"{self.name} could not write {self.buffered} events below {self._parts.root}: {error}. "
                "Check the disk: space, permissions, mount"
            ) from error

    async def close(self) -> None:
        """Flush, take no more. Raises `StoreError` where the rest could not be written; it then counts as dropped."""
        if self._closed:
            return
        self._closed = True
        self._set_mark()
        try:
            await self.flush()
        finally:
            self._drop_oldest(len(self._buffer), "the disk failed when the recorder was closed")
            self._executor.shutdown(wait=False)
            if self._timer:
                self._timer.cancel()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _attend(self) -> None:
        """The buffer reached its mark: its first event arms the timer, a full one is flushed, the oldest make room."""
        if self._closed:
            raise StoreError(f"{self.name} is closed: {self._buffer.pop().topic} was not recorded")
        self._make_room()
        if len(self._buffer) >= self._max_rows and not self._stalled:
            self._flush_soon()
        self._arm()
        self._set_mark()

    def _set_mark(self) -> None:
        """At how many buffered events `write_event` has to look up again."""
        count = len(self._buffer)
        bound = count + self._max_buffered - self.buffered + 1
        if self._closed:
            self._mark = 0
        else:
            self._mark = 1 if not count else bound if count >= self._max_rows else min(self._max_rows, bound)

    def _arm(self) -> None:
        if self._timer is None and self._buffer and not self._closed:
            intervals = 1 + min(self._stalled, _MAX_STALLED_INTERVALS)
            self._timer = self._clock.call_later(intervals * self._flush_interval_ns, self._on_timer)

    def _on_timer(self, _due_ns: int) -> None:
        self._timer = None
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._flushing is None and self._buffer:
            self._flushing = asyncio.get_running_loop().create_task(self._flush_buffer(), name=f"{self.name}-flush")

    async def _flush_buffer(self) -> Exception | None:
        """Write what waits now, `max_rows` at a time. A stream that cannot be written does not hold up the others."""
        error = None
        written_before = self.written
        waiting = len(self._buffer)
        while waiting > 0:
            events = self._buffer[: self._max_rows]
            del self._buffer[: self._max_rows]
            waiting -= self._max_rows
            error = await self._write(events) or error
        self._buffer[:0] = self._kept
        self._kept.clear()
        self._flushing = None
        self._stalled = self._stalled + 1 if error and self.written == written_before else 0
        self._count_failure(error)
        if error is None and len(self._buffer) >= self._max_rows:
            self._flush_soon()
        self._arm()
        self._set_mark()
        return error

    async def _write(self, events: list[Event]) -> Exception | None:
        self._in_flight = len(events)
        self._set_mark()
        loop = asyncio.get_running_loop()
        try:
            outcome = await loop.run_in_executor(self._executor, write_events, self._parts, events)
        except Exception as error:
            outcome = Outcome(kept=events, error=error)
        self._in_flight = 0
        self._kept += outcome.kept
        self.written += outcome.written
        self.files += outcome.files
        if outcome.refused:
            self._lose(outcome.refused, f"no column can hold it: {outcome.refusal}")
        return outcome.error

    def _count_failure(self, error: Exception | None) -> None:
        if error:
            if self._failures_in_row % _FAILURES_PER_LOG_LINE == 0:
                logger.error("%s: writing failed, %d events wait: %s", self.name, self.buffered, error)
            self.failures += 1
            self._failures_in_row += 1
        elif self._failures_in_row:
            logger.info("%s: writing works again after %d failures", self.name, self._failures_in_row)
            self._failures_in_row = 0

    def _make_room(self) -> None:
        excess = self.buffered - self._max_buffered
        if excess > 0:  # some more at once, or every event from now on would shift the whole list
            self._drop_oldest(excess + self._max_buffered // _SHARE_DROPPED, "the disk fails or is too slow")

    def _drop_oldest(self, count: int, reason: str) -> None:
        dropped = self._kept[:count]
        del self._kept[:count]
        rest = count - len(dropped)
        dropped += self._buffer[:rest]
        del self._buffer[:rest]
        if dropped:
            self._lose(dropped, reason)

    def _lose(self, events: Sequence[Event], reason: str) -> None:
        self.dropped += len(events)
        logger.error("%s: %d events are lost: %s", self.name, len(events), reason)
        if self._on_gap is None:
            return
        for gap in gaps(self.name, self._clock.now_ns(), events, reason):
            try:
                self._on_gap(gap)
            except Exception:
                logger.exception("%s: could not tell of %s", self.name, gap)

    def _prepare_root(self) -> int:
        self._parts.root.mkdir(parents=True, exist_ok=True)
        unfinished = leftovers(self._parts.root, _PROCESS_START_NS)
        for path in unfinished:
            path.unlink(missing_ok=True)
        return len(unfinished)
