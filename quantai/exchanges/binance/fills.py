"""The fills of an account, page by page: all of them, or none.

Binance tells them by symbol, within windows of time or onwards from an id. So the first is looked for by time, and what
follows is fetched by id, which skips nothing however many fills have the same time.
Source: Binance Spot API, «Account trade list» (24 h); USD-M Futures, «Account Trade List» (7 days, 6 months back).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from quantai.core.clock import NS_PER_MS
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.rest_messages import SpotFill, UsdmFill
from quantai.exchanges.binance.statuses import fill_report
from quantai.exchanges.errors import MalformedReply
from quantai.exchanges.execution import ExecutionReport
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.rate_limiter import Priority

PAGE = 1_000
_DAY_MS = 86_400_000
_AHEAD_MS = 60_000
_FEW_WINDOWS = 2
_HOURS = 6
_WINDOW_MS = {"spot": _DAY_MS, "usdm": 7 * _DAY_MS}
_REACH_MS = {"spot": 10 * 366 * _DAY_MS, "usdm": 180 * _DAY_MS}
_NAMES = {"spot": "myTrades", "usdm": "userTrades"}

Fill = SpotFill | UsdmFill
T = TypeVar("T")


class PublicTrade(msgspec.Struct, frozen=True):
    """One of `aggTrades`."""

    first_id: int = msgspec.field(name="f")


async def gathered(questions: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All answers, asked for side by side; the first failure ends the others."""
    tasks = [asyncio.ensure_future(question) for question in questions]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class FillHistory:
    """Asks for fills; each question is for one symbol and one page."""

    def __init__(self, core: BinanceCore) -> None:
        self._core = core
        self._product = core.product
        self._type: Any = list[UsdmFill] if self._product.is_futures else list[SpotFill]

    async def since(self, since_ns: int, venue_symbols: Sequence[str]) -> list[ExecutionReport]:
        """Every fill at or after `since_ns`, oldest first. Raises `VenueError` where any page could not be had."""
        since_ms = since_ns // NS_PER_MS
        pages = await gathered([self._of_symbol(symbol, since_ms) for symbol in venue_symbols])
        fills = sorted(itertools.chain(*pages), key=lambda fill: (fill.time, fill.symbol, fill.id))
        to_unified = self._core.mapper.to_unified
        return [fill_report(fill, to_unified(fill.symbol) or fill.symbol) for fill in fills]

    async def _of_symbol(self, symbol: str, since_ms: int) -> list[Fill]:
        first_id = await self._first_id(symbol, since_ms)
        if first_id is None:
            return []
        fills = page = await self._page(symbol, {"fromId": str(first_id)})
        while len(page) == PAGE:
            page = await self._page(symbol, {"fromId": str(page[-1].id + 1)})
            if page and page[0].id <= fills[-1].id:
                raise MalformedReply(f"Binance lists fills of {symbol} anew instead of those that follow")
            fills = fills + page
        return [fill for fill in fills if fill.time >= since_ms]

    async def _first_id(self, symbol: str, since_ms: int) -> int | None:
        """An id from which on all fills since then follow; None where there are none."""
        now_ms = self._core.venue_clock.now_ms()
        window_ms = _WINDOW_MS[self._product.name]
        if not self._product.is_futures and now_ms - since_ms > _FEW_WINDOWS * window_ms:
            public_id = await self._public_id(symbol, since_ms)
            if public_id is not None:
                return public_id
        return await self._first_own_id(symbol, max(since_ms, now_ms - _REACH_MS[self._product.name]), now_ms)

    async def _first_own_id(self, symbol: str, start_ms: int, now_ms: int) -> int | None:
        """That of the first fill in the first window that has any. A full page may lack some: then ask less."""
        window_ms = _WINDOW_MS[self._product.name]
        while start_ms <= now_ms:
            end_ms = min(start_ms + window_ms, now_ms + _AHEAD_MS) - 1
            page = await self._page(symbol, {"startTime": str(start_ms), "endTime": str(end_ms)})
            if len(page) < PAGE:
                if page:
                    return page[0].id
                start_ms += window_ms
            elif window_ms > 1:
                window_ms //= 2
            else:
                raise MalformedReply(f"Binance lists more than {PAGE} fills of {symbol} within a millisecond")
        return None

    async def _public_id(self, symbol: str, since_ms: int) -> int | None:
        """That of the first trade of anybody since then: ids grow with time. None where nobody traded for hours."""
        window_ms = self._product.agg_trades_window_ns // NS_PER_MS
        for start_ms in range(since_ms, since_ms + _HOURS * window_ms, window_ms):
            times = {"startTime": str(start_ms), "endTime": str(start_ms + window_ms - 1)}
            request = HttpRequest(
                method="GET", path=self._product.path("aggTrades"), params={"symbol": symbol, **times, "limit": "1"},
                costs=self._product.costs(self._product.weights.agg_trades),
            )  # fmt: skip
            trades = await self._core.http.call(request, list[PublicTrade])
            if trades:
                return trades[0].first_id
        return None

    async def _page(self, symbol: str, where: Mapping[str, str]) -> list[Fill]:
        request = HttpRequest(
            method="GET", path=self._product.path(_NAMES[self._product.name]),
            params={"symbol": symbol, **where, "limit": str(PAGE)}, is_signed=True,
            costs=self._product.costs(self._product.weights.fills), priority=Priority.QUERY,
        )  # fmt: skip
        page: list[Fill] = await self._core.http.call(request, self._type)
        return sorted(page, key=lambda fill: fill.id)
