"""Binance USD-M over HTTP: orders, conditional orders, positions, batches, the countdown."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from quantai.core.clock import SimulatedClock
from quantai.loopback.engine import FuturesAccount
from tests.venues.running import Client, running_venue

_START_NS = 1_780_000_000_000_000_000
_ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}


async def _bid(client: Client) -> float:
    _, quote = await client.ask("GET", "/fapi/v1/ticker/bookTicker", symbol="BTCUSDT")
    return float(quote["bidPrice"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"type": "STOP_MARKET", "stopPrice": "1"}, -4120),
        ({"quantity": "0.0105"}, -1111),
        ({"price": "60000.05"}, -4014),
        ({"quantity": "0.0001"}, -4004),
        ({"positionSide": "LONG"}, -4061),
        ({"reduceOnly": "true"}, -2022),
        ({"timeInForce": "GTX", "price": "66000.0"}, -5022),
        ({"timeInForce": "FOK"}, -5021),
        ({"timeInForce": "GTD"}, -1102),
        ({"timeInForce": "GTD", "goodTillDate": "1"}, -1130),
        ({"quantity": "100"}, -2019),
    ],
)
async def test_a_wrong_order_is_refused(change: dict[str, Any], code: int) -> None:
    async with running_venue("binance_usdm", SimulatedClock(_START_NS)) as venue, Client(venue) as client:
        order = _ORDER | {"price": "60000.0"} | change
        status, body = await client.ask("POST", "/fapi/v1/order", signed=True, **order)
        assert (status, body["code"]) == (400, code)
        assert not venue.engine.accounts["main"].orders


async def test_an_order_is_modified_and_canceled() -> None:
    async with running_venue("binance_usdm") as venue, Client(venue) as client:
        price = f"{await _bid(client) * 0.9:.1f}"
        _, placed = await client.ask("POST", "/fapi/v1/order", signed=True, **_ORDER, price=price, newClientOrderId="a")
        assert placed["status"] == "NEW"
        _, body = await client.ask("POST", "/fapi/v1/order", signed=True, **_ORDER, price=price, newClientOrderId="a")
        assert body["code"] == -4116
        change = {"symbol": "BTCUSDT", "side": "BUY", "origClientOrderId": "a", "price": price}
        _, body = await client.ask("PUT", "/fapi/v1/order", signed=True, **change, quantity="0.01")
        assert body["code"] == -5027
        _, body = await client.ask("PUT", "/fapi/v1/order", signed=True, **change, quantity="0.02")
        assert (body["origQty"], body["orderId"]) == ("0.02", placed["orderId"])
        await client.ask("DELETE", "/fapi/v1/order", signed=True, symbol="BTCUSDT", orderId=placed["orderId"])
        _, body = await client.ask("DELETE", "/fapi/v1/order", signed=True, symbol="BTCUSDT", orderId=placed["orderId"])
        assert body["code"] == -2011
        _, body = await client.ask("GET", "/fapi/v1/order", signed=True, symbol="BTCUSDT", origClientOrderId="a")
        assert body["status"] == "CANCELED"


async def test_a_batch_has_an_answer_for_each() -> None:
    async with running_venue("binance_usdm") as venue, Client(venue) as client:
        price = f"{await _bid(client) * 0.9:.1f}"
        batch = [_ORDER | {"price": price}, _ORDER | {"price": price, "quantity": "0.0001"}]
        text = msgspec.json.encode(batch).decode()
        status, (good, bad) = await client.ask("POST", "/fapi/v1/batchOrders", signed=True, batchOrders=text)
        assert (status, good["status"], bad["code"]) == (200, "NEW", -4004)
        _, answers = await client.ask(
            "DELETE", "/fapi/v1/batchOrders", signed=True, symbol="BTCUSDT", orderIdList=f"[{good['orderId']},77]"
        )
        assert (answers[0]["status"], answers[1]["code"]) == ("CANCELED", -2011)


async def test_conditional_orders_are_apart_until_they_are_triggered() -> None:
    async with running_venue("binance_usdm") as venue, Client(venue) as client:
        bid = await _bid(client)
        await client.ask(
            "POST", "/fapi/v1/order", signed=True, symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.05"
        )
        algo = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
                "triggerPrice": f"{bid * 0.9:.1f}", "closePosition": "true", "clientAlgoId": "s"}  # fmt: skip
        _, placed = await client.ask("POST", "/fapi/v1/algoOrder", signed=True, **algo)
        assert (placed["algoStatus"], placed["actualOrderId"]) == ("NEW", "")
        assert (await client.ask("GET", "/fapi/v1/openOrders", signed=True))[1] == []
        await client.ask("DELETE", "/fapi/v1/allOpenOrders", signed=True, symbol="BTCUSDT")
        _, waiting = await client.ask("GET", "/fapi/v1/openAlgoOrders", signed=True)
        assert [order["algoId"] for order in waiting] == [placed["algoId"]]
        _, body = await client.ask("DELETE", "/fapi/v1/order", signed=True, symbol="BTCUSDT", orderId=placed["algoId"])
        assert body["code"] == -2011

        market = venue.engine.market("BTC/USDT:USDT")
        market.tape.last = Decimal("1000")
        venue.engine.settle_quote(market)
        _, shown = await client.ask("GET", "/fapi/v1/algoOrder", signed=True, algoId=placed["algoId"])
        assert shown["algoStatus"] == "FINISHED"
        assert shown["actualOrderId"] not in ("", str(placed["algoId"]))  # the algo service counts for itself
        _, order = await client.ask(
            "GET", "/fapi/v1/order", signed=True, symbol="BTCUSDT", orderId=shown["actualOrderId"]
        )
        assert (order["status"], order["executedQty"], order["origType"]) == ("FILLED", "0.05", "STOP_MARKET")
        assert (await client.ask("GET", "/fapi/v3/positionRisk", signed=True))[1] == []


async def test_balances_and_positions_are_those_of_the_engine() -> None:
    async with running_venue("binance_usdm") as venue, Client(venue) as client:
        order = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.1"}
        await client.ask("POST", "/fapi/v1/order", signed=True, **order)
        truth = venue.engine.accounts["main"]
        assert isinstance(truth, FuturesAccount)
        _, balances = await client.ask("GET", "/fapi/v3/balance", signed=True)
        assert Decimal(balances[0]["balance"]) == truth.wallet["USDT"]
        _, positions = await client.ask("GET", "/fapi/v3/positionRisk", signed=True)
        assert (positions[0]["positionAmt"], positions[0]["positionSide"]) == ("-0.1", "BOTH")
        _, fills = await client.ask("GET", "/fapi/v1/userTrades", signed=True, symbol="BTCUSDT")
        fees = sum(Decimal(fill["commission"]) for fill in fills)
        assert truth.wallet["USDT"] == 100_000 - fees
        _, body = await client.ask("POST", "/fapi/v1/positionSide/dual", signed=True, dualSidePosition="true")
        assert body["code"] == -4068


async def test_hedge_mode_keeps_two_positions() -> None:
    async with running_venue("binance_usdm") as venue, Client(venue) as client:
        await client.ask("POST", "/fapi/v1/positionSide/dual", signed=True, dualSidePosition="true")
        for side in ("LONG", "SHORT"):
            order = {"symbol": "BTCUSDT", "type": "MARKET", "quantity": "0.01", "positionSide": side}
            await client.ask("POST", "/fapi/v1/order", signed=True, side="BUY" if side == "LONG" else "SELL", **order)
        _, positions = await client.ask("GET", "/fapi/v3/positionRisk", signed=True)
        assert {row["positionSide"]: row["positionAmt"] for row in positions} == {"LONG": "0.01", "SHORT": "-0.01"}


async def test_the_countdown_cancels_when_it_is_not_renewed() -> None:
    clock = SimulatedClock(_START_NS)
    async with running_venue("binance_usdm", clock) as venue, Client(venue) as client:
        _, placed = await client.ask("POST", "/fapi/v1/order", signed=True, **_ORDER, price="60000.0")
        status, body = await client.ask(
            "POST", "/fapi/v1/countdownCancelAll", signed=True, symbol="BTCUSDT", countdownTime=5_000
        )
        assert (status, body["countdownTime"]) == (200, "5000")
        clock.advance_to(_START_NS + 6 * 10**9)
        _, body = await client.ask("GET", "/fapi/v1/order", signed=True, symbol="BTCUSDT", orderId=placed["orderId"])
        assert body["status"] == "CANCELED"


async def test_market_facts_of_contracts() -> None:
    async with running_venue("binance_usdm") as venue, Client(venue) as client:
        _, info = await client.ask("GET", "/fapi/v1/exchangeInfo")
        filters = {entry["filterType"]: entry for entry in info["symbols"][0]["filters"]}
        assert (filters["MIN_NOTIONAL"]["notional"], filters["LOT_SIZE"]["stepSize"]) == ("5", "0.001")
        _, premium = await client.ask("GET", "/fapi/v1/premiumIndex", symbol="BTCUSDT")
        assert float(premium["markPrice"]) > 0
        assert premium["nextFundingTime"] > premium["time"]
        assert (await client.ask("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=7))[1]["code"] == -4021


@pytest.mark.parametrize(("match", "price"), [("OPPONENT", "65001"), ("QUEUE", "64999"), ("QUEUE_5", "64995")])
async def test_a_price_may_be_that_of_the_book(match: str, price: str) -> None:
    async with running_venue("binance_usdm") as venue, Client(venue) as client:
        status, body = await client.ask("POST", "/fapi/v1/order", signed=True, **_ORDER, priceMatch=match)
        assert (status, body["price"], body["priceMatch"]) == (200, price, match)
        _, body = await client.ask("POST", "/fapi/v1/order", signed=True, **_ORDER, priceMatch=f"{match}_x")
        assert body["code"] == -1130


async def test_fills_from_an_id_on_are_asked_for_without_times() -> None:
    async with running_venue("binance_usdm") as venue, Client(venue) as client:
        asked = {"symbol": "BTCUSDT", "fromId": 1, "startTime": venue.now_ms()}
        status, body = await client.ask("GET", "/fapi/v1/userTrades", signed=True, **asked)
        assert (status, body["code"]) == (400, -1128)


async def test_positions_without_anything_held_are_listed_where_orders_are_open() -> None:
    async with running_venue("binance_usdm") as venue, Client(venue) as client:
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
        await client.ask("POST", "/fapi/v1/order", signed=True, price="60000", **order)
        _, rows = await client.ask("GET", "/fapi/v3/positionRisk", signed=True)
        assert [(row["symbol"], row["positionAmt"], row["liquidationPrice"]) for row in rows] == [("BTCUSDT", "0", "0")]


@pytest.mark.parametrize(("kind", "status"), [("ACK", "NEW"), ("RESULT", "FILLED")])
async def test_an_acknowledgement_says_nothing_of_what_became_of_the_order(kind: str, status: str) -> None:
    async with running_venue("binance_usdm") as venue, Client(venue) as client:
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
        _, body = await client.ask("POST", "/fapi/v1/order", signed=True, newOrderRespType=kind, **order)
        assert body["status"] == status
        _, shown = await client.ask("GET", "/fapi/v1/order", signed=True, symbol="BTCUSDT", orderId=body["orderId"])
        assert shown["status"] == "FILLED"
