"""Depth streams: differences by update ids, and partial books."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from quantai.core.clock import NS_PER_MS
from quantai.core.enums import Side
from quantai.loopback.dialects.binance.hub import Hub
from quantai.loopback.dialects.binance.wording import TimeOf
from quantai.loopback.engine import Market
from quantai.loopback.engine.book import Quote

Write = Callable[[Decimal], str]
NowNs = Callable[[], int]
LEVELS = (5, 10, 20)


class DepthChannel:
    """The differences of one market at one pace: `U` to `u` are the changes that a frame has, and on futures `pu` is
    the `u` of the frame before.
    """

    def __init__(self, market: Market, symbol: str, interval_ms: int, *, is_default: bool, is_futures: bool) -> None:
        self._market = market
        self._symbol = symbol
        self._interval_ns = interval_ms * NS_PER_MS
        self._is_futures = is_futures
        lower = symbol.lower()
        pace = f"@{interval_ms}ms"
        self._names = [f"{lower}@depth{pace}"] + ([f"{lower}@depth"] if is_default else [])
        self._partial = {
            levels: [f"{lower}@depth{levels}{pace}"] + ([f"{lower}@depth{levels}"] if is_default else [])
            for levels in LEVELS
        }
        self._bids: dict[Decimal, Decimal] = {}
        self._asks: dict[Decimal, Decimal] = {}
        self._last_id = market.book.update_id
        self._slot = 0

    def add(self, bids: list[Quote], asks: list[Quote]) -> None:
        """Take in what changed."""
        self._bids.update(bids)
        self._asks.update(asks)

    def flush(self, due_ns: int, now_ns: int, hub: Hub, write: Write) -> None:
        """Send what gathered, if its time has come."""
        slot = due_ns // self._interval_ns
        if slot == self._slot:
            return
        self._slot = slot
        if not (self._bids or self._asks):
            return
        last_id = self._market.book.update_id
        for name in self._names:
            if hub.is_wanted(name):
                hub.publish(name, partial(self._difference, now_ns=now_ns, last_id=last_id, write=write))
        for levels, names in self._partial.items():
            for name in names:
                if hub.is_wanted(name):
                    hub.publish(name, partial(self._book, now_ns=now_ns, levels=levels, write=write))
        self._last_id = last_id
        self._bids, self._asks = {}, {}

    def _difference(self, time: TimeOf, now_ns: int, last_id: int, write: Write) -> dict[str, Any]:
        frame: dict[str, Any] = {"e": "depthUpdate", "E": time(now_ns)}
        if self._is_futures:
            frame["T"] = time(now_ns)
        frame |= {"s": self._symbol, "U": self._last_id + 1, "u": last_id}
        if self._is_futures:
            frame["pu"] = self._last_id
        return frame | {"b": levels_text(self._bids.items(), write), "a": levels_text(self._asks.items(), write)}

    def _book(self, time: TimeOf, now_ns: int, levels: int, write: Write) -> dict[str, Any]:
        book = self._market.book
        bids, asks = (levels_text(book.quotes(side, levels), write) for side in (Side.BUY, Side.SELL))
        if not self._is_futures:
            return {"lastUpdateId": book.update_id, "bids": bids, "asks": asks}
        head = {"e": "depthUpdate", "E": time(now_ns), "T": time(now_ns), "s": self._symbol}
        return head | {"U": self._last_id + 1, "u": book.update_id, "pu": self._last_id, "b": bids, "a": asks}


def levels_text(levels: Any, write: Write) -> list[list[str]]:
    """Prices and quantities as Binance writes them."""
    return [[write(price), write(quantity)] for price, quantity in levels]


def snapshot(market: Market, limit: int, write: Write) -> dict[str, Any]:
    """The book to `limit` levels, with the id of the last change that it has.

    Taking it counts as a change, so that the next difference begins at or before it, as it does where a market is
    never quiet.
    """
    book = market.book
    book.update_id += 1
    return {
        "lastUpdateId": book.update_id,
        "bids": levels_text(book.quotes(Side.BUY, limit), write),
        "asks": levels_text(book.quotes(Side.SELL, limit), write),
    }
