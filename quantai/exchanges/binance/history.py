"""Binance's past: klines as bars, aggregate trades as trades.

Source: Binance Spot API, «Compressed/Aggregate trades list», «Kline/Candlestick data»; USD-M and COIN-M Futures, the
same. Aggregate trades are numbered without holes, so a number that is missing is a hole, and told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from quantai.core.clock import NS_PER_MS
from quantai.core.enums import Side
from quantai.core.errors import VenueError
from quantai.events import BarEvent, TradeEvent
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.intervals import interval_name
from quantai.exchanges.errors import MalformedReply
from quantai.exchanges.history import BarPage, History, Hole, TradePage
from quantai.exchanges.http import HttpRequest
from quantai.exchanges.rate_limiter import Priority
from quantai.exchanges.wire import Id, Ms

_Number = Annotated[str, Meta(pattern=r"^[0-9]{1,15}(\.[0-9]{1,20})?$")]
_Kline = tuple[Ms, _Number, _Number, _Number, _Number, _Number, Ms, Any, Any, Any, Any, Any]
_BUDGET_NS = 600_000 * NS_PER_MS
_UNLIMITED_NS = 2**62


class AggTrade(msgspec.Struct, frozen=True, gc=False):
    """The fills of one taker at one price. One of no size stands for trades that were undone."""

    id: Id = field(name="a")
    price: _Number = field(name="p")
    size: _Number = field(name="q")
    time: Ms = field(name="T")
    is_buyer_maker: bool = field(name="m")

    @property
    def time_ns(self) -> int:
        """When, nanoseconds UTC."""
        return self.time * NS_PER_MS


class BinanceHistory(History):
    """Asks with the lowest priority, for as much as one request gives; waits for the rate budget as long as it takes a
    budget to reset.
    """

    def __init__(self, core: BinanceCore) -> None:
        self._core = core
        self._product = core.product

    async def download_bars(self, symbol: str, interval_ns: int, start_ns: int, end_ns: int) -> AsyncIterator[BarPage]:
        """Klines, as bars. What is missing is a hole, also before the first and after the last."""
        interval = interval_name(interval_ns, is_futures=self._product.is_futures)
        venue_symbol, limit = self._core.mapper.to_venue(symbol), self._product.weights.klines.highest
        finished_ns = self._core.venue_clock.now_ns()
        end_ns = min(end_ns, finished_ns)
        cursor_ns, done_ns, is_first = start_ns, start_ns, True
        while cursor_ns < end_ns:
            until_ns = min(end_ns, cursor_ns + self._klines_window_ns(interval_ns, limit))
            rows = await self._klines(venue_symbol, interval, cursor_ns, until_ns, limit)
            bars = [self._bar(symbol, interval_ns, row) for row in rows if row[0] * NS_PER_MS < until_ns]
            bars = [bar for bar in bars if bar.ts_event <= finished_ns]
            if bars:
                holes = _missing_bars(bars, done_ns, is_first=is_first)
                cursor_ns = done_ns = bars[-1].ts_event
                is_first = False
                yield BarPage(bars, done_ns, holes)
            else:
                cursor_ns = until_ns
        if done_ns + interval_ns <= end_ns:
            yield BarPage([], end_ns, [Hole(done_ns, end_ns, f"no bars of {symbol}")])

    def _klines_window_ns(self, interval_ns: int, limit: int) -> int:
        """How much time to ask for at once: where the newest rows of a range come, no more than `limit` of them."""
        window_ns = self._product.klines_window_ns
        return _UNLIMITED_NS if window_ns is None else min(window_ns, limit * interval_ns)

    async def _klines(self, venue_symbol: str, interval: str, start_ns: int, end_ns: int, limit: int) -> list[_Kline]:
        params = {
            "symbol": venue_symbol,
            "interval": interval,
            "startTime": _ms(start_ns),
            "endTime": str((end_ns - 1) // NS_PER_MS),
            "limit": str(limit),
        }
        return await self._core.http.call(self._request("klines", params, self._klines_weight(limit)), list[_Kline])

    def _klines_weight(self, limit: int) -> int:
        return self._product.weights.klines.weight(limit)

    def _bar(self, symbol: str, interval_ns: int, row: _Kline) -> BarEvent:
        end_ns = row[0] * NS_PER_MS + interval_ns
        prices = (float(row[1]), float(row[2]), float(row[3]), float(row[4]))
        if not (0 < prices[2] <= min(prices) and max(prices) <= prices[1]):
            raise MalformedReply(f"GET klines: the bar of {symbol} that begins at {row[0]} ms is not one: {prices}")
        return BarEvent(self._core.venue, symbol, end_ns, end_ns, interval_ns, *prices, float(row[5]))

    async def download_trades(
        self, symbol: str, start_ns: int, end_ns: int, after: str = ""
    ) -> AsyncIterator[TradePage]:
        """Aggregate trades: the fills of one taker at one price are one, under the venue's number of it."""
        venue_symbol = self._core.mapper.to_venue(symbol)
        end_ns = min(end_ns, self._core.venue_clock.now_ns())
        next_id = int(after) + 1 if after else await self._first_id(venue_symbol, start_ns, end_ns)
        done_ns = start_ns
        while next_id is not None:
            rows = await self._agg_trades(venue_symbol, {"fromId": str(next_id)})
            _refuse_disorder(rows, next_id, symbol)
            within = [row for row in rows if row.time_ns < end_ns]
            if not within:
                break
            holes = _missing_trades(within, next_id, done_ns)
            done_ns, next_id = within[-1].time_ns, rows[-1].id + 1
            trades = [self._trade(symbol, row) for row in within if float(row.size)]
            yield TradePage(trades, done_ns, str(within[-1].id), holes)
            if len(within) < len(rows):
                break

    async def _first_id(self, venue_symbol: str, start_ns: int, end_ns: int) -> int | None:
        """The number of the first trade at or after the start; None where there is none before the end."""
        reach_ns = self._product.agg_trades_reach_ns
        if reach_ns is not None and start_ns < self._core.venue_clock.now_ns() - reach_ns + 60_000 * NS_PER_MS:
            return await self._bisect(venue_symbol, start_ns, end_ns)
        cursor_ns, window_ns = start_ns, self._product.agg_trades_window_ns
        while cursor_ns < end_ns:
            until_ns = min(cursor_ns + window_ns, end_ns)
            span = {"startTime": _ms(cursor_ns), "endTime": str((until_ns - 1) // NS_PER_MS)}
            if rows := await self._agg_trades(venue_symbol, span, limit=1):
                return rows[0].id
            cursor_ns = until_ns
        return None

    async def _bisect(self, venue_symbol: str, start_ns: int, end_ns: int) -> int | None:
        """As `_first_id`, by numbers alone: for times that cannot be asked for any more."""
        newest = await self._agg_trades(venue_symbol, {}, limit=1)
        if not newest or newest[-1].time_ns < start_ns:
            return None
        low, high = 0, newest[-1].id
        found_ns = newest[-1].time_ns
        while low < high:
            middle = (low + high) // 2
            rows = await self._agg_trades(venue_symbol, {"fromId": str(middle)}, limit=1)
            if not rows:
                raise VenueError(
                    f"GET aggTrades: {venue_symbol} has trade {middle} no longer: begin the download later"
                )
            if rows[0].time_ns < start_ns:
                low = max(middle, rows[0].id) + 1
            else:
                high = middle
                found_ns = rows[0].time_ns
        return low if found_ns < end_ns else None

    async def _agg_trades(self, venue_symbol: str, params: dict[str, str], limit: int | None = None) -> list[AggTrade]:
        limit = limit or self._product.agg_trades_limit
        asked = {"symbol": venue_symbol, **params, "limit": str(limit)}
        return await self._core.http.call(
            self._request("aggTrades", asked, self._product.weights.agg_trades), list[AggTrade]
        )

    def _trade(self, symbol: str, row: AggTrade) -> TradeEvent:
        time_ns = row.time_ns
        if not float(row.price):
            raise MalformedReply(f"GET aggTrades: trade {row.id} of {symbol} has no price")
        side = Side.SELL if row.is_buyer_maker else Side.BUY
        return TradeEvent(
            self._core.venue, symbol, time_ns, time_ns, float(row.price), float(row.size), side, str(row.id)
        )

    def _request(self, name: str, params: dict[str, str], weight: int) -> HttpRequest:
        return HttpRequest(
            method="GET",
            path=self._product.path(name),
            params=params,
            costs=self._product.costs(weight),
            priority=Priority.HISTORY,
            budget_ns=_BUDGET_NS,
        )


def _ms(ts_ns: int) -> str:
    """The first whole millisecond at or after."""
    return str(-(-ts_ns // NS_PER_MS))


def _missing_bars(bars: Sequence[BarEvent], expected_ns: int, *, is_first: bool) -> list[Hole]:
    """Of the first page the first bar may begin later than asked for, as bars begin when they do."""
    holes = []
    for bar in bars:
        start_ns = bar.ts_event - bar.interval_ns
        if start_ns < expected_ns:
            raise MalformedReply(f"GET klines: a bar of {bar.symbol} comes twice or out of order")
        if start_ns - expected_ns >= (bar.interval_ns if is_first else 1):
            holes.append(Hole(expected_ns, start_ns, f"no bars of {bar.symbol}"))
        expected_ns, is_first = bar.ts_event, False
    return holes


def _refuse_disorder(rows: Sequence[AggTrade], next_id: int, symbol: str) -> None:
    for row in rows:
        if row.id < next_id:
            raise MalformedReply(f"GET aggTrades: trade {row.id} of {symbol} comes after {next_id - 1}")
        next_id = row.id + 1


def _missing_trades(rows: Sequence[AggTrade], next_id: int, since_ns: int) -> list[Hole]:
    holes = []
    for row in rows:
        if row.id != next_id:
            holes.append(Hole(since_ns, row.time_ns, f"{row.id - next_id} trades are missing"))
        next_id, since_ns = row.id + 1, row.time_ns
    return holes
