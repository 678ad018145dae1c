"""An order book kept from snapshots and deltas."""

from __future__ import annotations

from sortedcontainers import SortedDict

from quantai.events import OrderBookDeltaEvent, OrderBookSnapshotEvent, TickEvent
from quantai.events.base import Level


class OrderBook:
    """Levels by price, best first. It knows nothing until the first snapshot; what comes before is ignored."""

    def __init__(self) -> None:
        self._bids: SortedDict[float, float] = SortedDict(lambda price: -price)
        self._asks: SortedDict[float, float] = SortedDict()
        self.is_ready = False

    def apply_snapshot(self, event: OrderBookSnapshotEvent) -> None:
        """Forget what was, take what is."""
        self._bids.clear()
        self._asks.clear()
        self._bids.update(_present(event.bids))
        self._asks.update(_present(event.asks))
        self.is_ready = True

    def apply_delta(self, event: OrderBookDeltaEvent) -> None:
        """Change the levels that changed."""
        if self.is_ready:
            _apply(self._bids, event.bids)
            _apply(self._asks, event.asks)

    def bids(self, depth: int | None = None) -> list[Level]:
        """The best `depth` bids (all without), highest first."""
        return list(self._bids.items()[:depth])

    def asks(self, depth: int | None = None) -> list[Level]:
        """The best `depth` asks (all without), lowest first."""
        return list(self._asks.items()[:depth])

    def best(self) -> tuple[Level, Level] | None:
        """The best bid and ask; None while a side is empty or the book is crossed, which is no market."""
        if not self._bids or not self._asks:
            return None
        bid, ask = self._bids.peekitem(0), self._asks.peekitem(0)
        return (bid, ask) if bid[0] < ask[0] else None


def _present(levels: tuple[Level, ...]) -> dict[float, float]:
    return {price: size for price, size in dict(levels).items() if size > 0}


def _apply(side: SortedDict[float, float], levels: tuple[Level, ...]) -> None:
    for price, size in levels:
        if size > 0:
            side[price] = size
        else:
            side.pop(price, None)


class TicksFromBook:
    """Makes a tick of every change of the best bid or ask, for data that has books but no ticks."""

    def __init__(self) -> None:
        self._book = OrderBook()
        self._best: tuple[Level, Level] | None = None

    def update(self, event: OrderBookSnapshotEvent | OrderBookDeltaEvent) -> TickEvent | None:
        """The new tick, or None where the top of the book is as it was."""
        if isinstance(event, OrderBookSnapshotEvent):
            self._book.apply_snapshot(event)
        else:
            self._book.apply_delta(event)
        best = self._book.best()
        if best is None or best == self._best:
            return None
        self._best = best
        (bid_price, bid_size), (ask_price, ask_size) = best
        return TickEvent(
            event.venue, event.symbol, event.ts_event, event.ts_init, bid_price, bid_size, ask_price, ask_size
        )
