"""Reading a store back as one ordered sequence of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from quantai.events.base import Event
from quantai.events.persistence.lanes import make_lanes
from quantai.events.persistence.merge import merged
from quantai.events.persistence.schema import REPLAY_RANK
from quantai.events.persistence.store import Names, StreamFilter, Types, list_parts
from quantai.events.persistence.times import Time, to_range_ns


class EventReader:
    """Reads the store at `path` by `ts_init`; events of equal time come by type (books, trades, ticks, the rest), then
    venue, symbol and as written.

    Times are nanoseconds UTC, ISO 8601 texts or datetimes (without a zone: UTC); `start` is inclusive, `end` exclusive,
    None is unbounded. `types` are folder names (`"trade"`) or event classes. Memory does not grow with the recording.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    async def read_range(
        self,
        start: Time | None = None,
        end: Time | None = None,
        types: Types | None = None,
        venues: Names | None = None,
        symbols: Names | None = None,
    ) -> AsyncIterator[Event]:
        """Every event of the range, one by one; the disk is read in a worker thread.

        Raises `StoreError` where there is no store, it has nothing of what is asked for, or a file cannot be read.
        """
        batches = self.read_batches(start, end, types, venues, symbols)
        while (batch := await asyncio.to_thread(next, batches, None)) is not None:
            for event in batch:
                yield event

    def read_batches(
        self,
        start: Time | None = None,
        end: Time | None = None,
        types: Types | None = None,
        venues: Names | None = None,
        symbols: Names | None = None,
        streams: StreamFilter | None = None,
    ) -> Iterator[list[Event]]:
        """As `read_range`, in slices of up to 1,024 events and on the calling thread.

        `streams` selects exact (type, venue, symbol) triples, or what a predicate of those three accepts.
        """
        parts = list_parts(self.path, types, venues, symbols, start, end, streams)
        parts.sort(key=lambda part: REPLAY_RANK[part.type])
        yield from merged(make_lanes(parts, to_range_ns(start, end)))
