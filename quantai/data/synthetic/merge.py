"""Many streams of columns into one sequence of events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from quantai.data.synthetic.streams import Stream
from quantai.events import MarketEvent

# Events are built this many at a time: few enough that their numbers are still in the processor's cache.
_SLICE = 1_024


class Merger:
    """Orders windows of streams by `ts_init`, stable among equals, and keeps what arrives after a window for the
    next. What arrives before `start_ns` is left out.
    """

    def __init__(self, start_ns: int = 0) -> None:
        self._start_ns = start_ns
        self._late: list[Stream] = []

    def merge(self, streams: Sequence[Stream], before_ns: int) -> Iterator[list[MarketEvent]]:
        """The events of `streams` that arrive before `before_ns`, and those kept from earlier, a slice at a time."""
        streams = [*self._late, *(self._from_start(stream) for stream in streams)]
        due = [int(np.searchsorted(stream.ts_init, before_ns)) for stream in streams]
        self._late = [
            _rest(stream, count) for stream, count in zip(streams, due, strict=True) if count < len(stream.ts_init)
        ]
        if not any(due):
            return
        arrivals = np.concatenate([stream.ts_init[:count] for stream, count in zip(streams, due, strict=True)])
        owners = np.repeat(np.arange(len(streams), dtype=np.int16), due)[np.argsort(arrivals, kind="stable")]
        nexts = [0] * len(streams)
        for begin in range(0, len(owners), _SLICE):
            yield _build(streams, owners[begin : begin + _SLICE], nexts)

    def _from_start(self, stream: Stream) -> Stream:
        early = int(np.searchsorted(stream.ts_init, self._start_ns))
        return _rest(stream, early) if early else stream


def _build(streams: Sequence[Stream], owners: np.ndarray, nexts: list[int]) -> list[MarketEvent]:
    """The events of a slice whose rows belong to `owners`; `nexts`, the next row of each stream, moves on."""
    events: list[MarketEvent] = []
    counts = np.bincount(owners)
    for owner in np.flatnonzero(counts).tolist():
        first = nexts[owner]
        nexts[owner] = first + int(counts[owner])
        events += streams[owner].build(first, nexts[owner])
    by_owner = np.argsort(owners, kind="stable")
    places = np.empty(len(owners), np.intp)
    places[by_owner] = np.arange(len(owners))
    return [events[place] for place in places.tolist()]


def _rest(stream: Stream, first: int) -> Stream:
    return Stream(stream.ts_init[first:], lambda begin, end: stream.build(first + begin, first + end))
