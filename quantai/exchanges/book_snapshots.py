"""Asks a venue for the snapshots that books need: few at a time, and later and later where it does not work out."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from random import Random

from quantai.core.clock import NS_PER_SECOND, Clock, Timer
from quantai.core.errors import VenueError
from quantai.exchanges.book_sync import BookCounts, BookSync

logger = logging.getLogger(__name__)

_FIRST_DELAY_NS = NS_PER_SECOND // 2
_LONGEST_DELAY_NS = 60 * NS_PER_SECOND

Fetch = Callable[[BookSync], Awaitable[None]]


class BookSnapshots:
    """A queue of books, each in it at most once. Only `at_once` of them keep updates meanwhile, so 200 that begin at
    the same time need little memory, and no more of the rate budget than `fetch` waits for.
    """

    def __init__(
        self, fetch: Fetch, clock: Clock, counts: BookCounts, *, at_once: int = 4, random: Random | None = None
    ) -> None:
        """`fetch` asks within the rate budget and gives the snapshot to the book; it raises `VenueError`."""
        self._fetch = fetch
        self._clock = clock
        self._counts = counts
        self._at_once = at_once
        self._random = random or Random()
        self._queue: deque[BookSync] = deque()
        self._asked: set[BookSync] = set()
        self._failures: dict[BookSync, int] = {}
        self._delayed: dict[BookSync, Timer] = {}
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many books wait for a snapshot, or for the one that is on its way."""
        return len(self._asked)

    def request(self, book: BookSync) -> None:
        """Get a snapshot of `book` when it is its turn; nothing where it waits already."""
        if book not in self._asked:
            self._asked.add(book)
            self._enqueue(book)

    def _enqueue(self, book: BookSync) -> None:
        self._delayed.pop(book, None)
        self._queue.append(book)
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(self._at_once):
                    tasks.create_task(self._work())
        finally:
            for timer in self._delayed.values():
                timer.cancel()
            self._delayed.clear()

    async def _work(self) -> None:
        while True:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            book = self._queue.popleft()
            if book.needs_snapshot:
                await self._get(book)
            if not book.needs_snapshot:
                self._asked.discard(book)
                self._failures.pop(book, None)
            else:
                self._retry(book)

    async def _get(self, book: BookSync) -> None:
        book.begin()
        try:
            await self._fetch(book)
        except VenueError as error:
            logger.warning("no snapshot of %s: %s", book.symbol, error)
            self._counts.failed_requests += 1
        finally:
            book.end()

    def _retry(self, book: BookSync) -> None:
        """Later, at a random moment: what failed for many at once must not come back at once."""
        failures = self._failures[book] = self._failures.get(book, 0) + 1
        longest_ns = min(_LONGEST_DELAY_NS, _FIRST_DELAY_NS << min(failures, 20))
        delay_ns = self._random.randint(longest_ns // 4, longest_ns)
        self._delayed[book] = self._clock.call_later(delay_ns, lambda due_ns: self._enqueue(book))
