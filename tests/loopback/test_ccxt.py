"""An independent client finds what it expects: ccxt and ccxt.pro, pointed at the loopback venue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from quantai.loopback.engine import SpotAccount
from quantai.loopback.server.venue import LoopbackVenue
from tests.venues.running import KEY, SECRET, running_venue, until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ccxt")
_SPOT, _USDM = "BTC/USDT", "BTC/USDT:USDT"
_HISTORY_NS = 180_000_000_000


def _pointed_at(venue: LoopbackVenue, client: Any) -> Any:
    http, ws = f"http://{venue.address}", f"ws://{venue.address}"
    api = client.urls["api"]
    for name, path in {
        "public": "/api/v3", "private": "/api/v3", "v1": "/api/v1", "sapi": "/sapi/v1",
        "fapiPublic": "/fapi/v1", "fapiPublicV2": "/fapi/v2", "fapiPublicV3": "/fapi/v3",
        "fapiPrivate": "/fapi/v1", "fapiPrivateV2": "/fapi/v2", "fapiPrivateV3": "/fapi/v3",
    }.items():  # fmt: skip
        api[name] = f"{http}{path}"
    # ccxt renamed "future" to "linear" in 4.5.
    api["ws"] = dict.fromkeys(("spot", "margin", "future", "linear"), f"{ws}/ws")
    api["ws"]["ws-api"] = {"spot": f"{ws}/ws-api/v3"} | dict.fromkeys(("future", "linear"), f"{ws}/ws-fapi/v1")
    client.options["fetchMarkets"] = {"types": ["linear" if venue.dialect.name == "binance_usdm" else "spot"]}
    client.options["fetchCurrencies"] = client.has["fetchCurrencies"] = False
    client.options["fetchMargins"] = False
    return client


@asynccontextmanager
async def _connected(dialect: str) -> AsyncIterator[tuple[LoopbackVenue, Any]]:
    import ccxt.pro

    async with running_venue(dialect, history_ns=_HISTORY_NS, source_of=None) as venue:
        kind = ccxt.pro.binance if dialect == "binance" else ccxt.pro.binanceusdm
        client = _pointed_at(venue, kind({"apiKey": KEY, "secret": SECRET, "enableRateLimit": False}))
        try:
            await client.load_markets()
            yield venue, client
        finally:
            await client.close()


async def _soon(waited: Any) -> Any:
    return await asyncio.wait_for(waited, 60)


async def test_spot_market_data_and_orders() -> None:
    async with _connected("binance") as (venue, client):
        market = client.market(_SPOT)
        assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
        assert market["limits"]["cost"]["min"] == 5
        book = await client.fetch_order_book(_SPOT, 20)
        bid, ask = book["bids"][0][0], book["asks"][0][0]
        assert bid < ask
        assert len(book["bids"]) == 20
        assert len(await client.fetch_trades(_SPOT, limit=50)) == 50
        bars = await client.fetch_ohlcv(_SPOT, "1m")
        assert len(bars) >= 3
        assert (await client.fetch_ticker(_SPOT))["last"] > 0
        assert (await client.fetch_balance())["USDT"]["total"] == 100_000

        placed = await client.create_order(_SPOT, "limit", "buy", 0.01, round(bid * 0.95, 2))
        assert placed["status"] == "open"
        assert [order["id"] for order in await client.fetch_open_orders(_SPOT)] == [placed["id"]]
        edited = await client.edit_order(placed["id"], _SPOT, "limit", "buy", 0.02, round(bid * 0.94, 2))
        assert (edited["amount"], edited["status"]) == (0.02, "open")
        canceled = await client.cancel_order(edited["id"], _SPOT)
        assert canceled["status"] == "canceled"
        assert await client.fetch_open_orders(_SPOT) == []

        bought = await client.create_order(_SPOT, "market", "buy", 0.01)
        assert (bought["status"], bought["filled"]) == ("closed", 0.01)
        fills = await client.fetch_my_trades(_SPOT)
        assert sum(Decimal(str(fill["amount"])) for fill in fills) == Decimal("0.01")
        held = await client.fetch_balance()
        truth = venue.engine.accounts["main"]
        assert isinstance(truth, SpotAccount)
        assert Decimal(str(held["BTC"]["total"])) == truth.balances["BTC"].total


async def test_spot_errors_have_their_meaning() -> None:
    import ccxt

    async with _connected("binance") as (_venue, client):
        with pytest.raises(ccxt.InsufficientFunds):
            await client.create_order(_SPOT, "limit", "sell", 50, 70_000)
        with pytest.raises(ccxt.OrderNotFound):
            await client.cancel_order("987654", _SPOT)
        with pytest.raises(ccxt.OrderImmediatelyFillable):
            await client.create_order(_SPOT, "limit", "buy", 0.01, 70_000, {"postOnly": True})
        client.secret = "another"
        with pytest.raises(ccxt.AuthenticationError):
            await client.fetch_balance()


async def test_spot_streams() -> None:
    async with _connected("binance") as (venue, client):
        trades, book, quotes = await asyncio.gather(
            _soon(client.watch_trades(_SPOT)),
            _soon(client.watch_order_book(_SPOT)),
            _soon(client.watch_bids_asks([_SPOT])),
        )
        assert trades[0]["price"] > 0
        assert book["bids"][0][0] < book["asks"][0][0]
        assert quotes[_SPOT]["bid"] < quotes[_SPOT]["ask"]
        nonce = book["nonce"]
        while (book := await _soon(client.watch_order_book(_SPOT)))["nonce"] <= nonce:
            pass
        bid = book["bids"][0][0]
        watched = asyncio.ensure_future(client.watch_orders(_SPOT))
        balance = asyncio.ensure_future(client.watch_balance())
        await until(lambda: venue.counts["private_streams"] > 0)
        placed = await client.create_order(_SPOT, "limit", "buy", 0.01, round(bid * 0.95, 2))
        own = await _soon(watched)
        assert (own[0]["id"], own[0]["status"]) == (placed["id"], "open")
        assert (await _soon(balance))["USDT"]["used"] > 0
        await client.cancel_order(placed["id"], _SPOT)
        assert (await _soon(client.watch_orders(_SPOT)))[-1]["status"] == "canceled"


async def test_usdm_market_data_and_orders() -> None:
    async with _connected("binance_usdm") as (venue, client):
        book = await client.fetch_order_book(_USDM, 100)
        bid, ask = book["bids"][0][0], book["asks"][0][0]
        assert bid < ask
        assert len(await client.fetch_trades(_USDM, limit=50)) == 50
        assert len(await client.fetch_ohlcv(_USDM, "1m")) >= 3
        assert (await client.fetch_funding_rate(_USDM))["markPrice"] > 0
        assert (await client.fetch_open_interest(_USDM))["openInterestAmount"] > 0
        assert (await client.fetch_balance())["USDT"]["total"] == 100_000
        await client.set_leverage(10, _USDM)

        placed = await client.create_order(_USDM, "limit", "buy", 0.01, round(bid * 0.95, 1))
        edited = await client.edit_order(placed["id"], _USDM, "limit", "buy", 0.02, round(bid * 0.94, 1))
        assert (edited["id"], edited["amount"]) == (placed["id"], 0.02)
        assert [order["id"] for order in await client.fetch_open_orders(_USDM)] == [placed["id"]]
        assert (await client.cancel_order(placed["id"], _USDM))["status"] == "canceled"

        await client.create_order(_USDM, "market", "buy", 0.01)
        positions = await client.fetch_positions([_USDM])
        assert positions[0]["contracts"] == 0.01
        stop = await client.create_order(_USDM, "market", "sell", 0.01, None, {"stopPrice": round(bid * 0.9, 1)})
        assert (await client.fetch_open_orders(_USDM, params={"stop": True}))[0]["id"] == stop["id"]
        await client.cancel_order(stop["id"], _USDM, {"stop": True})
        await client.create_order(_USDM, "market", "sell", 0.01, None, {"reduceOnly": True})
        assert all(held["contracts"] == 0 for held in await client.fetch_positions([_USDM]))
        fills = await client.fetch_my_trades(_USDM)
        assert sum(Decimal(str(fill["amount"])) for fill in fills) == Decimal("0.02")
        assert venue.counts["bad_signatures"] == 0


async def test_usdm_streams() -> None:
    async with _connected("binance_usdm") as (venue, client):
        trades, book, quotes = await asyncio.gather(
            _soon(client.watch_trades(_USDM)),
            _soon(client.watch_order_book(_USDM)),
            _soon(client.watch_bids_asks([_USDM])),
        )
        assert trades[0]["price"] > 0
        assert quotes[_USDM]["bid"] < quotes[_USDM]["ask"]
        nonce = book["nonce"]
        while (book := await _soon(client.watch_order_book(_USDM)))["nonce"] <= nonce:
            pass
        watched = asyncio.ensure_future(client.watch_orders(_USDM))
        await until(lambda: venue.counts["private_streams"] > 0)
        placed = await client.create_order(_USDM, "limit", "buy", 0.01, round(book["bids"][0][0] * 0.95, 1))
        own = await _soon(watched)
        assert (own[0]["id"], own[0]["status"]) == (placed["id"], "open")
        await client.cancel_order(placed["id"], _USDM)
        assert (await _soon(client.watch_orders(_USDM)))[-1]["status"] == "canceled"
