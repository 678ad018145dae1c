"""Order books: changes of them with the snapshots that they need, or the best levels as a whole."""

from __future__ import annotations

from typing import Any

from quantai.core.clock import NS_PER_MS
from quantai.events import OrderBookDeltaEvent, OrderBookSnapshotEvent
from quantai.exchanges.binance.messages import DepthSnapshot, DepthUpdate
from quantai.exchanges.book_sync import BookSync
from quantai.exchanges.stream_handlers import Handler, Output, decoder_of
from quantai.exchanges.wire import OddMessage

_decode_depth = decoder_of(DepthUpdate)
_decode_snapshot = decoder_of(DepthSnapshot)


class Depth(Handler):
    """Changes of the book, and the snapshots fetched for it: `handle_snapshot`. The book gives on what is right."""

    __slots__ = ("_book",)

    def __init__(self, output: Output, book: BookSync) -> None:
        super().__init__(output, book.symbol)
        self._book = book

    def handle(self, frame: bytes, ts_ns: int) -> None:
        """An update."""
        update = _decode_depth(frame).data
        ts_event = (update.time or update.event_time) * NS_PER_MS
        self._book.on_update(
            update.first_id,
            update.previous_id,
            OrderBookDeltaEvent(self._venue, self._symbol, ts_event, ts_ns, update.bids, update.asks, update.last_id),
        )

    def handle_snapshot(self, frame: bytes, ts_ns: int) -> None:
        """A fetched snapshot."""
        snapshot = _decode_snapshot(frame).data
        self._book.on_snapshot(_whole(self._venue, self._symbol, snapshot, ts_ns))


class PartialDepth(Handler):
    """The best levels as a whole, 5, 10 or 20 of them: a book that needs no snapshot."""

    __slots__ = ("_decode",)

    def __init__(self, output: Output, symbol: str, *, is_futures: bool) -> None:
        super().__init__(output, symbol)
        self._decode = _decode_depth if is_futures else _decode_snapshot

    def handle(self, frame: bytes, ts_ns: int) -> None:
        """The levels."""
        levels = self._decode(frame).data
        if levels.last_id <= self._last_id and self._is_duplicate(levels.last_id, ts_ns):
            return
        self._last_id, self._last_ns = levels.last_id, ts_ns
        if levels.bids and levels.asks and levels.bids[0][0] >= levels.asks[0][0]:
            raise OddMessage(f"the book of {self._symbol} is crossed")
        self._sink(_whole(self._venue, self._symbol, levels, ts_ns))


def _whole(venue: str, symbol: str, levels: Any, ts_ns: int) -> OrderBookSnapshotEvent:
    ts_event = (levels.time or levels.event_time) * NS_PER_MS or ts_ns
    return OrderBookSnapshotEvent(venue, symbol, ts_event, ts_ns, levels.bids, levels.asks, levels.last_id)
