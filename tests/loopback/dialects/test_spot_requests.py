"""Binance spot over HTTP: keys, limits, orders, and the errors in Binance's words."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from quantai.core.clock import SimulatedClock
from quantai.loopback.engine import SpotAccount
from quantai.loopback.server.keys import ApiKey
from tests.venues.running import KEY, SECRET, Client, running_venue

_START_NS = 1_780_000_000_000_000_000
_ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}


async def _bid(client: Client) -> float:
    _, quote = await client.ask("GET", "/api/v3/ticker/bookTicker", symbol="BTCUSDT")
    return float(quote["bidPrice"])


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"signature": "00"}, 400, -1022),
        ({"timestamp": _START_NS // 1_000_000 - 60_000}, 400, -1021),
        ({"timestamp": _START_NS // 1_000_000 + 60_000}, 400, -1021),
        ({"recvWindow": 60_001}, 400, -1131),
        ({"symbol": "NOPE"}, 400, -1121),
        ({"symbol": None}, 400, -1102),
        ({"side": "UP"}, 400, -1117),
        ({"type": "OTHER"}, 400, -1116),
        ({"timeInForce": "GTX"}, 400, -1115),
        ({"timeInForce": None}, 400, -1102),
        ({"quantity": "1e3"}, 400, -1100),
        ({"quantity": "NaN"}, 400, -1100),
        ({"quantity": "-1"}, 400, -1100),
        ({"quantity": "0.123456789"}, 400, -1111),
        ({"quantity": "0.000001"}, 400, -1013),
        ({"price": "1"}, 400, -1013),
        ({"newClientOrderId": "a b"}, 400, -1100),
        ({"stopPrice": "5"}, 400, -1106),
        ({"quantity": "99"}, 400, -2010),
    ],
)
async def test_a_wrong_order_is_refused(change: dict[str, Any], status: int, code: int) -> None:
    async with running_venue(clock=SimulatedClock(_START_NS)) as venue, Client(venue) as client:
        order = _ORDER | {"price": "64000.00"} | change
        if "signature" in change:
            answer = await client.ask("POST", "/api/v3/order", **order, timestamp=_START_NS // 1_000_000)
        else:
            answer = await client.ask("POST", "/api/v3/order", signed=True, **order)
        assert (answer[0], answer[1]["code"]) == (status, code)
        assert not venue.engine.accounts["main"].orders


async def test_keys_are_checked() -> None:
    keys = [ApiKey(KEY, SECRET), ApiKey("reader", "other", permissions=frozenset({"read"}))]
    async with running_venue(keys=keys) as venue:
        for key, secret, path, code in (
            ("", SECRET, "account", -2014),
            ("unknown", SECRET, "account", -2015),
            (KEY, "wrong", "account", -1022),
            ("reader", "other", "openOrders", -2015),
        ):
            async with Client(venue, key, secret) as client:
                method = "DELETE" if path == "openOrders" else "GET"
                status, body = await client.ask(method, f"/api/v3/{path}", signed=True, symbol="BTCUSDT")
                assert (body["code"], status) == (code, 400 if code == -1022 else 401)
        async with Client(venue, "reader", "other") as client:
            assert (await client.ask("GET", "/api/v3/account", signed=True))[1]["canTrade"] is False
            status, body = await client.ask("GET", "/sapi/v1/account/apiRestrictions", signed=True)
            assert (body["enableWithdrawals"], body["enableSpotAndMarginTrading"]) == (False, False)


async def test_an_order_lives_and_is_canceled() -> None:
    async with running_venue() as venue, Client(venue) as client:
        price = f"{await _bid(client) * 0.9:.2f}"
        status, placed = await client.ask(
            "POST", "/api/v3/order", signed=True, **_ORDER, price=price, newClientOrderId="a"
        )
        assert (status, placed["status"], placed["fills"]) == (200, "NEW", [])
        assert (client.headers["X-MBX-ORDER-COUNT-10S"], client.headers["X-MBX-ORDER-COUNT-1D"]) == ("1", "1")
        weight = client.headers["X-MBX-USED-WEIGHT-1M"]
        status, body = await client.ask(
            "POST", "/api/v3/order", signed=True, **_ORDER, price=price, newClientOrderId="a"
        )
        assert body["msg"] == "Duplicate order sent."
        assert int(client.headers["X-MBX-USED-WEIGHT-1M"]) == int(weight) + 1  # only what fails has a weight

        _, found = await client.ask("GET", "/api/v3/order", signed=True, symbol="BTCUSDT", origClientOrderId="a")
        assert (found["orderId"], found["isWorking"]) == (placed["orderId"], True)
        _, amended = await client.ask(
            "PUT", "/api/v3/order/amend/keepPriority", signed=True, symbol="BTCUSDT", origClientOrderId="a",
            newQty="0.005", newClientOrderId="b",
        )  # fmt: skip
        assert (amended["amendedOrder"]["origQty"], amended["amendedOrder"]["clientOrderId"]) == ("0.00500000", "b")
        _, gone = await client.ask("DELETE", "/api/v3/order", signed=True, symbol="BTCUSDT", origClientOrderId="b")
        assert (gone["status"], gone["origClientOrderId"]) == ("CANCELED", "b")
        for method, path, code in (("DELETE", "order", -2011), ("DELETE", "openOrders", -2011)):
            _, body = await client.ask(method, f"/api/v3/{path}", signed=True, symbol="BTCUSDT", origClientOrderId="b")
            assert body["code"] == code
        _, body = await client.ask("GET", "/api/v3/order", signed=True, symbol="BTCUSDT", orderId=999_999)
        assert body["code"] == -2013
        account = venue.engine.accounts["main"]
        assert isinstance(account, SpotAccount)
        assert account.balances["USDT"].locked == 0


async def test_cancel_replace_says_which_half_was_done() -> None:
    async with running_venue() as venue, Client(venue) as client:
        price = f"{await _bid(client) * 0.9:.2f}"
        new = _ORDER | {"price": price, "cancelReplaceMode": "STOP_ON_FAILURE"}
        path = "/api/v3/order/cancelReplace"
        status, body = await client.ask("POST", path, signed=True, **new, cancelOrigClientOrderId="none")
        assert (status, body["code"], body["data"]["newOrderResult"]) == (400, -2022, "NOT_ATTEMPTED")
        new["cancelReplaceMode"] = "ALLOW_FAILURE"
        status, body = await client.ask("POST", path, signed=True, **new, cancelOrigClientOrderId="none")
        assert (status, body["code"], body["data"]["newOrderResult"]) == (409, -2021, "SUCCESS")
        first = body["data"]["newOrderResponse"]["orderId"]
        status, body = await client.ask("POST", path, signed=True, **new, cancelOrderId=first)
        assert (status, body["cancelResult"], body["newOrderResult"]) == (200, "SUCCESS", "SUCCESS")
        _, orders = await client.ask("GET", "/api/v3/openOrders", signed=True)
        assert [order["orderId"] for order in orders] == [body["newOrderResponse"]["orderId"]]


async def test_a_market_order_by_value_fills_and_shows_in_the_account() -> None:
    async with running_venue() as venue, Client(venue) as client:
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "500"}
        _, placed = await client.ask("POST", "/api/v3/order", signed=True, **order)
        assert placed["status"] == "FILLED"
        _, fills = await client.ask("GET", "/api/v3/myTrades", signed=True, symbol="BTCUSDT")
        assert [fill["id"] for fill in fills] == [fill["tradeId"] for fill in placed["fills"]]
        _, late = await client.ask("GET", "/api/v3/myTrades", signed=True, symbol="BTCUSDT", fromId=fills[-1]["id"] + 1)
        assert late == []
        _, account = await client.ask("GET", "/api/v3/account", signed=True, omitZeroBalances="true")
        shown = {row["asset"]: row["free"] for row in account["balances"]}
        truth = venue.engine.accounts["main"]
        assert isinstance(truth, SpotAccount)
        assert shown == {asset: f"{held.free:.8f}" for asset, held in truth.balances.items() if held.total}


async def test_conditional_orders_wait() -> None:
    async with running_venue() as venue, Client(venue) as client:
        bid = await _bid(client)
        stop = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "0.01"}
        _, body = await client.ask("POST", "/api/v3/order", signed=True, **stop, stopPrice=f"{bid * 1.1:.2f}")
        assert body["msg"] == "Order would trigger immediately."
        _, body = await client.ask("POST", "/api/v3/order", signed=True, **stop, trailingDelta=100)
        _, shown = await client.ask("GET", "/api/v3/order", signed=True, symbol="BTCUSDT", orderId=body["orderId"])
        assert (shown["status"], shown["isWorking"], shown["trailingDelta"]) == ("NEW", False, 100)


async def test_the_published_limits_are_enforced_then_banned() -> None:
    clock = SimulatedClock(_START_NS)
    async with running_venue(clock=clock) as venue, Client(venue) as client:
        for _ in range(24):
            assert (await client.ask("GET", "/api/v3/depth", symbol="BTCUSDT", limit=5000))[0] == 200
        assert client.headers["X-MBX-USED-WEIGHT-1M"] == "6000"
        status, body = await client.ask("GET", "/api/v3/ping")
        assert (status, body["code"]) == (429, -1003)
        assert client.headers["Retry-After"] == str(60 - _START_NS // 10**9 % 60)
        for _ in range(10):
            status, body = await client.ask("GET", "/api/v3/ping")
        assert (status, client.headers["Retry-After"]) == (418, "120")
        clock.advance_to(_START_NS + 121 * 10**9)
        assert (await client.ask("GET", "/api/v3/ping"))[0] == 200
        assert venue.counts["status_429"] == 10


async def test_too_many_orders_in_ten_seconds() -> None:
    async with running_venue(clock=SimulatedClock(_START_NS)) as venue, Client(venue) as client:
        for _ in range(101):
            status, body = await client.ask("POST", "/api/v3/order/cancelReplace", signed=True, symbol="BTCUSDT",
                                            cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=1)  # fmt: skip
        assert (status, body["code"]) == (429, -1015)


async def test_history_is_there_from_the_start() -> None:
    async with running_venue(history_ns=120 * 10**9, source_of=None) as venue, Client(venue) as client:
        _, bars = await client.ask("GET", "/api/v3/klines", symbol="BTCUSDT", interval="1m")
        assert len(bars) >= 2
        assert all(later[0] - bar[0] == 60_000 for bar, later in pairwise(bars))
        _, trades = await client.ask("GET", "/api/v3/historicalTrades", symbol="BTCUSDT", fromId=5, limit=3)
        assert [trade["id"] for trade in trades] == [5, 6, 7]
        _, groups = await client.ask("GET", "/api/v3/aggTrades", symbol="BTCUSDT", startTime=trades[0]["time"], limit=2)
        assert groups[0]["T"] >= trades[0]["time"]
        assert (await client.ask("GET", "/api/v3/klines", symbol="BTCUSDT", interval="7m"))[1]["code"] == -1120
