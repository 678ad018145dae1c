"""Frames as Binance writes them, and a decoder with everything it needs to take them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from quantai.events import Event, MarketEvent
from quantai.exchanges.binance.decoder import BinanceDecoder
from quantai.exchanges.book_chains import PreviousChain, RangeChain
from quantai.exchanges.books import Books
from quantai.exchanges.missed_trades import MissingTrades
from quantai.exchanges.stream_handlers import DecoderCounts, Output

VENUE = "binance"
NOW_NS = 1_700_000_000_000_000_000
NOW_MS = NOW_NS // 1_000_000
SYMBOLS = {"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT", "币安人生USDT": "币安人生/USDT"}

Pairs = Iterable[Sequence[str]]


def combined(stream: str, data: Any) -> bytes:
    """As the venue writes it: no spaces, and UTF-8."""
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":"), ensure_ascii=False).encode()


def trade(trade_id: int, price: str = "100.5", size: str = "2", *, is_maker: bool = True, **more: Any) -> bytes:
    data = {"e": "trade", "E": NOW_MS, "s": "BTCUSDT", "t": trade_id, "p": price, "q": size, "T": NOW_MS - 1}
    return combined("btcusdt@trade", {**data, "m": is_maker, "M": True, **more})


def agg_trade(trade_id: int, price: str = "100.5", size: str = "2") -> bytes:
    data = {"e": "aggTrade", "E": NOW_MS, "a": trade_id, "s": "BTCUSDT", "p": price, "q": size, "f": 1, "l": 2}
    return combined("btcusdt@aggTrade", {**data, "T": NOW_MS - 1, "m": False, "nq": "1", "st": 1})


def quote(update_id: int, bid: str = "100", ask: str = "101", **more: Any) -> bytes:
    data = {"u": update_id, "s": "BTCUSDT", "b": bid, "B": "1.5", "a": ask, "A": "2.5"}
    return combined("btcusdt@bookTicker", {**data, **more})


def depth(first: int, last: int, bids: Pairs = (), asks: Pairs = (), **more: Any) -> bytes:
    data = {"e": "depthUpdate", "E": NOW_MS, "s": "BTCUSDT", "U": first, "u": last}
    return combined("btcusdt@depth@100ms", {**data, "b": list(bids), "a": list(asks), **more})


def snapshot(last: int, bids: Pairs, asks: Pairs, **more: Any) -> bytes:
    return combined("btcusdt@depthSnapshot", {"lastUpdateId": last, **more, "bids": list(bids), "asks": list(asks)})


@dataclass
class World:
    """A decoder for recorded frames, and what came out of it."""

    is_futures: bool = False
    section: int = 1
    is_wanted: Callable[[str], bool] = lambda topic: True
    book_depth: int = 1_000
    unified: Callable[[str], str | None] = SYMBOLS.get
    events: list[MarketEvent] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)
    holes: list[MissingTrades] = field(default_factory=list)
    counts: DecoderCounts = field(default_factory=DecoderCounts)
    now_ns: int = NOW_NS

    def __post_init__(self) -> None:
        self.books = Books(
            VENUE,
            PreviousChain() if self.is_futures else RangeChain(),
            depth=self.book_depth,
            sink=self.events.append,
            publish=self.told.append,
            is_wanted=self.is_wanted,
        )
        self.decoder = BinanceDecoder(
            Output(VENUE, self.events.append, self.counts, self.holes.append),
            is_futures=self.is_futures,
            unified=self.unified,
            book_of=self.books.of,
            is_wanted=self.is_wanted,
            section=self.section,
        )

    def feed(self, *frames: bytes) -> list[MarketEvent]:
        """What these frames made."""
        before = len(self.events)
        for frame in frames:
            self.decoder.decode(frame, self.now_ns)
        return self.events[before:]
