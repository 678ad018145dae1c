"""Books as venues publish them: now and then whole, in between what changed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from quantai.data.synthetic.book_changes import SideBooks, changes
from quantai.data.synthetic.feed import InstrumentFeed
from quantai.data.synthetic.streams import Stream
from quantai.data.synthetic.window import FeedWindow
from quantai.events import OrderBookDeltaEvent, OrderBookSnapshotEvent

_BookEvent = OrderBookSnapshotEvent | OrderBookDeltaEvent


class BookPublisher:
    """Builds the snapshots and the deltas of one instrument, or those of the two that are wanted."""

    def __init__(self, feed: InstrumentFeed, depth: int, *, snapshots: bool, deltas: bool) -> None:
        self._feed = feed
        self._depth = depth
        self._snapshots, self._deltas = snapshots, deltas
        nothing = np.zeros((1, depth), np.int64)
        self._bids = self._asks = SideBooks(nothing, nothing)

    def stream(self, window: FeedWindow) -> Stream:
        """The book events of a window."""
        events = list(self._events(window))
        arrivals = np.fromiter((event.ts_init for event in events), np.int64, len(events))
        return Stream(arrivals, lambda first, end: events[first:end])

    def _events(self, window: FeedWindow) -> Iterator[_BookEvent]:
        samples = window.samples
        keep = samples.whole | self._deltas
        rows = samples.rows[keep]
        price, lot = self._feed.price_grid, self._feed.lot_grid
        self._bids = SideBooks(*window.bid.levels(rows, self._depth)).after(self._bids)
        self._asks = SideBooks(*window.ask.levels(rows, self._depth)).after(self._asks)
        # The first book of all is whole: what it changes in the nothing before it is never asked for.
        bid_changes = changes(self._bids, -1, price, lot) if self._deltas else []
        ask_changes = changes(self._asks, 1, price, lot) if self._deltas else []
        where = self._feed.instrument.venue, self._feed.instrument.symbol
        columns = window.ts_event[rows], window.ts_init[rows], samples.whole[keep], samples.number[keep]
        for book, (ts_event, ts_init, whole, number) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
            if not whole:
                bids, asks = bid_changes[book], ask_changes[book]
                if bids or asks:
                    yield OrderBookDeltaEvent(*where, ts_event, ts_init, bids, asks, number)
            elif self._snapshots:
                bids, asks = self._bids.levels(book + 1, price, lot), self._asks.levels(book + 1, price, lot)
                yield OrderBookSnapshotEvent(*where, ts_event, ts_init, bids, asks, number)
