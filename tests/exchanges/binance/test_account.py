"""What Binance answers of the account, whole or not at all."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quantai.core.enums import Liquidity, OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import VenueError
from quantai.exchanges.binance import fills
from quantai.exchanges.binance.account import BinanceAccount
from quantai.exchanges.binance.product import SPOT, USDM, Product
from quantai.exchanges.binance.rest_messages import (
    OrderAck,
    RestAlgo,
    RestOrder,
    SpotAccount,
    SpotFill,
    UsdmBalance,
    UsdmFill,
    UsdmPosition,
)
from quantai.exchanges.binance.statuses import fill_report, order_status
from quantai.exchanges.errors import MalformedReply
from quantai.exchanges.execution import ExecType, VenuePosition
from tests.exchanges.binance.private_world import PRODUCTS, TS_MS, TS_NS, Params, World, symbol_of, world

CAPTURES = Path(__file__).parents[4] / "shared/captures"
GONE = (400, {"code": -2013, "msg": "Order does not exist."})
HOUR_MS = 3_600_000


def order(**fields: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "orderId": 28, "clientOrderId": "e1", "side": "SELL", "type": "LIMIT", "status": "NEW",
        "origQty": "0.5", "executedQty": "0", "price": "100", "timeInForce": "GTC", "time": 5, "updateTime": TS_MS,
    } | fields  # fmt: skip


def algo(**fields: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "algoId": 9, "clientAlgoId": "e1", "side": "SELL", "orderType": "STOP", "quantity": "0.5",
        "algoStatus": "NEW", "price": "89", "triggerPrice": "90", "actualOrderId": "", "createTime": TS_MS,
    } | fields  # fmt: skip


def account(there: World) -> BinanceAccount:
    return BinanceAccount(there.core, [each.symbol for each in there.context.instruments])


@pytest.mark.parametrize("product", PRODUCTS)
async def test_an_order_is_found_by_the_ids_it_has(product: Product) -> None:
    async with world(product) as there:
        path = f"GET {product.path('order')}"
        there.rest.answer(path, order())
        found = await account(there).find_order(symbol_of(product), "e1")
        assert found is not None
        assert (found.client_order_id, found.venue_order_id, found.symbol) == ("e1", "28", symbol_of(product))
        assert (found.side, found.order_type, found.time_in_force) == (Side.SELL, OrderType.LIMIT, TimeInForce.GTC)
        assert (found.quantity, found.price, found.state) == (Decimal("0.5"), Decimal(100), OrderState.NEW)
        assert (found.filled_quantity, found.ts_event) == (Decimal(0), TS_NS)
        await account(there).find_order(symbol_of(product), "e1", "28")
        asked = there.rest.asked(path)
        assert asked[0]["origClientOrderId"] == "e1"
        assert asked[1]["orderId"] == "28"


async def test_an_order_that_spot_does_not_know_is_none() -> None:
    async with world(SPOT) as there:
        there.rest.answer("GET /api/v3/order", GONE)
        assert await account(there).find_order("BTC/USDT", "e1") is None


@pytest.mark.parametrize("answer", [(500, ""), (200, "garbage"), (400, {"code": -1007, "msg": "Timeout"})])
async def test_a_question_without_an_answer_proves_nothing(answer: Any) -> None:
    async with world(SPOT) as there:
        there.rest.answer("GET /api/v3/order", answer)
        with pytest.raises(VenueError):
            await account(there).find_order("BTC/USDT", "e1")


async def test_an_order_that_usdm_does_not_know_may_be_a_conditional_one() -> None:
    async with world(USDM) as there:
        there.rest.answer("GET /fapi/v1/order", GONE)
        there.rest.answer("GET /fapi/v1/algoOrder", algo())
        found = await account(there).find_order("BTC/USDT:USDT", "e1")
        assert found is not None
        assert (found.venue_order_id, found.order_type, found.price) == ("algo-9", OrderType.STOP_LIMIT, Decimal(89))
        assert there.rest.asked("GET /fapi/v1/algoOrder")[0]["clientAlgoId"] == "e1"
        there.rest.answer("GET /fapi/v1/algoOrder", GONE)
        assert await account(there).find_order("BTC/USDT:USDT", "e1") is None


async def test_a_conditional_order_that_was_triggered_is_what_it_became() -> None:
    async with world(USDM) as there:
        there.rest.answer("GET /fapi/v1/algoOrder", algo(algoStatus="FINISHED", actualOrderId="8888"))
        there.rest.answer("GET /fapi/v1/order", order(orderId=8888, status="FILLED", executedQty="0.5"))
        found = await account(there).find_order("BTC/USDT:USDT", "e1", "algo-9")
        assert found is not None
        assert (found.venue_order_id, found.state, found.filled_quantity) == ("8888", OrderState.FILLED, Decimal("0.5"))
        assert there.rest.asked("GET /fapi/v1/algoOrder")[0]["algoId"] == "9"


async def test_a_conditional_order_that_the_service_forgot_is_found_by_its_name() -> None:
    async with world(USDM) as there:
        there.rest.answer("GET /fapi/v1/algoOrder", GONE)
        there.rest.answer("GET /fapi/v1/order", order(orderId=8888, status="FILLED", executedQty="0.5"))
        found = await account(there).find_order("BTC/USDT:USDT", "e1", "algo-9")
        assert found is not None
        assert (found.venue_order_id, found.state) == ("8888", OrderState.FILLED)
        assert await account(there).find_order("BTC/USDT:USDT", "", "algo-9") is None


async def test_an_order_that_closes_the_position_is_as_large_as_that() -> None:
    async with world(USDM) as there:
        there.rest.answer("GET /fapi/v1/algoOrder", algo(closePosition=True, quantity="", orderType="STOP_MARKET"))
        position = {"symbol": "BTCUSDT", "positionAmt": "-0.7", "entryPrice": "100"}
        there.rest.answer("GET /fapi/v3/positionRisk", [position])
        found = await account(there).find_order("BTC/USDT:USDT", "", "algo-9")
        assert found is not None
        assert found.quantity == Decimal("0.7")


async def test_open_orders_are_those_of_both_services_each_once() -> None:
    async with world(USDM) as there:
        there.rest.answer("GET /fapi/v1/openOrders", [order(), order(symbol="DOGEUSDT", orderId=29, clientOrderId="x")])
        there.rest.answer("GET /fapi/v1/openAlgoOrders", [algo(), algo(clientAlgoId="e2", algoId=10)])
        found = await account(there).open_orders()
        assert [(each.client_order_id, each.venue_order_id) for each in found] == [
            ("e1", "28"), ("x", "29"), ("e2", "algo-10"),
        ]  # fmt: skip
        assert found[1].symbol == "DOGEUSDT"  # nobody here knows it: told by its name there
        assert there.rest.requests[0][0] == "GET /fapi/v1/openAlgoOrders"
        assert "symbol" not in there.rest.asked("GET /fapi/v1/openOrders")[0]


async def test_open_orders_of_spot() -> None:
    async with world(SPOT) as there:
        there.rest.answer("GET /api/v3/openOrders", [order(executedQty="0.1", preventedQuantity="0.2")])
        [found] = await account(there).open_orders()
        assert (found.state, found.quantity) == (OrderState.PARTIALLY_FILLED, Decimal("0.3"))


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("NEW", OrderState.NEW),
        ("PENDING_NEW", OrderState.NEW),
        ("PARTIALLY_FILLED", OrderState.PARTIALLY_FILLED),
        ("FILLED", OrderState.FILLED),
        ("CANCELED", OrderState.CANCELED),
        ("REJECTED", OrderState.REJECTED),
        ("EXPIRED", OrderState.EXPIRED),
        ("EXPIRED_IN_MATCH", OrderState.EXPIRED),
    ],
)
def test_states_of_orders(status: str, state: OrderState) -> None:
    assert order_status(rest_order(status=status), "S", is_futures=False).state is state


@pytest.mark.parametrize(
    ("venue_type", "venue_time", "is_futures", "order_type", "time_in_force"),
    [
        ("LIMIT_MAKER", "GTC", False, OrderType.LIMIT, TimeInForce.POST_ONLY),
        ("LIMIT", "IOC", False, OrderType.LIMIT, TimeInForce.IOC),
        ("TAKE_PROFIT", "GTC", False, OrderType.STOP, TimeInForce.GTC),
        ("TAKE_PROFIT", "GTC", True, OrderType.STOP_LIMIT, TimeInForce.GTC),
        ("LIMIT", "GTX", True, OrderType.LIMIT, TimeInForce.POST_ONLY),
        ("LIMIT", "GTD", True, OrderType.LIMIT, TimeInForce.GTC),
        ("MARKET", "GTC", True, OrderType.MARKET, TimeInForce.GTC),
        ("TRAILING_STOP_MARKET", "GTC", True, OrderType.STOP, TimeInForce.GTC),
    ],
)
def test_types_of_orders(
    venue_type: str, venue_time: str, is_futures: bool, order_type: OrderType, time_in_force: TimeInForce
) -> None:
    status = order_status(rest_order(type=venue_type, timeInForce=venue_time), "S", is_futures=is_futures)
    assert (status.order_type, status.time_in_force) == (order_type, time_in_force)
    assert (status.price is None) is not order_type.has_limit


def rest_order(**fields: Any) -> RestOrder:
    return msgspec.json.decode(msgspec.json.encode(order(**fields)), type=RestOrder)


@pytest.mark.parametrize(
    "fields",
    [{"status": "NOVELTY"}, {"type": "NOVELTY"}, {"origQty": "NaN"}, {"price": "Infinity"}, {"updateTime": -5}],
)
def test_an_answer_that_cannot_be_is_none(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedReply):
        order_status(rest_order(**fields), "S", is_futures=False)


def test_a_market_order_for_an_amount_is_as_large_as_what_it_bought() -> None:
    status = order_status(
        rest_order(status="FILLED", origQty="9", executedQty="0.4", origQuoteOrderQty="50"), "S", is_futures=False
    )
    assert status.quantity == Decimal("0.4")


def test_orders_that_the_venue_made_are_known_by_its_id() -> None:
    assert order_status(rest_order(clientOrderId="adl_autoclose"), "S", is_futures=True).client_order_id == ""


async def test_balances_of_spot_are_free_and_locked() -> None:
    async with world(SPOT) as there:
        held = [{"asset": "BTC", "free": "1.5", "locked": "0.25"}, {"asset": "USDT", "free": "0", "locked": "7"}]
        there.rest.answer("GET /api/v3/account", {"balances": held})
        assert await account(there).balances() == {"BTC": Decimal("1.75"), "USDT": Decimal(7)}
        assert await account(there).positions() == ()
        there.rest.answer("GET /api/v3/account", {"balances": [{"asset": "BTC", "free": "NaN", "locked": "0"}]})
        with pytest.raises(MalformedReply):
            await account(there).balances()


async def test_balances_and_positions_of_usdm() -> None:
    async with world(USDM) as there:
        there.rest.answer("GET /fapi/v3/balance", [{"asset": "USDT", "balance": "122.5", "availableBalance": "1"}])
        there.rest.answer(
            "GET /fapi/v3/positionRisk",
            [
                {"symbol": "BTCUSDT", "positionSide": "LONG", "positionAmt": "0.3", "entryPrice": "100"},
                {"symbol": "BTCUSDT", "positionSide": "SHORT", "positionAmt": "-0.1", "entryPrice": "120"},
                {"symbol": "ETHUSDT", "positionAmt": "0.000", "entryPrice": "0.0"},
            ],
        )
        assert await account(there).balances() == {"USDT": Decimal("122.5")}
        assert await account(there).positions() == [
            VenuePosition("BTC/USDT:USDT", Decimal("0.3"), Decimal(100)),
            VenuePosition("BTC/USDT:USDT", Decimal("-0.1"), Decimal(120)),
        ]


def traded(number: int, time_ms: int, product: Product, symbol: str = "BTCUSDT") -> dict[str, Any]:
    common = {"symbol": symbol, "id": number, "orderId": 28, "price": "100", "qty": "0.1", "commission": "0.01",
              "commissionAsset": "BNB", "time": time_ms}  # fmt: skip
    if product.is_futures:
        return common | {"side": "SELL", "maker": True, "buyer": False}
    return common | {"isBuyer": False, "isMaker": True}


class Trades:
    """The fills of a venue, answered as Binance does: by window, or onwards from an id."""

    def __init__(self, product: Product, times_ms: list[int]) -> None:
        self.fills = [traded(100 + index, time_ms, product) for index, time_ms in enumerate(sorted(times_ms))]
        self.window_ms = (7 if product.is_futures else 1) * 86_400_000

    def __call__(self, params: Params) -> Any:
        if params["symbol"] != "BTCUSDT":
            return []
        if "fromId" in params:
            assert "startTime" not in params
            found = [each for each in self.fills if each["id"] >= int(params["fromId"])]
        else:
            start, end = int(params["startTime"]), int(params["endTime"])
            assert end - start < self.window_ms
            found = [each for each in self.fills if start <= each["time"] <= end]
        return found[: int(params["limit"])]


@pytest.mark.parametrize("product", PRODUCTS)
async def test_fills_are_listed_whole_across_pages_and_windows(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fills, "PAGE", 3)
    async with world(product) as there:
        now_ms = there.core.venue_clock.now_ms()
        span_ms = (11 if product.is_futures else 2) * 86_400_000 - HOUR_MS
        since_ms = now_ms - span_ms
        times = [since_ms - 5, since_ms, *[since_ms + span_ms * part // 4 for part in (1, 1, 1, 1, 1, 2, 3)]]
        there.rest.answer(f"GET {product.path('userTrades' if product.is_futures else 'myTrades')}",
                          Trades(product, times))  # fmt: skip
        found = await account(there).fills(since_ms * 1_000_000)
        assert [each.trade_id for each in found] == [str(number) for number in range(101, 109)]
        assert [each.ts_event for each in found] == sorted(each.ts_event for each in found)
        fill = found[0]
        assert (fill.exec_type, fill.client_order_id, fill.venue_order_id) == (ExecType.TRADE, "", "28")
        assert (fill.symbol, fill.side, fill.liquidity) == (symbol_of(product), Side.SELL, Liquidity.MAKER)
        assert (fill.price, fill.quantity, fill.fee, fill.fee_currency) == (
            Decimal(100),
            Decimal("0.1"),
            Decimal("0.01"),
            "BNB",
        )


async def test_old_fills_of_spot_are_found_by_the_first_public_trade_since() -> None:
    async with world(SPOT) as there:
        since_ms = there.core.venue_clock.now_ms() - 90 * 86_400_000
        there.rest.answer("GET /api/v3/aggTrades", [], [{"a": 1, "f": 101, "l": 102, "T": since_ms}])
        there.rest.answer("GET /api/v3/myTrades", Trades(SPOT, [since_ms - 1, since_ms, since_ms + HOUR_MS]))
        spot = BinanceAccount(there.core, ["BTC/USDT"])
        assert [each.trade_id for each in await spot.fills(since_ms * 1_000_000)] == ["101", "102"]
        assert len(there.rest.asked("GET /api/v3/myTrades")) == 1


@pytest.mark.parametrize("told", [None, "0", "-0.91539999"])
def test_a_listed_fill_of_usdm_tells_what_it_realized(told: str | None) -> None:
    fields = traded(1, 1_700_000_000_000, USDM) | ({} if told is None else {"realizedPnl": told})
    report = fill_report(msgspec.convert(fields, UsdmFill, strict=False), "BTC/USDT:USDT")
    assert report.realized_pnl == (None if told is None else Decimal(told))


@pytest.mark.parametrize("told", ["NaN", "Infinity", "1E+16"])
def test_a_listed_fill_whose_profit_is_no_number_is_none(told: str) -> None:
    fields = traded(1, 1_700_000_000_000, USDM) | {"realizedPnl": told}
    with pytest.raises(MalformedReply, match="fill 1"):
        fill_report(msgspec.convert(fields, UsdmFill, strict=False), "BTC/USDT:USDT")


async def test_a_page_that_fails_leaves_no_part_of_the_answer() -> None:
    async with world(SPOT) as there:
        there.rest.answer("GET /api/v3/myTrades", lambda params: (500, "") if params["symbol"] == "ETHUSDT" else [])
        with pytest.raises(VenueError):
            await account(there).fills(there.core.clock.now_ns())


async def test_fills_of_symbols_in_which_orders_were_seen_are_asked_for_too() -> None:
    async with world(SPOT) as there:
        there.rest.answer("GET /api/v3/openOrders", [order(symbol="DOGEUSDT")])
        there.rest.answer("GET /api/v3/myTrades", [])
        spot = account(there)
        await spot.open_orders()
        await spot.fills(there.core.clock.now_ns())
        asked = {params["symbol"] for params in there.rest.asked("GET /api/v3/myTrades")}
        assert asked == {"BTCUSDT", "ETHUSDT", "DOGEUSDT"}


SHAPES = {
    "binance/rest/nautilus/account_response.json": SpotAccount,
    "binance/rest/nautilus/account_trades_response.json": list[SpotFill],
    "binance/rest/nautilus/order_response.json": RestOrder,
    "binance/rest/nautilus/new_order_full_response.json": OrderAck,
    "binance/rest/nautilus/open_orders_response.json": list[RestOrder],
    "binance/rest/nautilus/cancel_order_response.json": RestOrder,
    "binance/rest/jkorf/Spot_Account_GetAccountInfo.json": SpotAccount,
    "binance/rest/jkorf/Spot_Trading_GetOrder.json": RestOrder,
    "binance/rest/jkorf/Spot_Trading_GetOpenOrders.json": list[RestOrder],
    "binance/rest/jkorf/Spot_Trading_CancelAllOrders.json": list[RestOrder],
    "binance/rest/jkorf/Spot_Trading_CancelOrder.json": RestOrder,
    "binance/rest/jkorf/Spot_Trading_GetUserTrades.json": list[SpotFill],
    "binance/rest/jkorf/Spot_Trading_PlaceOrder.json": OrderAck,
    "binance_usdm/rest/nautilus/balance.json": list[UsdmBalance],
    "binance_usdm/rest/nautilus/position_risk.json": list[UsdmPosition],
    "binance_usdm/rest/nautilus/order_response.json": RestOrder,
    "binance_usdm/rest/jkorf/UsdFutures_Trading_GetOpenOrder.json": RestOrder,
    "binance_usdm/rest/jkorf/UsdFutures_Trading_GetOpenOrders.json": list[RestOrder],
    "binance_usdm/rest/jkorf/UsdFutures_Trading_GetOrders.json": list[RestOrder],
    "binance_usdm/rest/jkorf/UsdFutures_Trading_GetForcedOrders.json": list[RestOrder],
    "binance_usdm/rest/jkorf/UsdFutures_Trading_GetPositions.json": list[UsdmPosition],
    "binance_usdm/rest/jkorf/UsdFutures_Trading_GetUserTrades.json": list[UsdmFill],
    "binance_usdm/rest/jkorf/UsdFutures_Trading_PlaceOrder.json": OrderAck,
    "binance_usdm/rest/jkorf/UsdFutures_Trading_PlaceConditionalOrder.json": RestAlgo,
    "binance_usdm/rest/jkorf/UsdFutures_Trading_CancelOrder.json": RestOrder,
    "binance_usdm/rest/jkorf/UsdFutures_Trading_EditOrder.json": RestOrder,
    "binance_usdm/rest/jkorf/UsdFutures_Trading_CancelMultipleOrders.json": list[OrderAck],
    "binance_usdm/rest/jkorf/UsdFutures_Trading_EditMultipleOrders.json": list[OrderAck],
}


@pytest.mark.parametrize("name", SHAPES)
def test_captured_answers_are_read(name: str) -> None:
    path = CAPTURES / name
    body = json.loads(path.read_text()) if path.exists() else None
    if body is None:
        return
    text = body["response"] if isinstance(body, dict) and "response" in body else json.dumps(body)
    shape: Any = SHAPES[name]
    answer = msgspec.json.decode(text, type=shape)
    for each in answer if isinstance(answer, list) else [answer]:
        if isinstance(each, RestOrder):
            assert order_status(each, "S", is_futures="usdm" in name).quantity > 0
