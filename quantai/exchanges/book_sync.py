"""Order books put together from a snapshot and the updates of a stream, by the rule of the venue.

    waiting ──begin──► buffering ──snapshot that bridges──► valid
       ▲                   │ it does not: asked again          │
       └── gap, crossed ───┴───────────────────────────────────┘

Nothing of a book is published until it is valid. What breaks it costs that symbol only: a gap row, a count, and a new
snapshot.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from quantai.core.clock import NS_PER_SECOND
from quantai.events import Event, GapEvent, MarketEvent, OrderBookDeltaEvent, OrderBookSnapshotEvent
from quantai.events.base import Level
from quantai.exchanges.book_chains import Chain, Continues
from quantai.exchanges.book_levels import BookSide, merge, ordered

logger = logging.getLogger(__name__)

MAX_BUFFERED_LEVELS = 20_000
"""Of one symbol while its snapshot is on its way; the oldest updates go first, and a newer snapshot makes up for it."""

_LATEST_DUPLICATE_NS = 10 * NS_PER_SECOND
_Kept = tuple[int, int, OrderBookDeltaEvent]


@dataclass(slots=True)
class BookCounts:
    """What happened to the books of a venue."""

    snapshots: int = 0
    """Taken: by the first and every later synchronisation."""
    refused_snapshots: int = 0
    """That were too old, did not bridge or were crossed."""
    failed_requests: int = 0
    duplicates: int = 0
    gaps: int = 0
    crossed: int = 0
    disconnected: int = 0
    refreshed: int = 0
    """Snapshots taken because the market had moved out of the known levels."""
    dropped: int = 0
    """Updates that the buffer had no room for."""


@dataclass(frozen=True, slots=True)
class BookOutput:
    """Where the books of a venue go: `sink` gets market events, `publish` gap rows, `request` who needs a snapshot."""

    venue: str
    sink: Callable[[MarketEvent], None]
    publish: Callable[[Event], None]
    request: Callable[[BookSync], None]
    counts: BookCounts


class BookSync:
    """The book of one symbol."""

    def __init__(
        self,
        symbol: str,
        chain: Chain,
        output: BookOutput,
        *,
        depth: int,
        wants_book: bool,
        wants_deltas: bool,
        keeps_updates: bool = False,
    ) -> None:
        """`depth` is how many levels of each side a snapshot has at most. `keeps_updates` is for recorded frames, where
        nobody says that a snapshot is about to come.
        """
        self.symbol = symbol
        self.is_valid = False
        self.is_up = False
        """Whether updates come."""
        self._output = output
        self._counts = output.counts
        self._depth = depth
        self._wants_book = wants_book
        self._emit = output.sink if wants_deltas else _drop
        self._bids, self._asks = BookSide(-1.0, depth), BookSide(1.0, depth)
        self._bridges: Continues = chain.bridges
        self._follows: Continues = chain.follows
        self._continues: Continues = chain.bridges
        self._last_id = 0
        self._seen_id = 0
        self._newest_ns = self._lost_ns = 0
        self._ts_event = 0
        self._buffer: deque[_Kept] | None = deque() if keeps_updates else None
        self._buffered_levels = 0

    @property
    def needs_snapshot(self) -> bool:
        """Whether one should be asked for, again if need be."""
        return self.is_up and (not self.is_valid or self._is_thin)

    @property
    def _is_thin(self) -> bool:
        return self._bids.is_thin or self._asks.is_thin

    def up(self) -> None:
        """Updates come from now on."""
        self.is_up = True
        self._seen_id = 0
        self._output.request(self)

    def down(self, now_ns: int) -> None:
        """They come no more. Whoever knows why tells of the gap."""
        self._counts.disconnected += self.is_valid
        self._forget(now_ns)
        self._buffer = None
        self.is_up = False

    def begin(self) -> None:
        """A snapshot is about to be asked for: keep what comes meanwhile."""
        self._buffer = deque()
        self._buffered_levels = 0

    def end(self) -> None:
        """It came, or it will not."""
        self._buffer = None

    def on_update(self, first: int, previous: int, event: OrderBookDeltaEvent) -> None:
        """Take an update: `event.sequence` is its last id, its times must be set."""
        last = event.sequence
        if self._buffer is not None:
            self._keep((first, previous, event))
        if not self.is_valid:
            self._seen_id = last
            return
        if last <= self._last_id:
            self._seen_before(event)
            return
        if not self._continues(self._last_id, first, last, previous):
            self._counts.gaps += 1
            self.lose("an order book update is missing", event.ts_init, last)
            return
        bids, asks = self._bids, self._asks
        bids.apply(event.bids)
        asks.apply(event.asks)
        if bids.best_key + asks.best_key <= 0:
            self._counts.crossed += 1
            self.lose("the order book is crossed", event.ts_init, last)
            return
        self._last_id = last
        self._continues = self._follows
        self._newest_ns, self._ts_event = event.ts_init, event.ts_event
        self._emit(event)
        if self._is_thin:
            self._output.request(self)

    def _seen_before(self, event: OrderBookDeltaEvent) -> None:
        """An id that was there: a second connection brought it, or the venue began to count anew."""
        if self._continues is self._follows and event.ts_event > self._ts_event + _LATEST_DUPLICATE_NS:
            self.lose("the venue's update ids went back", event.ts_init, event.sequence)
        else:
            self._counts.duplicates += 1

    def lose(self, reason: str, now_ns: int, seen_id: int = 0) -> None:
        """What is known of the book is wrong from now on: tell, and begin anew with a snapshot that has `seen_id`."""
        logger.warning("%s %s: %s after %d: a new snapshot", self._output.venue, self.symbol, reason, self._last_id)
        self._tell_gap(self._newest_ns, now_ns, reason)
        self._forget(now_ns)
        self._seen_id = seen_id
        if self._buffer is not None:
            self.begin()
        self._output.request(self)

    def _forget(self, now_ns: int) -> None:
        if self.is_valid:
            self._lost_ns = now_ns
        self.is_valid = False
        self._seen_id = self._last_id = 0
        self._bids.clear()
        self._asks.clear()

    def on_snapshot(self, snapshot: OrderBookSnapshotEvent) -> bool:
        """Take a snapshot, `sequence` is the last id in it. False where another one is needed: it is older than the
        updates that came, does not bridge to them, or is crossed.
        """
        kept = self._after(snapshot.sequence)
        if kept is None:
            self._counts.refused_snapshots += 1
            return False
        bids, asks = dict(snapshot.bids), dict(snapshot.asks)
        for _, _, event in kept:
            merge(bids, event.bids)
            merge(asks, event.asks)
        if bids and asks and max(bids) >= min(asks):
            self._counts.refused_snapshots += 1
            return False
        self._bids.load(bids, _worst(snapshot.bids, self._depth))
        self._asks.load(asks, _worst(snapshot.asks, self._depth))
        self._last_id = kept[-1][2].sequence if kept else snapshot.sequence
        self._continues = self._follows if kept else self._bridges
        self._ts_event = kept[-1][2].ts_event if kept else snapshot.ts_event
        self._became_valid(bids, asks, snapshot.ts_init)
        return True

    def _became_valid(self, bids: dict[float, float], asks: dict[float, float], now_ns: int) -> None:
        self._counts.snapshots += 1
        self._counts.refreshed += self.is_valid
        if self._lost_ns:
            self._tell_gap(self._lost_ns, now_ns, "the order book was put together anew")
        self._lost_ns = 0
        self.is_valid = True
        self._newest_ns = now_ns
        if self._wants_book:
            self._publish(_levels(bids, -1.0), _levels(asks, 1.0), now_ns)

    def publish_book(self, now_ns: int, depth: int | None = None) -> None:
        """Publish the best levels as they are, where they are known."""
        if self.is_valid and self._wants_book:
            self._publish(self._bids.top(depth), self._asks.top(depth), now_ns)

    def _publish(self, bids: tuple[Level, ...], asks: tuple[Level, ...], now_ns: int) -> None:
        self._output.sink(
            OrderBookSnapshotEvent(self._output.venue, self.symbol, self._ts_event, now_ns, bids, asks, self._last_id)
        )

    def _keep(self, update: _Kept) -> None:
        buffer = self._buffer
        if buffer is None:
            return
        buffer.append(update)
        self._buffered_levels += _size(update)
        while self._buffered_levels > MAX_BUFFERED_LEVELS:
            self._buffered_levels -= _size(buffer.popleft())
            self._counts.dropped += 1

    def _after(self, snapshot_id: int) -> list[_Kept] | None:
        """The kept updates that the snapshot does not contain; None where they are no whole chain from it on."""
        if self._buffer is None or snapshot_id < self._oldest_usable():
            return None
        kept: list[_Kept] = []
        continues: Continues = self._bridges
        book = snapshot_id
        for first, previous, event in self._buffer:
            if event.sequence <= book:
                continue
            if not continues(book, first, event.sequence, previous):
                return None
            kept.append((first, previous, event))
            book, continues = event.sequence, self._follows
        return kept

    def _oldest_usable(self) -> int:
        """A snapshot must contain what came before anything was kept."""
        if self._buffer:
            return 0
        return self._last_id if self.is_valid else self._seen_id

    def _tell_gap(self, start_ns: int, end_ns: int, reason: str) -> None:
        venue = self._output.venue
        self._output.publish(
            GapEvent(venue, end_ns, end_ns, venue, self.symbol, min(start_ns, end_ns), end_ns, 0, reason)
        )


def _drop(event: MarketEvent) -> None:
    """Nobody wants updates."""


def _size(update: _Kept) -> int:
    return len(update[2].bids) + len(update[2].asks) + 1


def _worst(levels: tuple[Level, ...], depth: int) -> float | None:
    """Where a snapshot was cut off; None where it is whole."""
    return levels[-1][0] if len(levels) >= depth else None


def _levels(sizes: dict[float, float], sign: float) -> tuple[Level, ...]:
    return tuple((price, sizes[price]) for price in ordered(sizes, sign))
