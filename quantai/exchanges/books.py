"""The order books of one venue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from quantai.core.clock import Clock, Timer
from quantai.events import Event, MarketEvent, OrderBookDeltaEvent, OrderBookSnapshotEvent
from quantai.exchanges.book_chains import Chain
from quantai.exchanges.book_sync import BookCounts, BookOutput, BookSync


class Books:
    """Makes a book when it is first asked for. What is published of it is what `is_wanted` says of its topics."""

    def __init__(
        self,
        venue: str,
        chain: Chain,
        *,
        depth: int,
        sink: Callable[[MarketEvent], None],
        publish: Callable[[Event], None],
        is_wanted: Callable[[str], bool],
        request: Callable[[BookSync], None] | None = None,
        counts: BookCounts | None = None,
    ) -> None:
        """`request` is called for each book that needs a snapshot; without it, frames are recorded ones, in which
        snapshots come by themselves. `depth`: levels of a side that a snapshot has at most.
        """
        self.counts = counts or BookCounts()
        self._chain = chain
        self._depth = depth
        self._is_wanted = is_wanted
        self._is_recorded = request is None
        self._output = BookOutput(venue, sink, publish, request or _nobody, self.counts)
        self._books: dict[str, BookSync] = {}
        self._timer: Timer | None = None
        self._turn = 0

    def of(self, symbol: str) -> BookSync:
        """The book of a symbol."""
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = BookSync(
                symbol,
                self._chain,
                self._output,
                depth=self._depth,
                wants_book=self._wants(OrderBookSnapshotEvent, symbol),
                wants_deltas=self._wants(OrderBookDeltaEvent, symbol),
                keeps_updates=self._is_recorded,
            )
        return book

    def _wants(self, event: type[MarketEvent], symbol: str) -> bool:
        return self._is_wanted(f"{event.topic_prefix}.{self._output.venue}.{symbol}")

    def publish_every(self, interval_ns: int, clock: Clock, depth: int | None = None) -> None:
        """Publish each valid book once in `interval_ns`, its best `depth` levels (all without), one after another so
        that they do not come all at once.
        """
        count = max(1, len(self._books))
        self._timer = clock.call_every(max(1, interval_ns // count), lambda due_ns: self._publish_next(clock, depth))

    def _publish_next(self, clock: Clock, depth: int | None) -> None:
        books = list(self._books.values())
        if books:
            self._turn = (self._turn + 1) % len(books)
            books[self._turn].publish_book(clock.now_ns(), depth)

    def stop(self) -> None:
        """Publish nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def known(self, symbols: Iterable[str]) -> Iterator[BookSync]:
        """The books there are of these."""
        return (self._books[symbol] for symbol in symbols if symbol in self._books)

    def __iter__(self) -> Iterator[BookSync]:
        return iter(self._books.values())

    def __len__(self) -> int:
        return len(self._books)


def _nobody(book: BookSync) -> None:
    """Snapshots come by themselves."""
