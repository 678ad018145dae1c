"""Requests that need no key. Source: Binance Spot API, «Market data endpoints»; USD-M Futures, «Market data»."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from quantai.core.clock import NS_PER_MS
from quantai.core.numbers import ZERO
from quantai.loopback.dialects.binance import frames
from quantai.loopback.dialects.binance.depth import snapshot
from quantai.loopback.dialects.binance.endpoint import Call
from quantai.loopback.dialects.binance.errors import ApiError
from quantai.loopback.dialects.binance.params import missing
from quantai.loopback.dialects.binance.wording import INTERVALS_NS, TimeOf, e8, short
from quantai.loopback.engine import Aggregate, Market, Trade

if TYPE_CHECKING:
    from quantai.loopback.dialects.binance.dialect import BinanceDialect

_DEPTHS = frozenset({5, 10, 20, 50, 100, 500, 1_000})


class MarketData:
    """Answers about markets."""

    def __init__(self, dialect: BinanceDialect) -> None:
        self._dialect = dialect
        self._is_futures = dialect.is_futures
        self._write = short if dialect.is_futures else e8
        self._most_bars = 1_500 if dialect.is_futures else 1_000

    def ping(self, call: Call) -> Any:
        return {}

    def time(self, call: Call) -> Any:
        return {"serverTime": call.time(self._dialect.venue.now_ns())}

    def depth(self, call: Call) -> Any:
        market = self._dialect.market(call)
        limit = call.params.limit(500 if self._is_futures else 100, 1_000 if self._is_futures else 5_000)
        if self._is_futures and limit not in _DEPTHS:
            raise ApiError(-4021, "Invalid depth limit.")
        book = snapshot(market, limit, self._write)
        if self._is_futures:
            now = call.time(self._dialect.venue.now_ns())
            book = {"lastUpdateId": book["lastUpdateId"], "E": now, "T": now, **book}
        return book

    def trades(self, call: Call) -> Any:
        market = self._dialect.market(call)
        limit = call.params.limit(500, 1_000)
        return [self._trade(call.time, trade) for trade in list(market.tape.trades)[-limit:]]

    def historical_trades(self, call: Call) -> Any:
        market = self._dialect.market(call)
        limit, first = call.params.limit(500, 1_000), call.params.integer("fromId")
        trades = list(market.tape.trades)
        if first is None:
            return [self._trade(call.time, trade) for trade in trades[-limit:]]
        return [self._trade(call.time, trade) for trade in trades if trade.id >= first][:limit]

    def agg_trades(self, call: Call) -> Any:
        market = self._dialect.market(call)
        limit, first = call.params.limit(500, 1_000), call.params.integer("fromId")
        start_ms, end_ms = call.params.integer("startTime"), call.params.integer("endTime")
        found: Iterable[Aggregate] = market.tape.aggregates
        if first is not None:
            found = [one for one in found if one.id >= first]
        if start_ms is not None:
            found = [one for one in found if one.ts_ns // NS_PER_MS >= start_ms]
        if end_ms is not None:
            found = [one for one in found if one.ts_ns // NS_PER_MS <= end_ms]
        found = list(found)
        is_forward = first is not None or start_ms is not None
        return [self._aggregate(call.time, one) for one in (found[:limit] if is_forward else found[-limit:])]

    def klines(self, call: Call) -> Any:
        market = self._dialect.market(call)
        interval_ns = INTERVALS_NS.get(call.params.text("interval"))
        if interval_ns is None or (self._is_futures and call.params.values["interval"] == "1s"):
            raise ApiError(-1120, "Invalid interval.")
        now_ns = self._dialect.venue.clock.now_ns()
        limit = call.params.limit(500, self._most_bars)
        start_ms, end_ms = call.params.integer("startTime"), call.params.integer("endTime")
        end_ns = now_ns if end_ms is None else end_ms * NS_PER_MS
        start_ns = end_ns - limit * interval_ns if start_ms is None else start_ms * NS_PER_MS
        bars = market.tape.bars(interval_ns, max(start_ns, 0), end_ns)
        bars = bars[-limit:] if start_ms is None else bars[:limit]
        write, time = self._write, call.time
        return [
            [
                time(bar.start_ns), write(bar.open), write(bar.high), write(bar.low), write(bar.close),
                write(bar.volume), time(bar.end_ns - NS_PER_MS), write(bar.quote_volume), bar.count,
                write(bar.taker_volume), write(bar.taker_quote_volume), "0",
            ]
            for bar in bars
        ]  # fmt: skip

    def book_ticker(self, call: Call) -> Any:
        return self._of_one_or_all(call, lambda symbol, market: self._book_ticker(call, symbol, market))

    def price_ticker(self, call: Call) -> Any:
        def one(symbol: str, market: Market) -> dict[str, Any]:
            return {"symbol": symbol, "price": self._write(market.tape.last or market.reference or ZERO)}

        return self._of_one_or_all(call, one)

    def day_ticker(self, call: Call) -> Any:
        return self._of_one_or_all(call, lambda symbol, market: self._day(call, symbol, market))

    def average_price(self, call: Call) -> Any:
        market = self._dialect.market(call)
        now = call.time(self._dialect.venue.now_ns())
        return {"mins": 5, "price": self._write(market.tape.last or ZERO), "closeTime": now}

    def _of_one_or_all(self, call: Call, make: Any) -> Any:
        if call.params.values.get("symbol"):
            return make(call.params.values["symbol"], self._dialect.market(call))
        return [make(symbol, market) for symbol, market in self._wanted(call)]

    def _wanted(self, call: Call) -> list[tuple[str, Market]]:
        wanted = call.params.values.get("symbols")
        if not wanted:
            return self._dialect.markets()
        names = wanted.strip("[]").replace('"', "").split(",")
        if not all(names):
            raise missing("symbols")
        return [(name, self._dialect.market_of(name)) for name in names]

    def _book_ticker(self, call: Call, symbol: str, market: Market) -> dict[str, Any]:
        bid, ask = market.book.top()
        body: dict[str, Any] = {"symbol": symbol}
        for name, quote in (("bid", bid), ("ask", ask)):
            price, quantity = quote or (ZERO, ZERO)
            body |= {f"{name}Price": self._write(price), f"{name}Qty": self._write(quantity)}
        if self._is_futures:
            body |= {"time": call.time(self._dialect.venue.now_ns()), "lastUpdateId": market.book.update_id}
        return body

    def _day(self, call: Call, symbol: str, market: Market) -> dict[str, Any]:
        now_ns = self._dialect.venue.clock.now_ns()
        bar, write = frames.day(market, now_ns), self._write
        if bar is None:
            return {"symbol": symbol, "lastPrice": "0", "count": 0, "closeTime": call.time(now_ns)}
        change = bar.close - bar.open
        body = {"symbol": symbol, "priceChange": write(change), "priceChangePercent": frames.percent(change, bar.open)}
        body |= {"weightedAvgPrice": write(frames.average(bar)), "lastPrice": write(bar.close)}
        body |= {"openPrice": write(bar.open), "highPrice": write(bar.high), "lowPrice": write(bar.low)}
        body |= {"volume": write(bar.volume), "quoteVolume": write(bar.quote_volume)}
        times = {"openTime": call.time(bar.start_ns), "closeTime": call.time(now_ns)}
        return body | times | {"firstId": bar.first_id, "lastId": bar.last_id, "count": bar.count}

    def _trade(self, time: TimeOf, trade: Trade) -> dict[str, Any]:
        body = {"id": trade.id, "price": self._write(trade.price), "qty": self._write(trade.quantity)}
        body |= {"quoteQty": self._write(trade.quote), "time": time(trade.ts_ns), "isBuyerMaker": trade.is_buyer_maker}
        return body if self._is_futures else body | {"isBestMatch": True}

    def _aggregate(self, time: TimeOf, one: Aggregate) -> dict[str, Any]:
        body = {"a": one.id, "p": self._write(one.price), "q": self._write(one.quantity), "f": one.first_id}
        body |= {"l": one.last_id, "T": time(one.ts_ns), "m": one.is_buyer_maker}
        return body | ({"nq": self._write(one.quantity)} if self._is_futures else {"M": True})
