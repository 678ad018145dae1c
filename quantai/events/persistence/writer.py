"""The recorder: takes events from the bus at the price of a list append, and writes them from threads of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Self

from quantai.core.clock import NS_PER_SECOND, Clock, SimulatedClock, Timer, WallClock
from quantai.core.errors import ConfigError, StoreError
from quantai.events.base import Event
from quantai.events.persistence.journaling import Journaling
from quantai.events.persistence.part_writer import PartWriter
from quantai.events.persistence.reporter import OnEvent, Reporter
from quantai.events.persistence.spool import Outcome
from quantai.events.persistence.storage import Root
from quantai.events.system import StartedEvent, StoppedEvent

_SHARE_DROPPED = 64
_MAX_STALLED_INTERVALS = 30


class ParquetEventWriter:
    """Records events into the store at `path`:

        writer = ParquetEventWriter(path)
        await event_bus.subscribe("*", writer.write_event)

    Events go to a journal half a `flush_interval_ns` after the first that waits, or at once when `max_rows` wait: so a
    kill at any moment costs those of one interval at most. Journals become parts every `part_interval_ns` (at whole
    multiples since 1970), or earlier when they have `part_bytes`; the first come soon, and then less and less often.
    Journals lie in `.journal` below the root of the store or, for object storage, in a local folder `spool`. What a
    killed recorder left there is sealed by the next to start.

    While the disk takes nothing, recording is paused and tried again, less and less often: at most `max_buffered`
    events are held, beyond that the oldest are dropped; the same while `max_unsealed_bytes` of journals wait to become
    parts. What is lost is written as gaps, whatever is subscribed, and told to `on_event` (`bus.post`, say), as is each
    outage once, as an `ErrorEvent`. Simulated time waits for a disk that is slow. With `marks_sessions` a
    `StartedEvent` and a `StoppedEvent` of its `name` are recorded too, which show when nobody recorded anything.

    Use it on the event loop; `await close()` (or `async with`) leaves plain Parquet. `written` counts events.
    """

    def __init__(
        self,
        path: Root,
        flush_interval_ns: int = NS_PER_SECOND,
        part_interval_ns: int = 300 * NS_PER_SECOND,
        max_rows: int = 65_536,
        max_buffered: int = 1_000_000,
        *,
        clock: Clock | None = None,
        on_event: OnEvent | None = None,
        parts: PartWriter | None = None,
        name: str = "recorder",
        spool: str | Path | None = None,
        part_bytes: int = 64_000_000,
        max_unsealed_bytes: int = 8_000_000_000,
        marks_sessions: bool = False,
    ) -> None:
        if min(flush_interval_ns, part_interval_ns, part_bytes) <= 0 or not 0 < max_rows <= max_buffered:
            raise ConfigError(
                f"{name} needs intervals and part_bytes > 0 and 0 < max_rows <= max_buffered, not "
                f"{flush_interval_ns}, {part_interval_ns}, {part_bytes}, {max_rows} and {max_buffered}"
            )
        self.name = name
        self.written = 0
        parts = parts or PartWriter(path)
        self._place = parts.storage.name
        self._flush_interval_ns = flush_interval_ns
        self._max_rows = max_rows
        self._marks_sessions = marks_sessions
        self._max_buffered = max_buffered
        self._clock = clock or WallClock()
        self._is_simulated = isinstance(self._clock, SimulatedClock)
        self._reporter = Reporter(name, self._clock, on_event)
        self._journaling = Journaling(
            parts,
            spool,
            self._reporter,
            self._clock,
            name,
            first_interval_ns=flush_interval_ns,
            part_interval_ns=part_interval_ns,
            part_bytes=part_bytes,
            max_unsealed_bytes=max_unsealed_bytes,
        )
        self._buffer: list[Event] = []
        self._notes: list[Event] = []
        self._in_flight = 0
        self._mark = 1
        self._timer: Timer | asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[Exception | None] | None = None
        self._is_flush_due = False
        self._closed = False

    @property
    def buffered(self) -> int:
        """Events that are not written yet."""
        return len(self._buffer) + self._in_flight

    @property
    def dropped(self) -> int:
        """Events that are lost: no room was left for them, or no column can hold them."""
        return self._reporter.dropped

    @property
    def files(self) -> int:
        """Parts that were made, what dead recorders left included."""
        return self._reporter.files

    @property
    def failures(self) -> int:
        """Flushes that left their events unwritten."""
        return self._reporter.failures

    @property
    def is_paused(self) -> bool:
        """Whether the last flush failed: nothing is recorded until one does not."""
        return self._reporter.failures_in_row > 0

    @property
    def unsealed(self) -> int:
        """Journals that are closed and no parts yet."""
        return self._journaling.unsealed

    def write_event(self, event: Event) -> Awaitable[object] | None:
        """Take `event`; the bus's handler. Raises `StoreError` after `close`.

        On a simulated clock a full buffer is to be waited for: what replays as fast as it can would outrun any disk.
        """
        buffer = self._buffer
        buffer.append(event)
        return self._attend() if len(buffer) >= self._mark else None

    async def start(self) -> None:
        """Make sure that there is a folder to write to, and begin to seal what dead recorders left in it.

        Raises `StoreError` where no journal can be written, or the bucket is not there; that something cannot be sealed
        yet is told as an outage.
        """
        try:
            await self._begin()
        except OSError as error:
            raise StoreError(f"{self.name} cannot record below {self._place}: {error}") from error
        self._arm()

    async def flush(self) -> None:
        """Have everything taken so far on the disk. Raises `StoreError` where that cannot be; it is tried again."""
        if self._flushing:  # that one took its events before
            await asyncio.shield(self._flushing)
        self._flush_soon()
        if self._flushing and (error := await asyncio.shield(self._flushing)):
            raise StoreError(
                f"{self.name} could not write {self.buffered} events below {self._place}: {error}. "
                "Check the disk: space, permissions, mount"
            ) from error

    async def seal(self) -> None:
        """Make parts of everything taken so far, so that it can be read. Raises `StoreError` where that cannot be."""
        await self.flush()
        self._check_sealed(await self._journaling.rotate() or await self._journaling.drain())

    async def close(self) -> None:
        """Write and seal everything, take no more. Raises `StoreError` where some could not be written, which then
        counts as dropped, or not be sealed: that is safe in its journal, and the next start seals it.
        """
        if self._closed:
            return
        self._closed = True
        self._set_mark()
        try:
            if self._journaling.is_begun or self._buffer:
                self._note_session(StoppedEvent)
                await self.flush()
                self._check_sealed(await self._journaling.end())
        finally:
            self._drop_oldest(len(self._buffer), "the disk failed when the recorder was closed")
            if self._timer:
                self._timer.cancel()
            await self._journaling.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _attend(self) -> Awaitable[object] | None:
        """The buffer reached its mark: its first event arms the timer, a full one is flushed, the oldest make room."""
        if self._closed:
            raise StoreError(f"{self.name} is closed: {self._buffer.pop().topic} was not recorded")
        excess = self.buffered - self._max_buffered
        if excess > 0:  # some more at once, or every event from now on would shift the whole list
            self._drop_oldest(excess + self._max_buffered // _SHARE_DROPPED, "the disk fails or is too slow")
        is_full = len(self._buffer) >= self._max_rows and not self.is_paused
        if is_full:
            self._flush_soon()
        self._arm()
        self._set_mark()
        return asyncio.shield(self._flushing) if is_full and self._flushing and self._is_simulated else None

    def _set_mark(self) -> None:
        """At how many buffered events `write_event` has to look up again."""
        count = len(self._buffer)
        bound = count + self._max_buffered - self.buffered + 1
        if self._closed:
            self._mark = 0
        else:
            self._mark = 1 if not count else bound if count >= self._max_rows else min(self._max_rows, bound)

    def _has_work(self) -> bool:
        return bool(self._buffer or self._notes or self._reporter.ledger)

    def _arm(self) -> None:
        if self._timer is None and self._has_work() and not self._closed:
            intervals = min(self._reporter.failures_in_row, _MAX_STALLED_INTERVALS)
            delay_ns = intervals * self._flush_interval_ns or self._flush_interval_ns // 2
            self._timer = self._call_later(delay_ns)

    def _call_later(self, delay_ns: int) -> Timer | asyncio.TimerHandle:
        if self._is_simulated:
            return self._clock.call_later(delay_ns, self._on_timer)
        # The loop counts on where the wall clock is set back, which must not hold up a flush.
        return asyncio.get_running_loop().call_later(delay_ns / NS_PER_SECOND, self._on_timer)

    def _on_timer(self, _due_ns: int = 0) -> None:
        self._timer = None
        self._is_flush_due = True
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._flushing is None and self._has_work():
            self._is_flush_due = False
            self._flushing = asyncio.get_running_loop().create_task(self._write_all(), name=f"{self.name}-flush")

    async def _write_all(self) -> Exception | None:
        """Write what waits now, `max_rows` at a time, up to the first failure."""
        waiting = len(self._buffer)
        error = None
        while error is None and (waiting > 0 or self._notes or self._reporter.ledger):
            error = await self._write(max(0, min(waiting, self._max_rows)))
            waiting -= self._max_rows
        self._flushing = None
        if error is None and (self._is_flush_due or len(self._buffer) >= self._max_rows):
            self._flush_soon()
        self._arm()
        self._set_mark()
        return error

    async def _write(self, count: int) -> Exception | None:
        events = self._buffer[:count]
        count = len(events)  # the oldest may have been dropped meanwhile
        del self._buffer[:count]
        notes, gaps = self._notes, self._reporter.ledger.take()
        self._notes = []
        self._in_flight = count
        self._set_mark()
        try:
            await self._begin()
            outcome = await self._journaling.append([*notes, *gaps, *events])
        except Exception as error:
            outcome = Outcome(error)
        self._in_flight = 0
        if outcome.error is None:
            self.written += count - len(outcome.refused)
        else:
            self._buffer[:0] = events
            self._notes[:0] = notes
            self._reporter.ledger.add(gaps)
        self._reporter.take_outcome(outcome)
        return outcome.error

    async def _begin(self) -> None:
        if not self._journaling.is_begun:
            await self._journaling.begin()
            self._note_session(StartedEvent)

    def _note_session(self, cls: type[StartedEvent] | type[StoppedEvent]) -> None:
        if self._marks_sessions:
            now_ns = self._clock.now_ns()
            self._notes.append(cls(self.name, now_ns, now_ns))

    def _drop_oldest(self, count: int, reason: str) -> None:
        dropped = self._buffer[:count]
        del self._buffer[:count]
        if dropped:
            self._reporter.lose(dropped, reason)

    def _check_sealed(self, error: Exception | None) -> None:
        if error:
            raise StoreError(
                f"{self.name} could not make parts of its journals below {self._place}: {error}. Nothing is lost: "
                "the next start does, or `quantai data repair`"
            ) from error
