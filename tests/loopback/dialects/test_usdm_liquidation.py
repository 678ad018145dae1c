"""A USD-M account that is liquidated, as it sees it and as everybody does; contracts that close."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import aiohttp

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.core.enums import Side
from quantai.loopback.engine import FuturesAccount, Market
from quantai.loopback.server.venue import LoopbackVenue
from tests.venues.running import Client, running_venue

START_NS = 1_780_000_000 * NS_PER_SECOND
SYMBOL = "BTC/USDT:USDT"


@asynccontextmanager
async def _venue() -> AsyncIterator[tuple[LoopbackVenue, Client, SimulatedClock, Market]]:
    clock = SimulatedClock(START_NS)
    async with running_venue("binance_usdm", clock) as venue, Client(venue) as client:
        yield venue, client, clock, venue.engine.markets[SYMBOL]


async def _ask(client: Client, method: str, path: str, **params: Any) -> Any:
    status, body = await client.ask(method, f"/fapi/{path}", signed=True, **params)
    assert status == 200, body
    return body


async def _hold(venue: LoopbackVenue, client: Client, money: str) -> None:
    """0.2 BTC bought at 65,001, and so much money."""
    order = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.2"}
    placed = await _ask(client, "POST", "v1/order", type="MARKET", **order)
    assert (placed["status"], placed["executedQty"]) == ("NEW", "0")  # a mere acknowledgement, as by default
    await _ask(client, "POST", "v1/order", type="LIMIT", timeInForce="GTC", price="60000", **order)
    account = venue.engine.accounts["main"]
    assert isinstance(account, FuturesAccount)
    account.wallet["USDT"] = Decimal(money)


async def _events(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[Any]:
    return [await socket.receive_json(timeout=20) for _ in range(count)]


async def test_it_is_told_its_orders_ends_then_the_venues_order_then_the_fee() -> None:
    async with _venue() as (venue, client, _, market):
        _, key = await client.ask("POST", "/fapi/v1/listenKey")
        await _hold(venue, client, "1000")
        async with client.socket(f"/private/ws?listenKey={key['listenKey']}") as socket:
            venue.engine.set_mark(market, Decimal(60_200), None)
            ended, new, account, filled, fee = await _events(socket, 5)
        assert (ended["o"]["x"], ended["o"]["X"], ended["o"]["er"]) == ("EXPIRED", "EXPIRED", "5")
        order = new["o"]
        assert order["c"].startswith("autoclose-")
        assert (order["x"], order["X"], order["o"], order["ot"], order["f"]) == (
            "NEW", "NEW", "LIQUIDATION", "LIQUIDATION", "IOC",
        )  # fmt: skip
        assert (account["e"], account["a"]["m"], account["a"]["P"][0]["pa"]) == ("ACCOUNT_UPDATE", "ORDER", "0")
        assert (filled["o"]["x"], filled["o"]["X"], filled["o"]["z"]) == ("CALCULATED", "FILLED", "0.2")
        assert (filled["o"]["i"], filled["o"]["L"]) == (order["i"], "64999")
        assert filled["o"]["t"] > 0
        cleared = Decimal(64_999) * Decimal("0.2") * Decimal("0.0125")
        assert (fee["a"]["m"], fee["a"]["P"], Decimal(fee["a"]["B"][0]["bc"])) == ("INSURANCE_CLEAR", [], -cleared)
        shown = await _ask(client, "GET", "v1/order", symbol="BTCUSDT", orderId=order["i"])
        assert (shown["clientOrderId"], shown["type"], shown["status"]) == (order["c"], "LIMIT", "FILLED")
        assert await _ask(client, "GET", "v3/positionRisk") == []
        [balance] = await _ask(client, "GET", "v3/balance")
        assert balance["balance"] == fee["a"]["B"][0]["wb"]


async def test_positions_say_what_they_must_leave_and_where_they_end() -> None:
    async with _venue() as (venue, client, _, market):
        await _hold(venue, client, "1000")
        venue.engine.set_mark(market, Decimal(64_000), None)
        [row] = await _ask(client, "GET", "v3/positionRisk")
        assert Decimal(row["maintMargin"]) == Decimal("0.2") * 64_000 * Decimal("0.004")
        price = Decimal(row["liquidationPrice"])
        assert abs(1_000 + (price - 65_001) / 5 - price / 5 * Decimal("0.004")) < Decimal("1e-6")
        [brackets, _] = await _ask(client, "GET", "v1/leverageBracket")
        assert brackets["brackets"][0]["maintMarginRatio"] == 0.004
        account = await _ask(client, "GET", "v3/account")
        assert account["totalMaintMargin"] == row["maintMargin"]


async def test_everybody_is_told_the_newest_liquidation_of_a_symbol_once_a_second() -> None:
    async with _venue() as (venue, client, clock, market):
        async with client.socket("/market/stream?streams=!forceOrder@arr/btcusdt@forceOrder") as socket:
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            await socket.receive_json()
            for price in ("64000", "64001.5"):
                venue.engine.liquidate_stranger(market, Side.SELL, Decimal(price), Decimal("0.014"))
            clock.advance_to(START_NS + 3 * NS_PER_SECOND)
            venue.engine.liquidate_stranger(market, Side.BUY, Decimal(64_002), Decimal("0.5"))
            clock.advance_to(START_NS + 5 * NS_PER_SECOND)
            frames = await _events(socket, 4)
        assert {frame["stream"] for frame in frames} == {"!forceOrder@arr", "btcusdt@forceOrder"}
        first = frames[0]["data"]
        assert first["o"] == {
            "s": "BTCUSDT", "S": "SELL", "o": "LIMIT", "f": "IOC", "q": "0.014", "p": "64001.5", "ap": "64001.5",
            "X": "FILLED", "l": "0.014", "z": "0.014", "T": START_NS // 1_000_000,
        }  # fmt: skip
        assert [frame["data"]["o"]["S"] for frame in frames] == ["SELL", "SELL", "BUY", "BUY"]


async def test_a_contract_that_closes_is_told_on_command() -> None:
    async with _venue() as (_, client, _, market):
        async with client.socket("/market/ws/!contractInfo") as socket:
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            await socket.receive_json()
            command = {"symbol": SYMBOL, "is_open": False}
            assert await client.control("POST", "status", command) == (200, {"ok": True})
            frame = await socket.receive_json(timeout=20)
        assert (frame["e"], frame["s"], frame["ct"], frame["st"]) == ("contractInfo", "BTCUSDT", "PERPETUAL", 1)
        _, info = await client.ask("GET", "/fapi/v1/exchangeInfo")
        assert frame["cs"] == info["symbols"][0]["status"] != "TRADING"
        assert not market.is_open
        assert (await client.control("POST", "status", {"symbol": "X/Y", "is_open": True}))[0] == 404
        assert (await client.control("POST", "status", {"symbol": SYMBOL, "is_open": "maybe"}))[0] == 400


async def test_a_synthetic_market_has_liquidations_and_its_open_interest_is_live() -> None:
    clock = SimulatedClock(START_NS)
    async with running_venue("binance_usdm", clock, source_of=None) as venue, Client(venue) as client:
        async with client.socket("/market/ws/!forceOrder@arr") as socket:
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            await socket.receive_json()
            clock.advance_to(START_NS + 50 * NS_PER_SECOND)
            frame = await socket.receive_json(timeout=20)
        assert (frame["e"], frame["o"]["X"]) == ("forceOrder", "FILLED")
        _, before = await client.ask("GET", "/fapi/v1/openInterest", symbol="BTCUSDT")
        await _ask(client, "POST", "v1/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1")
        _, after = await client.ask("GET", "/fapi/v1/openInterest", symbol="BTCUSDT")
        assert Decimal(after["openInterest"]) - Decimal(before["openInterest"]) == Decimal("0.1")
