"""Seals the journals of a recorder in a thread of its own, while others are being written."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from quantai.core.clock import NS_PER_SECOND, Clock, Timer
from quantai.events.persistence.part_writer import PartWriter
from quantai.events.persistence.salvage import salvage
from quantai.events.persistence.sealing import Sealed, seal
from quantai.events.persistence.spool import Closed, quarantine_folder

_RETRY_NS = 5 * NS_PER_SECOND
_MAX_RETRY_STEPS = 12

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
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-sealer")
        self._is_salvage_due = False
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
        """Seal what dead recorders left, before anything else."""
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

    def close(self) -> None:
        """Seal no more."""
        if self._timer:
            self._timer.cancel()
        self._executor.shutdown(wait=False)

    def _begin(self) -> None:
        """Unless it is under way, or waits after a failure."""
        if self._working is None and self._timer is None and (self.waiting or self._is_salvage_due):
            self._working = asyncio.get_running_loop().create_task(self._work(), name="recorder-sealer")

    async def _work(self) -> Exception | None:
        try:
            trouble = await self._salvage() if self._is_salvage_due else None
            while self.waiting:
                await self._seal(self.waiting[0])
                self.waiting_bytes -= self.waiting.popleft().size
            if trouble:  # of the dead, which must not hold up the living
                raise trouble
        except Exception as error:
            self._failures_in_row += 1
            steps = min(self._failures_in_row, _MAX_RETRY_STEPS)
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
        sealed = await self._run(
            partial(salvage, self._parts.storage, self._spool, parts=self._parts, clock=self._clock)
        )
        self._is_salvage_due = bool(sealed.errors)
        self._listener.on_sealed(sealed)
        return sealed.errors[0] if sealed.errors else None

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
