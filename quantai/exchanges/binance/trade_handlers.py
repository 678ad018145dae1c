"""Trades and best quotes: the streams with the most frames."""

from __future__ import annotations

from typing import Any, ClassVar

from quantai.core.clock import NS_PER_MS
from quantai.core.enums import Side
from quantai.events import TickEvent, TradeEvent
from quantai.exchanges.binance.messages import AggTrade, BookTicker, PastTrade, Trade
from quantai.exchanges.stream_handlers import Handler, TradeHandler
from quantai.exchanges.wire import OddMessage


class Trades(TradeHandler):
    """Single trades, and those that were missed and fetched."""

    __slots__ = ()

    message: ClassVar[Any] = Trade
    past: ClassVar[Any] = list[PastTrade]

    def emit(self, trade: Any, ts_ns: int) -> None:
        """A trade of the market."""
        if trade.kind != "MARKET":
            self._counts.not_market += 1
            return
        price, size = trade.price, trade.size
        if not price or not size:
            self._take_empty(trade)
            return
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

    def _take_empty(self, trade: Any) -> None:
        raise OddMessage(f"trade {trade.id} of {self._symbol} has price {trade.price} and size {trade.size}")


class AggTrades(Trades):
    """Aggregate trades. One without a size stands for trades that were undone."""

    __slots__ = ()

    message = AggTrade
    past = list[AggTrade]

    def _take_empty(self, trade: Any) -> None:
        if trade.size:
            super()._take_empty(trade)
        self._counts.undone += 1


class Quotes(Handler):
    """Best bid and ask. Spot has no time of its own: the time of arrival stands for it."""

    __slots__ = ()

    message = BookTicker

    def handle(self, frame: bytes, ts_ns: int) -> None:
        """A quote."""
        quote = self._decode(frame).data
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
