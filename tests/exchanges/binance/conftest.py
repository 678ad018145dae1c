"""A small Binance over real sockets: answers what it was told to, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from quantai.core.clock import SimulatedClock
from quantai.events import Event
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.binance import BinanceCoinm, BinanceSpot, BinanceUsdm
from quantai.exchanges.binance.exchange import BinanceExchange
from quantai.exchanges.http import HttpSettings
from quantai.instruments import Instrument

NOW_NS = 1_780_000_000_000_000_000
Answer = Callable[[Mapping[str, str]], Any]


class SmallBinance:
    """`answers` has a function of the parameters, or a fixed reply, by the end of the path."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "time": {"serverTime": NOW_NS // 1_000_000 + 250},
            "exchangeInfo": {"symbols": [btc_usdt()], "rateLimits": []},
        }
        self.status = 200
        self.asked: list[tuple[str, dict[str, str]]] = []
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self.server = TestServer(app)

    async def _serve(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        self.asked.append((name, dict(request.query)))
        answer = self.answers[name]
        body = answer(request.query) if callable(answer) else answer
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(text=text, status=self.status, content_type="application/json")

    def times(self, name: str) -> int:
        return sum(asked == name for asked, _ in self.asked)


class World:
    """One exchange that talks to a small Binance on a simulated clock."""

    def __init__(self, folder: Path) -> None:
        self.venue = SmallBinance()
        self.clock = SimulatedClock(NOW_NS)
        self.told: list[Event] = []
        self.folder = folder
        self.made: list[BinanceExchange] = []

    def exchange(
        self, kind: type[BinanceExchange] = BinanceSpot, *instruments: Instrument, **more: Any
    ) -> BinanceExchange:
        url = str(self.venue.server.make_url("")).rstrip("/")
        made = kind(**{"hosts": {"rest": url}, **more})
        venue = {BinanceCoinm: "binance_coinm", BinanceUsdm: "binance_usdm"}.get(kind, "binance")
        made.bind(
            ExchangeContext(
                venue, instruments, clock=self.clock, publish=self.told.append, cache_folder=self.folder / "cache"
            )
        )
        http = made._core.http
        http.settings = HttpSettings(delay_ns=0)
        self.made.append(made)
        return made

    async def close(self) -> None:
        for exchange in self.made:
            await exchange.stop()
        await self.venue.server.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.venue.server.start_server(shutdown_timeout=0.1)
    yield made
    await made.close()


def btc_usdt(**changes: Any) -> dict[str, Any]:
    """The row of a spot symbol in `exchangeInfo`; `changes` of its fields, or of its filters by `TYPE_field`."""
    row: dict[str, Any] = {
        "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "baseAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"], "permissionSets": [["SPOT"]], "filters": spot_filters(),
    }  # fmt: skip
    return row | changes


def spot_filters(**changes: Any) -> list[dict[str, Any]]:
    filters: dict[str, Any] = {
        "PRICE_FILTER": {"minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": "0.01000000"},
        "LOT_SIZE": {"minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
        "MARKET_LOT_SIZE": {"minQty": "0.00000000", "maxQty": "120.5", "stepSize": "0.00000000"},
        "NOTIONAL": {"minNotional": "5.00000000", "applyMinToMarket": True, "maxNotional": "9000000.00000000"},
        "MAX_NUM_ORDERS": {"maxNumOrders": 200},
    }
    filters |= changes
    return [{"filterType": name, **fields} for name, fields in filters.items() if fields is not None]


def btc_perpetual(**changes: Any) -> dict[str, Any]:
    """The row of a USD-M symbol in `exchangeInfo`."""
    row: dict[str, Any] = {
        "symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL", "deliveryDate": 4133404800000,
        "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": 2,
        "quantityPrecision": 3, "orderTypes": ["LIMIT", "MARKET"], "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "556.8", "maxPrice": "4529764", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
            {"filterType": "MIN_NOTIONAL", "notional": "100"},
            {"filterType": "PERCENT_PRICE", "multiplierUp": "1.05", "multiplierDown": "0.95", "multiplierDecimal": "4"},
        ],
    }  # fmt: skip
    return row | changes


def btc_coin_perpetual(**changes: Any) -> dict[str, Any]:
    """The row of a COIN-M symbol in `exchangeInfo`."""
    row: dict[str, Any] = {
        "symbol": "BTCUSD_PERP", "pair": "BTCUSD", "contractType": "PERPETUAL", "deliveryDate": 4133404800000,
        "contractStatus": "TRADING", "contractSize": 100, "baseAsset": "BTC", "quoteAsset": "USD", "marginAsset": "BTC",
        "pricePrecision": 1, "quantityPrecision": 0, "equalQtyPrecision": 4, "orderTypes": ["LIMIT", "MARKET"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "1000", "maxPrice": "4520958", "tickSize": "0.1"},
            {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "1000000", "stepSize": "1"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "1", "maxQty": "60000", "stepSize": "1"},
        ],
    }  # fmt: skip
    return row | changes
