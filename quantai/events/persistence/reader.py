"""Reading a store back as one ordered sequence of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from quantai.core.errors import ConfigError
from quantai.events.base import Event
from quantai.events.persistence.lanes import make_lanes
from quantai.events.persistence.merge import merged
from quantai.events.persistence.parts import Stream
from quantai.events.persistence.schema import PATH_FIELDS, REPLAY_RANK, event_class
from quantai.events.persistence.storage import Root, open_storage
from quantai.events.persistence.store import Names, StreamFilter, Types, list_parts, list_streams
from quantai.events.persistence.times import Time, to_range_ns

MAX_CAUSES = 32


class EventReader:
    """Reads the store at `path`, a local path or a URI, by `ts_init`; events of equal time come by type (books, trades,
    ticks, the rest), then venue, symbol and as written.

    Times are nanoseconds UTC, ISO 8601 texts or datetimes (without a zone: UTC); `start` is inclusive, `end` exclusive,
    None is unbounded. `types` are folder names (`"trade"`) or event classes. Memory does not grow with the recording.
    """

    def __init__(self, path: Root) -> None:
        self.storage = open_storage(path)

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
        parts = list_parts(self.storage, types, venues, symbols, start, end, streams)
        parts.sort(key=lambda part: REPLAY_RANK[part.type])
        yield from merged(make_lanes(parts, to_range_ns(start, end)))

    def find(self, reference: str) -> Event | None:
        """The event of a `reference` (as an order event's `cause` is one), None where it is not here.

        Of several with one reference it is the first; one without an id, as old recordings have them, is that of the
        first event of its topic and time. Only the rows of that time are read, on the calling thread. Raises
        `ConfigError` for what is no reference.
        """
        topic, _, time = reference.rpartition("@")
        if not topic or not time.isdecimal():
            raise ConfigError(f"{reference!r} is no reference to an event, such as market.tick.binance.BTC/USDT@17951")
        streams = [stream for stream in list_streams(self.storage) if _may_hold(stream, topic)]
        if not streams:
            return None
        batches = self.read_batches(int(time), int(time) + 1, streams=streams)
        found = (event for batch in batches for event in batch)
        return next((event for event in found if topic in (event.topic, event.reference.rpartition("@")[0])), None)

    def causes(self, event: Event, limit: int = MAX_CAUSES) -> list[Event]:
        """What led to `event`, from its own cause to the first that has none or is not here: of a fill, perhaps an
        earlier fill and the tick behind that. At most `limit` events.
        """
        found: list[Event] = []
        cause: str = getattr(event, "cause", "")
        while cause and len(found) < limit:
            event_before = self.find(cause)
            if event_before is None:
                break
            found.append(event_before)
            cause = getattr(event_before, "cause", "")
        return found


def _may_hold(stream: Stream, topic: str) -> bool:
    """Whether events of `topic` may be in a stream; of most types the topic says which instrument."""
    cls = event_class(stream.type)
    if cls.topic_fields == PATH_FIELDS:
        return f"{topic}#".startswith(f"{cls.topic_prefix}.{stream.venue}.{stream.symbol}#")
    return topic.startswith(f"{cls.topic_prefix}.") or topic == cls.topic_prefix
