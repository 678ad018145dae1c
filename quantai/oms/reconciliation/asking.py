"""Asking a venue: a few questions at a time, each with a deadline on the daemon's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, TypeVar

from quantai.core.clock import Clock
from quantai.core.errors import VenueError
from quantai.core.params import duration_text
from quantai.exchanges.execution import VenueAccount
from quantai.oms.reconciliation.settings import Settings

T = TypeVar("T")


async def pause(clock: Clock, delay_ns: int) -> None:
    """Wait on the daemon's clock."""
    over = asyncio.Event()
    timer = clock.call_later(delay_ns, lambda due_ns: over.set())
    try:
        await over.wait()
    finally:
        timer.cancel()


class Backoff:
    """Waits that double up to a limit, each between half of that and all of it: the same ones for the same seed."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._first_ns = settings.backoff_ns
        self._longest_ns = settings.max_backoff_ns
        self._random = Random(f"{settings.seed}:{name}")

    def delay_ns(self, tries: int) -> int:
        """How long to wait after `tries` failures before this one."""
        delay_ns = min(self._first_ns << min(tries, 40), self._longest_ns)
        return self._random.randint((delay_ns + 1) // 2, delay_ns)


class VenueQueries:
    """Asks `account`, `settings.max_queries` questions at a time at most. Whatever goes wrong is a `VenueError`."""

    def __init__(self, venue: str, account: VenueAccount, clock: Clock, settings: Settings) -> None:
        self.venue = venue
        self.counts = dict.fromkeys(("queries", "unanswered"), 0)
        self._account = account
        self._clock = clock
        self._timeout_ns = settings.query_timeout_ns
        self._turns = asyncio.Semaphore(settings.max_queries)

    async def ask(self, question: Callable[[VenueAccount], Coroutine[Any, Any, T]]) -> T:
        """The answer. Raises `VenueError` where none came in time, which proves nothing."""
        async with self._turns:
            self.counts["queries"] += 1
            try:
                return await self._in_time(question)
            except Exception as error:
                self.counts["unanswered"] += 1
                if isinstance(error, VenueError):
                    raise
                raise VenueError(f"{self.venue} gave no answer: {type(error).__name__}: {error}") from error

    async def _in_time(self, question: Callable[[VenueAccount], Coroutine[Any, Any, T]]) -> T:
        task = asyncio.get_running_loop().create_task(question(self._account))
        is_late = False

        def give_up(due_ns: int) -> None:
            nonlocal is_late
            is_late = True
            task.cancel()

        timer = self._clock.call_later(self._timeout_ns, give_up)
        try:
            return await task
        except asyncio.CancelledError:
            if is_late:
                late = f"{self.venue} gave no answer within {duration_text(self._timeout_ns)}"
                raise VenueError(f"{late} (reconciliation.query_timeout)") from None
            raise
        finally:
            timer.cancel()
