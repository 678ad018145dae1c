"""Market data that Binance has over REST only, as frames: what is asked for goes the way of the streams, through the
decoder, and into the recording of raw frames.

Source: Binance Spot API, «Market Data endpoints»; USD-M and COIN-M Futures API, «Market Data».
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import UnknownInstrument, VenueError
from quantai.exchanges.binance.decoder import OPEN_INTEREST, PAST_AGG_TRADES, PAST_TRADES, SNAPSHOT, rest_frame
from quantai.exchanges.book_sync import BookSync
from quantai.exchanges.errors import MalformedReply
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.rate_limiter import Priority

if TYPE_CHECKING:
    from quantai.exchanges.binance.core import BinanceCore

_TRADES_AT_ONCE = 1_000
_HOUR_NS = 3_600 * NS_PER_SECOND


class RestData:
    """Asks, and gives the answers to `on_frame(frame, ts_ns)`. Every question raises `VenueError`."""

    def __init__(self, core: BinanceCore, book_depth: int, on_frame: Callable[[bytes, int], None]) -> None:
        self._core = core
        self._product = core.product
        limits = [limit for limit, _ in core.product.weights.depth.rows]
        self.depth = next((limit for limit in limits if limit >= book_depth), limits[-1])
        """Levels of each side that snapshots are asked for: futures take these numbers only."""
        self._on_frame = on_frame

    async def book(self, book: BookSync) -> None:
        """A snapshot of the book: it blocks trading, so it goes before history."""
        weight = self._product.weights.depth.weight(self.depth)
        await self._ask(book.symbol, "depth", SNAPSHOT, weight, {"limit": str(self.depth)}, Priority.QUERY)

    async def trades(self, symbol: str, from_id: int) -> None:
        """Up to 1,000 trades from an id on: aggregate ones on futures, as their streams have them."""
        params = {"fromId": str(from_id), "limit": str(_TRADES_AT_ONCE)}
        weights = self._product.weights
        if self._product.is_futures:
            await self._ask(symbol, "aggTrades", PAST_AGG_TRADES, weights.agg_trades, params)
        else:
            await self._ask(symbol, "historicalTrades", PAST_TRADES, weights.historical_trades, params)

    async def open_interest(self, symbol: str) -> None:
        """What is open now."""
        await self._ask(symbol, "openInterest", OPEN_INTEREST, self._product.weights.open_interest, {})

    async def _ask(
        self,
        symbol: str,
        path: str,
        kind: str,
        weight: int,
        params: dict[str, str],
        priority: Priority = Priority.HISTORY,
    ) -> None:
        try:
            venue_symbol = self._core.mapper.to_venue(symbol)
        except UnknownInstrument as error:  # no longer listed
            raise VenueError(str(error)) from None
        request = HttpRequest(
            method="GET",
            path=self._product.path(path),
            params={"symbol": venue_symbol, **params},
            costs=self._product.costs(weight),
            priority=priority,
            budget_ns=_HOUR_NS if priority is Priority.QUERY else 60 * NS_PER_SECOND,
        )
        body = await self._core.http.call(request, msgspec.Raw)
        frame = rest_frame(venue_symbol, kind, bytes(body))
        try:
            self._on_frame(frame, self._core.clock.now_ns())
        except Exception as error:  # as of any frame that cannot be understood
            raise MalformedReply(f"{request}: {error}") from error
