"""cryptofeed: the way of a trade to its callbacks. `python -m benchmarks.peers.measure_cryptofeed FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptofeed.callback import TradeCallback
from cryptofeed.defines import TRADES
from cryptofeed.feed import Feed
from cryptofeed.types import Trade as FeedTrade

from benchmarks.peers.measures import Peer
from benchmarks.peers.trades import read_trades
from benchmarks.timing import REPEATS, Run, best_ns, calling

_NO_STORE = "it has no Parquet store of its own"
# It gives every trade for a plain handler to a thread pool: fewer repeats are enough.
_FEWER = REPEATS // 50


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
    peer.without["wildcard"] = "callbacks are given per channel, there are no topics"
    peer.emit()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
