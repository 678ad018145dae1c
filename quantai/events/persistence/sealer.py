"""Seals the journals of a recorder in a thread of its own, while others are being written."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from quantai.core.clock import NS_PER_SECOND, Clock, Timer, WallClock
from quantai.events.persistence.part_writer import PartWriter
from quantai.events.persistence.salvage import salvage
from quantai.events.persistence.sealing import Sealed, seal
from quantai.events.persistence.spool import Closed, Session, quarantine_folder
from quantai.events.persistence.store import leftovers

logger = logging.getLogger(__name__)

_RETRY_NS = 5 * NS_PER_SECOND
_MAX_RETRY_STEPS = 12
_PROCESS_START_NS = WallClock().now_ns()

T = TypeVar("T")


class SealerListener(ABC):
    """Hears on the event loop what becomes of journals."""

    @abstractmethod
    def on_sealed(self, sealed: Sealed) -> None:
        """Journals were sealed."""

    @abstractmethod
    def on_vanished(self, closed: Closed) -> None:
        """Somebody removed a journal before it was sealed."""

    @abstractmethod
    def on_sealing(self, error: Exception | None) -> None:
        """An attempt to seal all that waits is over; with `error` some of it still waits."""


class Sealer:
    """Takes closed journals and makes parts of them, the oldest first; after a failure it tries again, later and later.

    `waiting` are the journals that are not sealed yet, `waiting_bytes` what they take on the disk.
    """

    def __init__(
        self, listener: SealerListener, parts: PartWriter, spool: str | Path | None, clock: Clock, name: str
    ) -> None:
        self.waiting: deque[Closed] = deque()
        self.waiting_bytes = 0
        self._listener = listener
        self._parts = parts
        self._spool = spool
        self._clock = clock
        self._name = name
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-sealer")
        self._is_salvage_due = False
        self._is_closed = False
        self._failures_in_row = 0
        self._timer: Timer | None = None
        self._working: asyncio.Task[Exception | None] | None = None

    def add(self, closed: Iterable[Closed]) -> None:
        """Seal these too."""
        for journal in closed:
            self.waiting.append(journal)
            self.waiting_bytes += journal.size
        self._begin()

    def salvage(self) -> None:
        """Clear away and seal what dead recorders left, before anything else."""
        self._is_salvage_due = True
        self._begin()

    async def drain(self) -> Exception | None:
        """Try everything now; what went wrong, if some of it still waits."""
        if self._working:
            await asyncio.shield(self._working)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._begin()
        return await asyncio.shield(self._working) if self._working else None

    async def close(self, session: Session | None) -> None:
        """Seal no more, and finish `session`, at once or (nobody waits for that) when nothing in it is being sealed."""
        self._is_closed = True
        if self._timer:
            self._timer.cancel()
        finished = self._executor.submit(session.finish) if session else None
        self._executor.shutdown(wait=False)
        if finished and self._working is None:
            await asyncio.wrap_future(finished)

    def _begin(self) -> None:
        """Unless it is under way, or waits after a failure."""
        if self._working is None and self._timer is None and (self.waiting or self._is_salvage_due):
            self._working = asyncio.get_running_loop().create_task(self._work(), name="recorder-sealer")

    async def _work(self) -> Exception | None:
        try:
            trouble = await self._salvage() if self._is_salvage_due else None
            while self.waiting and not self._is_closed:
                await self._seal(self.waiting[0])
                self.waiting_bytes -= self.waiting.popleft().size
            if trouble:  # of the dead, which must not hold up the living
                raise trouble
        except Exception as error:
            self._failures_in_row += 1
            steps = min(self._failures_in_row, _MAX_RETRY_STEPS)
            if not self._is_closed:
                self._timer = self._clock.call_later(steps * _RETRY_NS, self._on_timer)
            self._listener.on_sealing(error)
            return error
        else:
            self._failures_in_row = 0
            self._listener.on_sealing(None)
            return None
        finally:
            self._working = None

    async def _salvage(self) -> Exception | None:
        try:
            sealed = await self._run(self._salvage_all)
        except Exception as error:
            return error
        self._is_salvage_due = bool(sealed.errors)
        self._listener.on_sealed(sealed)
        return sealed.errors[0] if sealed.errors else None

    def _salvage_all(self) -> Sealed:
        unfinished = leftovers(self._parts.storage, _PROCESS_START_NS)
        for path in unfinished:
            path.unlink(missing_ok=True)
        if unfinished:
            logger.warning("%s: removed %d unfinished files of an interrupted run", self._name, len(unfinished))
        return salvage(self._parts.storage, self._spool, parts=self._parts, clock=self._clock)

    async def _seal(self, closed: Closed) -> None:
        quarantine = quarantine_folder(self._parts.storage, self._spool)
        work = partial(seal, closed.path, self._parts, self._clock.now_ns(), quarantine)
        try:
            self._listener.on_sealed(await self._run(work))
        except FileNotFoundError:
            if await self._run(closed.path.exists):
                raise
            self._listener.on_vanished(closed)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _on_timer(self, _due_ns: int) -> None:
        self._timer = None
        self._begin()
