"""The newest order book of each instrument, and whether it trades: for routers that look deeper than the best price."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quantai.core.enums import InstrumentStatus, Side
from quantai.data.order_book import OrderBook
from quantai.events import (
    DisconnectedEvent,
    GapEvent,
    InstrumentStatusEvent,
    OrderBookDeltaEvent,
    OrderBookSnapshotEvent,
)
from quantai.events.base import Level
from quantai.events.bus import EventBus
from quantai.instruments import Instrument

_NAME = "router's books"


class _Book:
    """A snapshot, and the book that deltas make of it; which is built only where deltas come."""

    __slots__ = ("_book", "_snapshot", "seen_ns")

    def __init__(self) -> None:
        self._snapshot: OrderBookSnapshotEvent | None = None
        self._book: OrderBook | None = None
        self.seen_ns = 0

    def take(self, event: OrderBookSnapshotEvent | OrderBookDeltaEvent) -> None:
        if isinstance(event, OrderBookSnapshotEvent):
            self._snapshot, self._book = event, None
        elif self._snapshot is None:
            return
        else:
            if self._book is None:
                self._book = OrderBook()
                self._book.apply_snapshot(self._snapshot)
            self._book.apply_delta(event)
        self.seen_ns = event.ts_init

    def levels(self, side: Side, depth: int) -> Sequence[Level]:
        """What an order of `side` could take, best first."""
        if self._book is not None:
            return self._book.asks(depth) if side is Side.BUY else self._book.bids(depth)
        if self._snapshot is None:
            return ()
        levels = self._snapshot.asks if side is Side.BUY else self._snapshot.bids
        return [level for level in levels[:depth] if level[1] > 0]


class BookView:
    """Follows the books and the trading status of `instruments`. What a gap or a lost connection makes doubtful is
    forgotten until the next snapshot.
    """

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        self._books = {(each.venue, each.symbol): _Book() for each in instruments}
        self._halted: dict[tuple[str, str], InstrumentStatus] = {}

    async def start(self, bus: EventBus) -> None:
        """Follow the market from now on."""
        for venue, symbol in self._books:
            for prefix in (OrderBookSnapshotEvent.topic_prefix, OrderBookDeltaEvent.topic_prefix):
                await bus.subscribe(f"{prefix}.{venue}.{symbol}", self.update, name=_NAME)
            status = f"{InstrumentStatusEvent.topic_prefix}.{venue}.{symbol}"
            await bus.subscribe(status, self.on_status, name=_NAME)
        if self._books:
            await bus.subscribe("system.gap.*", self.on_gap, name=_NAME)
            await bus.subscribe("system.disconnected.*", self.on_disconnected, name=_NAME)

    def update(self, event: OrderBookSnapshotEvent | OrderBookDeltaEvent) -> None:
        """Take a book, or what changed of it."""
        self._books[event.venue, event.symbol].take(event)

    def on_status(self, event: InstrumentStatusEvent) -> None:
        """Remember whether the instrument trades."""
        if event.status is InstrumentStatus.TRADING:
            self._halted.pop((event.venue, event.symbol), None)
        else:
            self._halted[event.venue, event.symbol] = event.status

    def on_gap(self, event: GapEvent) -> None:
        """Events are missing: of an instrument, of a venue, or of anything."""
        self._forget(event.venue, event.symbol)

    def on_disconnected(self, event: DisconnectedEvent) -> None:
        """The connection that is called as a venue fell; of another part nothing is forgotten."""
        self._forget(event.component, "")

    def _forget(self, venue: str, symbol: str) -> None:
        for key in self._books:
            if venue in ("", key[0]) and symbol in ("", key[1]):
                self._books[key] = _Book()

    def levels(self, instrument: Instrument, side: Side, depth: int) -> Sequence[Level]:
        """The best `depth` levels that an order of `side` could take, best first; none where the book is not known."""
        book = self._books.get((instrument.venue, instrument.symbol))
        return () if book is None else book.levels(side, depth)

    def seen_ns(self, instrument: Instrument) -> int:
        """`ts_init` of what the book was last changed by, 0 where it is not known."""
        book = self._books.get((instrument.venue, instrument.symbol))
        return 0 if book is None else book.seen_ns

    def halt(self, instrument: Instrument) -> InstrumentStatus | None:
        """Why the instrument does not trade; None where it does, as far as the venue has told."""
        return self._halted.get((instrument.venue, instrument.symbol))
