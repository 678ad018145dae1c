"""One order over many streams: windows of columns are merged by a stable sort, and only then made into events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop
from itertools import chain, groupby, repeat

import numpy as np
import pyarrow as pa

from quantai.events.base import Event
from quantai.events.persistence.decode import decoder
from quantai.events.persistence.lanes import Lane
from quantai.events.persistence.parts import Stream
from quantai.events.persistence.schema import event_class

# Objects are made this many at a time, so that they are still in the processor's cache when they are handled.
SLICE_ROWS = 1_024

Segment = tuple[Lane, pa.RecordBatch]


def merged(lanes: Sequence[Lane]) -> Iterator[list[Event]]:
    """The events of all lanes by `ts_init`, those of equal time by lane and then by row, a slice at a time.

    What is loaded up to the first end of a window with more to come is final: no lane can bring anything before that.
    """
    waiting = [(lane.first_ns, lane.rank) for lane in lanes]
    heapify(waiting)
    active: list[Lane] = []
    while waiting or active:
        for lane in active:
            lane.fill()
        active = [lane for lane in active if lane.rows]
        limit = _limit(active)
        while waiting and (not active or waiting[0][0] <= limit[0]):
            lane = lanes[heappop(waiting)[1]]
            lane.fill()
            if lane.rows:
                active.append(lane)
                limit = _limit(active)
        active.sort(key=lambda lane: lane.rank)
        if active:
            yield from _in_order([(lane, batch) for lane in active for batch in lane.take(limit)])


def _limit(active: Sequence[Lane]) -> tuple[int, int]:
    unread = [lane.limit for lane in active if not lane.is_read]
    return min(unread) if unread else max((lane.limit for lane in active), default=(0, 0))


class _Block:
    """The rows of one event class in a window, in their final order."""

    def __init__(self, segments: list[Segment]) -> None:
        self._decoder = decoder(event_class(segments[0][0].stream.type))
        self.rows: pa.RecordBatch = pa.concat_batches([batch for _, batch in segments])
        streams: list[Stream] = list(dict.fromkeys(lane.stream for lane, _ in segments))
        positions = {stream: position for position, stream in enumerate(streams)}
        self._venues = np.array([stream.venue for stream in streams], object)
        self._symbols = np.array([stream.symbol for stream in streams], object)
        self._positions = np.repeat(
            [positions[lane.stream] for lane, _ in segments], [batch.num_rows for _, batch in segments]
        )

    def reorder(self, order: np.ndarray) -> None:
        self.rows = self.rows.take(pa.array(order))
        self._positions = self._positions[order]

    def events(self, start: int, count: int) -> list[Event]:
        rows = self.rows.slice(start, count)
        if len(self._venues) == 1:
            return list(self._decoder.events(rows, repeat(self._venues[0]), repeat(self._symbols[0])))
        positions = self._positions[start : start + count]
        return list(self._decoder.events(rows, self._venues[positions].tolist(), self._symbols[positions].tolist()))


def _in_order(segments: list[Segment]) -> Iterator[list[Event]]:
    """Slices of the events of a window. Lanes come sorted by type, so each class is one block of rows."""
    blocks = [_Block(list(group)) for _, group in groupby(segments, key=lambda segment: segment[0].stream.type)]
    owners = np.repeat(np.arange(len(blocks)), [block.rows.num_rows for block in blocks])
    if len({lane for lane, _ in segments}) > 1:
        times = np.concatenate([block.rows.column("ts_init").to_numpy() for block in blocks])
        order = np.argsort(times, kind="stable")
        owners = owners[order]
        first = 0
        for position, block in enumerate(blocks):
            block.reorder(order[owners == position] - first)
            first += block.rows.num_rows
    yield from _slices(blocks[0]) if len(blocks) == 1 else _interleaved(blocks, owners)


def _slices(block: _Block) -> Iterator[list[Event]]:
    for start in range(0, block.rows.num_rows, SLICE_ROWS):
        yield block.events(start, SLICE_ROWS)


def _interleaved(blocks: list[_Block], owners: np.ndarray) -> Iterator[list[Event]]:
    done = [0] * len(blocks)
    for start in range(0, len(owners), SLICE_ROWS):
        owner = owners[start : start + SLICE_ROWS]
        counts = np.bincount(owner, minlength=len(blocks)).tolist()
        events = list(chain.from_iterable(map(_Block.events, blocks, done, counts)))
        done = [position + count for position, count in zip(done, counts, strict=True)]
        # Row i of the slice is the next of its block: its place is where a stable sort by block puts it.
        places = np.empty(len(owner), np.intp)
        places[np.argsort(owner, kind="stable")] = np.arange(len(owner))
        yield list(map(events.__getitem__, places.tolist()))
