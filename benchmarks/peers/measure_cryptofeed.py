"""cryptofeed: the way of a trade to its callbacks. `python -m benchmarks.peers.measure_cryptofeed FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptofeed.callback import BookCallback, TickerCallback, TradeCallback
from cryptofeed.defines import L2_BOOK, TICKER, TRADES
from cryptofeed.exchanges.binance import Binance
from cryptofeed.exchanges.binance_futures import BinanceFutures
from cryptofeed.feed import Feed
from cryptofeed.symbols import Symbols
from cryptofeed.types import Trade as FeedTrade

from benchmarks.binance_frames import Session
from benchmarks.peers.measures import Peer
from benchmarks.peers.trades import read_trades
from benchmarks.timing import REPEATS, Run, best_ns, calling

_NO_STORE = "it has no Parquet store of its own"
# It gives every trade for a plain handler to a thread pool: fewer repeats are enough.
_FEWER = REPEATS // 50
_FEEDS: dict[str, tuple[type[Any], str]] = {
    "spot": (Binance, "BTC-USDT"),
    "futures": (BinanceFutures, "BTC-USDT-PERP"),
}


def calling_back(callback: Any, trade: FeedTrade, repeats: int) -> Run:
    """Deliver as a feed does when it has parsed a trade: `Feed.callback`, here without a connection around it."""
    feed = SimpleNamespace(callbacks={TRADES: [callback]})
    deliver = Feed.callback

    async def run() -> None:
        for _ in range(repeats):
            await deliver(feed, TRADES, trade, 1.0)

    return run


def plain(trade: FeedTrade, received: float) -> None:
    """A plain handler that does nothing."""


async def coroutine(trade: FeedTrade, received: float) -> None:
    """A coroutine handler that does nothing."""


class Snapshot:
    """In place of the connection to REST: gives the snapshot that was captured."""

    def __init__(self, text: str) -> None:
        self._text = text

    async def read(self, address: str) -> str:
        """What the venue answered."""
        return self._text


def decoding(product: str, session: Session) -> int:
    """Give every frame to its message handler, with a coroutine that does nothing as the callback of each channel."""
    cls, symbol = _FEEDS[product]
    Symbols.set(cls.id, {symbol: "BTCUSDT"}, {})
    callbacks = {TRADES: TradeCallback(coroutine), TICKER: TickerCallback(coroutine), L2_BOOK: BookCallback(coroutine)}
    feed = cls(symbols=[symbol], channels=list(callbacks), callbacks=callbacks)
    feed.http_conn = Snapshot(session.snapshot)

    async def run() -> int:
        for frame in session.frames:
            await feed.message_handler(frame, None, 1.0)
        return len(session.frames)

    return asyncio.run(run())


def main(folder: Path) -> None:
    """Measure all."""
    peer = Peer("cryptofeed", version("cryptofeed"))
    first = next(read_trades(folder / "captured.csv"))
    trade = FeedTrade(
        "BINANCE", "BTC-USDT", first.side, Decimal(first.size), Decimal(first.price), first.ts_event / 1e9
    )
    to_coroutine = calling_back(TradeCallback(coroutine), trade, REPEATS)
    to_plain = calling_back(TradeCallback(plain), trade, _FEWER)
    peer.figures |= asyncio.run(best_ns({"call": calling(trade), "coroutine": to_coroutine}))
    peer.figures |= asyncio.run(best_ns({"exact": to_plain}, _FEWER))
    peer.without = dict.fromkeys(("write", "read", "read_cpu", "look", "bytes", "captured"), _NO_STORE)
    for product in _FEEDS:
        frames = Session.read(folder / f"{product}.frames")
        peer.measure(product, partial(decoding, product, frames))
    peer.without["wildcard"] = "callbacks are given per channel, there are no topics"
    peer.emit()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
