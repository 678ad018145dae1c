"""Books as venues publish them: now and then whole, in between what changed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from quantai.data.synthetic.book_side import SideWindow
from quantai.data.synthetic.feed import InstrumentFeed
from quantai.data.synthetic.randomness import Ints
from quantai.data.synthetic.streams import Stream
from quantai.data.synthetic.window import FeedWindow
from quantai.events import OrderBookDeltaEvent, OrderBookSnapshotEvent
from quantai.events.base import Level

_Levels = dict[float, float]


class BookPublisher:
    """Builds the snapshots and the deltas of one instrument, or those of the two that are wanted."""

    def __init__(self, feed: InstrumentFeed, depth: int, *, snapshots: bool, deltas: bool) -> None:
        self._feed = feed
        self._depth = depth
        self._snapshots, self._deltas = snapshots, deltas
        self._bids: _Levels = {}
        self._asks: _Levels = {}

    def stream(self, window: FeedWindow) -> Stream:
        """The book events of a window."""
        samples = window.samples
        keep = samples.whole | self._deltas
        rows, whole, number = samples.rows[keep], samples.whole[keep].tolist(), samples.number[keep].tolist()
        ts_event, ts_init = window.ts_event[rows].tolist(), window.ts_init[rows].tolist()
        books = zip(self._books(window.bid, rows), self._books(window.ask, rows), strict=True)
        events: list[OrderBookSnapshotEvent | OrderBookDeltaEvent] = []
        venue, symbol = self._feed.instrument.venue, self._feed.instrument.symbol
        for row, (bids, asks) in enumerate(books):
            when = ts_event[row], ts_init[row]
            if not whole[row]:
                changes = _changes(self._bids, bids), _changes(self._asks, asks)
                if any(changes):
                    events.append(OrderBookDeltaEvent(venue, symbol, *when, *changes, number[row]))
            elif self._snapshots:
                sides = tuple(bids.items()), tuple(asks.items())
                events.append(OrderBookSnapshotEvent(venue, symbol, *when, *sides, number[row]))
            self._bids, self._asks = bids, asks
        arrivals = np.fromiter((event.ts_init for event in events), np.int64, len(events))
        return Stream(arrivals, lambda first, end: events[first:end])

    def _books(self, side: SideWindow, rows: Ints) -> Iterator[_Levels]:
        ticks, lots = side.levels(rows, self._depth)
        prices, sizes = self._feed.price_grid.floats(ticks).tolist(), self._feed.lot_grid.floats(lots).tolist()
        return (dict(zip(*levels, strict=True)) for levels in zip(prices, sizes, strict=True))


def _changes(before: _Levels, after: _Levels) -> tuple[Level, ...]:
    """What turns one side into the next: new and changed levels from the best outwards, then those that left, as size 0."""
    changed = [level for level in after.items() if before.get(level[0]) != level[1]]
    return (*changed, *((price, 0.0) for price in before if price not in after))
