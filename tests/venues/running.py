"""Loopback venues for tests: on a free port, in this loop or in a thread of their own, and a small client for them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from quantai.core.clock import Clock
from quantai.core.enums import Side
from quantai.events import FundingRateEvent, MarketEvent, MarkPriceEvent, OrderBookSnapshotEvent, TradeEvent
from quantai.instruments import Instrument
from quantai.loopback.dialects import DIALECTS
from quantai.loopback.feed import ScriptedSource
from quantai.loopback.server.keys import ApiKey
from quantai.loopback.server.venue import LoopbackVenue, VenueSettings

KEY, SECRET = "test-key", "test-secret"
PRICES = {"BTC/USDT": Decimal(65_000), "ETH/USDT": Decimal(3_200)}
BALANCES = {"USDT": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(10)}


def quiet_market(prices: Mapping[Instrument, Decimal], start_ns: int) -> ScriptedSource:
    """Twenty levels a side, one trade, one mark price, and then nothing: what happens is what the test does."""
    events: list[MarketEvent] = []
    for instrument, price in prices.items():
        where, middle = (instrument.venue, instrument.symbol, start_ns, start_ns), float(price)
        bids, asks = (tuple((round(middle + sign * (1 + n), 2), 1.0) for n in range(20)) for sign in (-1, 1))
        events.append(OrderBookSnapshotEvent(*where, bids, asks))
        events.append(TradeEvent(*where, middle, 0.01, Side.BUY, "1"))
        if instrument.is_margined:
            events.append(MarkPriceEvent(*where, middle, middle))
            events.append(FundingRateEvent(*where, 0.0001, start_ns + 3_600 * 10**9))
    return ScriptedSource(events)


def venue_settings(dialect: str = "binance", **changes: Any) -> VenueSettings:
    """Two markets, one account with money, a key that may trade; the market is quiet, unless `source_of` is None."""
    balances = BALANCES if dialect == "binance" else {"USDT": Decimal(100_000)}
    facts: dict[str, Any] = {"prices": PRICES, "keys": [ApiKey(KEY, SECRET)], "balances": balances, "seed": 7}
    facts["source_of"] = quiet_market
    return VenueSettings(**(facts | changes))


@asynccontextmanager
async def running_venue(
    dialect: str = "binance", clock: Clock | None = None, **changes: Any
) -> AsyncIterator[LoopbackVenue]:
    """A venue in this loop, until the block ends."""
    venue = LoopbackVenue(DIALECTS[dialect](), venue_settings(dialect, **changes), clock)
    await venue.start()
    try:
        yield venue
    finally:
        await venue.stop()


@contextmanager
def venue_in_thread(dialect: str = "binance", **changes: Any) -> Iterator[LoopbackVenue]:
    """A venue in a thread of its own: for tests that run a daemon, or block. Talk to it over HTTP only."""
    loop = asyncio.new_event_loop()
    venue = LoopbackVenue(DIALECTS[dialect](), venue_settings(dialect, **changes))
    started = threading.Event()
    ended = asyncio.Event()

    async def serve() -> None:
        await venue.start()
        started.set()
        await ended.wait()
        await venue.stop()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="loopback-venue")
    thread.start()
    try:
        assert started.wait(30), "the venue did not start"
        yield venue
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(30)
        loop.close()


class Client:
    """Asks a venue over HTTP as Binance's documents say; answers are status, body and headers."""

    def __init__(self, venue: LoopbackVenue, key: str = KEY, secret: str = SECRET) -> None:
        self._venue = venue
        self._key = key
        self._secret = secret
        self._session = aiohttp.ClientSession()
        self.headers: dict[str, str] = {}

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._session.close()

    async def ask(self, method: str, path: str, *, signed: bool = False, **params: Any) -> tuple[int, Any]:
        """The status and the body of an answer; its headers are kept in `headers`."""
        if signed:
            params.setdefault("timestamp", self._venue.clock.now_ns() // 1_000_000)
        query = urlencode({name: value for name, value in params.items() if value is not None})
        if signed:
            query += f"&signature={hmac.new(self._secret.encode(), query.encode(), hashlib.sha256).hexdigest()}"
        url = f"http://{self._venue.address}{path}" + (f"?{query}" if query else "")
        async with self._session.request(
            method, URL(url, encoded=True), headers={"X-MBX-APIKEY": self._key}
        ) as response:
            self.headers = dict(response.headers)
            return response.status, await response.json()

    async def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Ask `/loopback/...`."""
        url = f"http://{self._venue.address}/loopback/{path}"
        async with self._session.request(method, url, json=body) as response:
            return response.status, await response.json()

    def socket(self, path: str) -> Any:
        """A WebSocket connection, to be entered."""
        return self._session.ws_connect(f"http://{self._venue.address}{path}")

    async def until(self, socket: aiohttp.ClientWebSocketResponse, wanted: Any) -> Any:
        """The first JSON message for which `wanted` is true; fails after 20 s."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            message = await asyncio.wait_for(socket.receive_json(), 20)
            if wanted(message):
                return message
        raise AssertionError("the message did not come")


async def until(is_true: Callable[[], bool]) -> None:
    """Let the loop run until something is so; fails after 20 s."""
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline, "it did not become so"
        await asyncio.sleep(0)
