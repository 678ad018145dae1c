"""Replaying recordings and imports from a store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import cast

from quantai.core.clock import iso_utc
from quantai.core.errors import StoreError
from quantai.data.source import MarketDataSource, Wanted
from quantai.events import MarketEvent
from quantai.events.persistence.parts import Part, Stream
from quantai.events.persistence.reader import EventReader
from quantai.events.persistence.schema import event_class
from quantai.events.persistence.storage import Root, open_storage
from quantai.events.persistence.store import list_parts, list_streams
from quantai.events.persistence.times import END_NS, Time, to_range_ns


class FilesSource(MarketDataSource):
    """The market events in the store at `path` (local, or a URI) of `start <= ts_init < end` (None: all there is).

    `instruments` narrows to (venue, symbol) pairs. Order, fill and system events that were recorded are not replayed.
    Raises `ConfigError` for a bad time, `StoreError` where there is no store.
    """

    def __init__(
        self,
        path: Root,
        start: Time | None = None,
        end: Time | None = None,
        instruments: Collection[tuple[str, str]] | None = None,
    ) -> None:
        self.storage = open_storage(path)
        self._start_ns, self._end_ns = to_range_ns(start, end)
        self._streams = [stream for stream in list_streams(self.storage) if _is_replayed(stream, instruments)]

    def available(self) -> set[Stream]:
        """The (type, venue, symbol) triples that can be replayed."""
        return {part.stream for part in self._parts()}

    def missing(self, topics: Iterable[str]) -> list[str]:
        """Those of `topics` (no patterns) of which the store has nothing in the range, in order."""
        there = {_topic(stream) for stream in self.available()}
        return sorted(set(topics) - there)

    def range_ns(self) -> tuple[int, int]:
        """From the names of the files, cut to the range that was asked for."""
        parts = self._parts()
        if not parts:
            raise StoreError(f"nothing to replay in {self._where()}: `quantai data ls` lists what the store holds")
        start_ns = max(self._start_ns, min(part.start_ns for part in parts))
        return start_ns, min(self._end_ns - 1, max(part.end_ns for part in parts))

    def batches(self, is_wanted: Wanted) -> Iterator[Sequence[MarketEvent]]:
        return self.batches_from(self._start_ns, is_wanted)

    def batches_from(self, start_ns: int, is_wanted: Wanted) -> Iterator[Sequence[MarketEvent]]:
        wanted = [stream for stream in self._streams if is_wanted(_topic(stream))]
        if not wanted:
            return iter(())
        start_ns = min(max(start_ns, self._start_ns), self._end_ns)
        batches = EventReader(self.storage).read_batches(start_ns, self._end_ns, streams=wanted)
        return cast(Iterator[Sequence[MarketEvent]], batches)

    def describe(self) -> str:
        return f"{len(self._streams)} streams of {self._where()}"

    def _where(self) -> str:
        start = iso_utc(self._start_ns) if self._start_ns else "the beginning"
        end = iso_utc(self._end_ns) if self._end_ns < END_NS else "the end"
        return f"{self.storage.name} from {start} to {end}"

    def _parts(self) -> list[Part]:
        if not self._streams:
            return []
        return list_parts(self.storage, start=self._start_ns, end=self._end_ns, streams=self._streams)


def _is_replayed(stream: Stream, instruments: Collection[tuple[str, str]] | None) -> bool:
    is_market = issubclass(event_class(stream.type), MarketEvent)
    return is_market and (instruments is None or (stream.venue, stream.symbol) in instruments)


def _topic(stream: Stream) -> str:
    return f"{event_class(stream.type).topic_prefix}.{stream.venue}.{stream.symbol}"
