"""Trades and best quotes: the streams with the most frames."""

from __future__ import annotations

from collections import deque
from typing import Any

from quantai.core.clock import NS_PER_MS
from quantai.core.enums import Side
from quantai.events import TickEvent, TradeEvent
from quantai.exchanges.binance.messages import AggTrade, BookTicker, PastTrade, Trade
from quantai.exchanges.binance.stream_handler import Handler, Output, decoder_of
from quantai.exchanges.missed_trades import MissingTrades
from quantai.exchanges.wire import OddMessage

_MAX_HOLES = 16

_decode_trade = decoder_of(Trade)
_decode_agg_trade = decoder_of(AggTrade)
_decode_agg_trades = decoder_of(list[AggTrade])
_decode_past_trades = decoder_of(list[PastTrade])
_decode_ticker = decoder_of(BookTicker)


class Trades(Handler):
    """Trades, and those that were missed and fetched: `handle_past`."""

    __slots__ = ("_decode", "_decode_past", "_holes", "_is_aggregate")

    def __init__(self, output: Output, symbol: str, *, is_aggregate: bool) -> None:
        super().__init__(output, symbol)
        self._is_aggregate = is_aggregate
        self._decode = _decode_agg_trade if is_aggregate else _decode_trade
        self._decode_past = _decode_agg_trades if is_aggregate else _decode_past_trades
        self._holes: deque[MissingTrades] = deque(maxlen=_MAX_HOLES)

    def handle(self, frame: bytes, ts_ns: int) -> None:
        """A trade."""
        trade = self._decode(frame).data
        trade_id = trade.id
        if trade_id != self._last_id + 1 and not self._is_next(trade_id, ts_ns):
            return
        self._last_id, self._last_ns = trade_id, ts_ns
        self._emit(trade, ts_ns)

    def _is_next(self, trade_id: int, ts_ns: int) -> bool:
        if self._last_id < 0:
            return True
        if trade_id <= self._last_id:
            if self._is_duplicate(trade_id, ts_ns):
                return False
            self._output.on_missing(MissingTrades(self._symbol, 0, 0, self._last_ns, ts_ns))
            return True
        hole = MissingTrades(self._symbol, self._last_id + 1, trade_id, self._last_ns, ts_ns)
        self._counts.missing_trades += trade_id - hole.next_id
        self._holes.append(hole)
        self._output.on_missing(hole)
        return True

    def handle_past(self, frame: bytes, ts_ns: int) -> None:
        """Fetched trades, by rising id: those that fill a hole are given on."""
        for trade in self._decode_past(frame).data:
            for hole in self._holes:
                if hole.next_id <= trade.id < hole.end_id:
                    hole.next_id = trade.id + 1
                    self._emit(trade, ts_ns)
                elif trade.id >= hole.end_id:  # the ids before it that did not come are nobody's
                    hole.next_id = hole.end_id
        while self._holes and self._holes[0].next_id == self._holes[0].end_id:
            self._holes.popleft()

    @property
    def knows_ids(self) -> bool:
        """Whether the next trade will tell how many were missed."""
        return self._last_id >= 0

    def _emit(self, trade: Any, ts_ns: int) -> None:
        if trade.kind != "MARKET":
            self._counts.not_market += 1
            return
        price, size = trade.price, trade.size
        if not size and self._is_aggregate:  # stands for trades that were undone
            self._counts.undone += 1
            return
        if not price or not size:
            raise OddMessage(f"trade {trade.id} of {self._symbol} has price {price} and size {size}")
        side = Side.SELL if trade.is_buyer_maker else Side.BUY
        self._sink(
            TradeEvent(
                self._venue,
                self._symbol,
                trade.time * NS_PER_MS,
                ts_ns,
                price,
                size,
                side,
                str(trade.id) if trade.id >= 0 else "",
            )
        )


class Quotes(Handler):
    """Best bid and ask. Spot has no time of its own: the time of arrival stands for it."""

    __slots__ = ()

    def handle(self, frame: bytes, ts_ns: int) -> None:
        """A quote."""
        quote = _decode_ticker(frame).data
        if quote.id <= self._last_id and self._is_duplicate(quote.id, ts_ns):
            return
        self._last_id, self._last_ns = quote.id, ts_ns
        bid, ask = quote.bid_price, quote.ask_price
        if 0.0 < bid < ask:
            ts_event = quote.time * NS_PER_MS or ts_ns
            self._sink(TickEvent(self._venue, self._symbol, ts_event, ts_ns, bid, quote.bid_size, ask, quote.ask_size))
        elif bid and ask:
            raise OddMessage(f"the quote of {self._symbol} is crossed: bid {bid}, ask {ask}")
        else:
            self._counts.one_sided += 1
