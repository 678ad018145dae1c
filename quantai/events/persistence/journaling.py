"""From the recorder's buffer to parts: journals in one thread, sealing in another, so that no flush waits for parts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from quantai.core.clock import Clock, Timer
from quantai.core.errors import StoreError
from quantai.events.base import Event
from quantai.events.persistence.part_writer import PartWriter
from quantai.events.persistence.reporter import Reporter
from quantai.events.persistence.sealer import Sealer
from quantai.events.persistence.spool import Outcome, Spool, spool_folder

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Journaling:
    """Appends to the journal of a recorder, and turns it into parts at whole multiples of `part_interval_ns`, or when
    it has `part_bytes`. While more than `max_unsealed_bytes` wait for that, nothing is appended.

    The first parts come after `first_interval_ns`, and then twice as long each time, so that whoever starts a recorder
    sees soon that it works.
    """

    def __init__(
        self,
        parts: PartWriter,
        spool: str | Path | None,
        reporter: Reporter,
        clock: Clock,
        name: str,
        *,
        first_interval_ns: int,
        part_interval_ns: int,
        part_bytes: int,
        max_unsealed_bytes: int,
    ) -> None:
        self._storage = parts.storage
        self._reporter = reporter
        self._clock = clock
        self._name = name
        self._part_interval_ns = part_interval_ns
        self._interval_ns = first_interval_ns
        self._max_unsealed_bytes = max_unsealed_bytes
        self._folder = spool_folder(parts.storage, spool)
        self._spool = Spool(self._folder, name, part_bytes)
        self._sealer = Sealer(reporter, parts, spool, clock, name)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-journal")
        self._has_rows = False
        self._part_timer: Timer | None = None
        self._rotating: asyncio.Task[Exception | None] | None = None
        self.is_begun = False

    @property
    def unsealed(self) -> int:
        """Journals that are closed and no parts yet."""
        return len(self._sealer.waiting)

    async def begin(self) -> None:
        """Once: open a journal, and have sealed what dead recorders left. Raises `OSError`."""
        if not self.is_begun:
            await self._in_thread(self._prepare)
            self.is_begun = True
            self._sealer.salvage()

    async def append(self, events: Sequence[Event]) -> Outcome:
        """Have `events` in the journal and on the disk."""
        if self._sealer.waiting_bytes > self._max_unsealed_bytes:
            return Outcome(StoreError(f"{self.unsealed} journals wait to become parts, which fails or is too slow"))
        now_ns = self._clock.now_ns()
        outcome = await self._in_spool(lambda: self._spool.append(events, self._reporter.echoes, now_ns))
        if self._part_timer is None and self._has_rows:
            due_ns = (now_ns // self._part_interval_ns + 1) * self._part_interval_ns
            self._part_timer = self._clock.call_at(min(due_ns, now_ns + self._interval_ns), self._on_part_timer)
        return outcome

    async def drain(self) -> Exception | None:
        """Make parts of everything in closed journals; what went wrong, if some of it could not be."""
        return await self._sealer.drain()

    async def rotate(self) -> Exception | None:
        """Close the journal, to be sealed; what went wrong, if it could not be."""
        try:
            await self._in_spool(lambda: self._spool.rotate(self._clock.now_ns()))
        except OSError as error:
            self._reporter.on_sealing(error)
            return error
        return None

    async def end(self) -> Exception | None:
        """Close the last journal, saying that nothing was left out of it, and seal it; what went wrong, if it did."""
        try:
            await self._in_spool(self._spool.end)
        except OSError as error:
            return error
        return await self.drain()

    async def close(self) -> None:
        """Stop. Journals that are not sealed yet are left to the next start."""
        if self._part_timer:
            self._part_timer.cancel()
        if self._rotating:
            await self._rotating
        await self._sealer.close(await self._in_thread(self._spool.detach))
        self._executor.shutdown(wait=False)

    def _prepare(self) -> None:
        try:
            self._storage.prepare()
        except FileNotFoundError:
            raise
        except OSError as error:  # journals need it only where it is their disk too
            logger.warning("%s: the store cannot be reached, journals have to wait for it: %s", self._name, error)
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        self._spool.open(self._clock.now_ns())

    def _on_part_timer(self, _due_ns: int) -> None:
        self._part_timer = None
        self._interval_ns *= 2
        self._rotating = asyncio.get_running_loop().create_task(self.rotate(), name=f"{self._name}-rotate")

    async def _in_spool(self, work: Callable[[], T]) -> T:
        """Do `work` with the spool, and have sealed what it closed."""
        done, closed, self._has_rows = await self._in_thread(
            lambda: (work(), self._spool.take_closed(), self._spool.has_rows)
        )
        self._sealer.add(closed)
        return done

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)
