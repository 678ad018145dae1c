"""Reading a source while what was read of it is played."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from quantai.events import MarketEvent

Slice = Sequence[MarketEvent]


class ReadAhead:
    """The slices of a source. With `ahead` each is read in a worker thread while the one before it is played, so that
    a slow disk is waited for by nobody; without, when it is asked for, which is faster for all slices together.
    """

    def __init__(self, slices: Iterator[Slice]) -> None:
        self._slices = slices
        self._next: asyncio.Future[Slice | None] | None = None

    def begin(self) -> None:
        """Read the first slice in the worker thread, as it may be far into the source."""
        self._next = self._read()

    async def next(self, *, ahead: bool) -> Slice | None:
        """The next slice, None at the end. Raises what reading raised."""
        if self._next is None and not ahead:
            return next(self._slices, None)
        reading, self._next = self._next or self._read(), None
        found = await reading
        if ahead and found is not None:
            self._next = self._read()
        return found

    def _read(self) -> asyncio.Future[Slice | None]:
        return asyncio.get_running_loop().run_in_executor(None, next, self._slices, None)

    def close(self) -> None:
        """Want no more; a slice being read is given up, and so is an error of reading that."""
        if self._next is not None and not self._next.cancel():
            self._next.exception()
        self._next = None
