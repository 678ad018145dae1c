"""Binance's public frames become events: a dictionary finds the handler by the name of the stream, in the bytes.

Frames come combined, `{"stream":"btcusdt@trade","data":{...}}`; raw ones, `{"e":"trade",...}`, and combined ones that
are written in another way, are understood too, at more cost. What REST answers (snapshots, missed trades, open
interest) comes as a combined frame of a stream that Binance does not have: `rest_frame`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quantai.events import (
    BarEvent,
    FundingRateEvent,
    LiquidationEvent,
    MarketEvent,
    MarkPriceEvent,
    OpenInterestEvent,
    OrderBookSnapshotEvent,
    TickEvent,
    TradeEvent,
)
from quantai.exchanges.binance.depth_handlers import Depth, PartialDepth
from quantai.exchanges.binance.other_handlers import Bars, Contracts, Liquidations, MarkPrices, OpenInterests
from quantai.exchanges.binance.trade_handlers import AggTrades, Quotes, Trades
from quantai.exchanges.book_sync import BookSync
from quantai.exchanges.stream_decoder import Handle, StreamDecoder
from quantai.exchanges.stream_handlers import Output

CONTRACTS = "!contractInfo"
SNAPSHOT = "depthSnapshot"
PAST_TRADES = "pastTrades"
PAST_AGG_TRADES = "pastAggTrades"
OPEN_INTEREST = "openInterest"

_KINDS = {
    "trade": "trade",
    "aggTrade": "aggTrade",
    "bookTicker": "bookTicker",
    "depthUpdate": "depth",
    "markPriceUpdate": "markPrice",
    "forceOrder": "forceOrder",
}


class _Inner(msgspec.Struct, gc=False):
    """What names a raw frame: some say it inside only."""

    symbol: str = msgspec.field(name="s", default="")
    interval: str = msgspec.field(name="i", default="")


class _Outer(msgspec.Struct, gc=False):
    """What tells where any frame belongs."""

    stream: str = ""
    event: str = msgspec.field(name="e", default="bookTicker")
    symbol: str = msgspec.field(name="s", default="")
    kline: _Inner | str | None = msgspec.field(name="k", default=None)
    order: _Inner | str | None = msgspec.field(name="o", default=None)


_decode_outer = msgspec.json.Decoder(_Outer).decode


def rest_frame(venue_symbol: str, kind: str, body: bytes) -> bytes:
    """What REST answered about a symbol, as a frame that the decoder knows."""
    return b'%b%b@%b","data":%b}' % (BinanceDecoder.prefix, venue_symbol.lower().encode(), kind.encode(), body)


class BinanceDecoder(StreamDecoder):
    """For one venue. Each stream is bound to its handler when its first frame comes."""

    def __init__(
        self,
        output: Output,
        *,
        is_futures: bool,
        unified: Callable[[str], str | None],
        book_of: Callable[[str], BookSync],
        is_wanted: Callable[[str], bool],
        section: int = 1,
    ) -> None:
        """`unified` gives the symbol of a venue symbol, `book_of` the book of a symbol. Events whose topic is not
        wanted are not made, nor the status of contracts of another `section` than `Product.section`.
        """
        super().__init__(output)
        self._is_futures = is_futures
        self._unified = unified
        self._book_of = book_of
        self._is_wanted = is_wanted
        self._section = section
        self._trades: dict[tuple[str, bool], Trades] = {}

    def named(self, frame: bytes) -> tuple[str, bytes]:
        """Raw frames do not say their stream, and have no `data` around them."""
        outer = _decode_outer(frame)
        return (outer.stream, frame) if outer.stream else (_stream_name(outer), b'{"data":%b}' % frame)

    def bind(self, stream: str) -> Handle | None:
        """By the kind of the stream; None where its events are not wanted."""
        if stream == CONTRACTS:
            return Contracts(self._output, self._unified, self._wants, self._section).handle
        venue_symbol, _, rest = stream.partition("@")
        symbol = self._unified(venue_symbol.upper())
        kind = rest.partition("@")[0]
        return None if symbol is None else self._make_of(kind, symbol)

    def _make_of(self, kind: str, symbol: str) -> Handle | None:
        output = self._output
        match kind:
            case "trade" | "aggTrade":
                return self._trades_of(symbol, kind == "aggTrade").handle if self._wants(TradeEvent, symbol) else None
            case "pastTrades" | "pastAggTrades":
                return self._trades_of(symbol, kind == "pastAggTrades").handle_past
            case "bookTicker":
                return Quotes(output, symbol).handle if self._wants(TickEvent, symbol) else None
            case "depth" | "depthSnapshot":
                depth = Depth(output, self._book_of(symbol))
                return depth.handle_snapshot if kind == SNAPSHOT else depth.handle
            case "depth5" | "depth10" | "depth20":
                is_wanted = self._wants(OrderBookSnapshotEvent, symbol)
                return PartialDepth(output, symbol, is_futures=self._is_futures).handle if is_wanted else None
            case "markPrice":
                marks, funds = self._wants(MarkPriceEvent, symbol), self._wants(FundingRateEvent, symbol)
                return MarkPrices(output, symbol, wants_mark=marks, wants_funding=funds).handle
            case "forceOrder":
                return Liquidations(output, symbol).handle if self._wants(LiquidationEvent, symbol) else None
            case "openInterest":
                return OpenInterests(output, symbol).handle if self._wants(OpenInterestEvent, symbol) else None
        if kind.startswith("kline_") and self._wants(BarEvent, symbol):
            return Bars(output, symbol).handle
        return None

    def _wants(self, event: type[MarketEvent], symbol: str) -> bool:
        return self._is_wanted(f"{event.topic_prefix}.{self._output.venue}.{symbol}")

    def knows_trade_ids(self, symbol: str, *, is_aggregate: bool) -> bool:
        """Whether the next trade of the symbol will tell how many were missed before it."""
        return self._trades_of(symbol, is_aggregate).knows_ids

    def _trades_of(self, symbol: str, is_aggregate: bool) -> Trades:
        key = symbol, is_aggregate
        if key not in self._trades:
            self._trades[key] = (AggTrades if is_aggregate else Trades)(self._output, symbol)
        return self._trades[key]


def _stream_name(outer: _Outer) -> str:
    """The stream that a raw frame is of; on spot a quote says no event, and partial books do not say their symbol."""
    if outer.event == "contractInfo":
        return CONTRACTS
    symbol = outer.symbol or (outer.order.symbol if isinstance(outer.order, _Inner) else "")
    if isinstance(outer.kline, _Inner):
        return f"{symbol.lower()}@kline_{outer.kline.interval}"
    return f"{symbol.lower()}@{_KINDS.get(outer.event, outer.event)}"
