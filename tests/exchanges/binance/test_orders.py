"""Every type and flag of both products, as it is sent; and what is refused before it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.binance.execution import BinanceExecution
from quantai.exchanges.binance.order_options import SPOT_OPTIONS, USDM_OPTIONS
from quantai.exchanges.binance.orders import (
    cancellations,
    spot_amendment,
    spot_order,
    usdm_amendment,
    usdm_order,
)
from quantai.exchanges.binance.product import SPOT, USDM, Product
from quantai.exchanges.execution import AmendOrder, CancelOrder, SubmitOrder
from tests.exchanges.binance.private_world import make_core, symbol_of

D = Decimal
MARKET, LIMIT, STOP, STOP_LIMIT = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT
GTC, IOC, FOK, POST_ONLY = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.POST_ONLY


def order(
    order_type: OrderType = LIMIT,
    price: str | None = "100",
    trigger: str | None = None,
    time_in_force: TimeInForce = GTC,
    side: Side = Side.BUY,
    quantity: str = "0.5",
    client_order_id: str = "e7a0000001",
    reduce_only: bool = False,
    **options: str,
) -> SubmitOrder:
    return SubmitOrder(
        client_order_id, "BTC/USDT", side, order_type, D(quantity), None if price is None else D(price), time_in_force,
        reduce_only, None if trigger is None else D(trigger), tuple(options.items()),
    )  # fmt: skip


def check(product: Product, command: SubmitOrder) -> None:
    """As the OMS asks before an order is kept or sent."""
    execution = BinanceExecution(make_core(product), ExchangeContext("binance"))
    execution.check(replace(command, symbol=symbol_of(product)))


def text(params: Any) -> str:
    """The parameters that differ from order to order."""
    same = {"symbol": "BTCUSDT", "newOrderRespType": "ACK", "newClientOrderId": "e7a0000001",
            "clientAlgoId": "e7a0000001", "algoType": "CONDITIONAL"}  # fmt: skip
    assert params["symbol"] == "BTCUSDT"
    assert params["newOrderRespType"] == "ACK"
    return "&".join(f"{name}={value}" for name, value in params.items() if same.get(name) != value)


@pytest.mark.parametrize(
    ("command", "sent"),
    [
        (order(), "side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=100"),
        (order(time_in_force=IOC), "side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.5&price=100"),
        (order(time_in_force=FOK), "side=BUY&type=LIMIT&timeInForce=FOK&quantity=0.5&price=100"),
        (order(time_in_force=POST_ONLY), "side=BUY&type=LIMIT_MAKER&quantity=0.5&price=100"),
        (order(MARKET, None), "side=BUY&type=MARKET&quantity=0.5"),
        (order(MARKET, None, time_in_force=IOC), "side=BUY&type=MARKET&quantity=0.5"),
        (order(MARKET, None, quoteOrderQty="50.0"), "side=BUY&type=MARKET&quoteOrderQty=50"),
        (order(STOP, None, "90", side=Side.SELL), "side=SELL&type=STOP_LOSS&quantity=0.5&stopPrice=90"),
        (
            order(STOP_LIMIT, "89", "90", side=Side.SELL),
            "side=SELL&type=STOP_LOSS_LIMIT&timeInForce=GTC&quantity=0.5&price=89&stopPrice=90",
        ),
        (
            order(STOP, None, "110", side=Side.SELL, type="TAKE_PROFIT"),
            "side=SELL&type=TAKE_PROFIT&quantity=0.5&stopPrice=110",
        ),
        (
            order(STOP_LIMIT, "109", "110", IOC, Side.SELL, type="TAKE_PROFIT_LIMIT"),
            "side=SELL&type=TAKE_PROFIT_LIMIT&timeInForce=IOC&quantity=0.5&price=109&stopPrice=110",
        ),
        (order(STOP, None, trailingDelta="200"), "side=BUY&type=STOP_LOSS&quantity=0.5&trailingDelta=200"),
        (
            order(STOP, None, "90", trailingDelta="200"),
            "side=BUY&type=STOP_LOSS&quantity=0.5&stopPrice=90&trailingDelta=200",
        ),
        (
            order(icebergQty="0.1"),
            "side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=100&icebergQty=0.1",
        ),
        (
            order(time_in_force=POST_ONLY, icebergQty="0.1"),
            "side=BUY&type=LIMIT_MAKER&quantity=0.5&price=100&icebergQty=0.1",
        ),
        (
            order(pegPriceType="PRIMARY_PEG", pegOffsetType="PRICE_LEVEL", pegOffsetValue="2"),
            "side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=100"
            "&pegPriceType=PRIMARY_PEG&pegOffsetType=PRICE_LEVEL&pegOffsetValue=2",
        ),
        (
            order(selfTradePreventionMode="DECREMENT", strategyId="7", strategyType="1000000"),
            "side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=100"
            "&selfTradePreventionMode=DECREMENT&strategyId=7&strategyType=1000000",
        ),
        (order(side=Side.SELL, reduce_only=True), "side=SELL&type=LIMIT&timeInForce=GTC&quantity=0.5&price=100"),
        (
            order(quantity="1E+3", price="1.10"),
            "side=BUY&type=LIMIT&timeInForce=GTC&quantity=1000&price=1.1",
        ),
    ],
)
def test_spot_orders_are_sent_as(command: SubmitOrder, sent: str) -> None:
    call = spot_order(command, "BTCUSDT")
    assert (call.method, call.name) == ("POST", "order")
    assert text(call.params) == sent


@pytest.mark.parametrize(
    ("command", "name", "sent"),
    [
        (order(), "order", "side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=100"),
        (order(time_in_force=POST_ONLY), "order", "side=BUY&type=LIMIT&timeInForce=GTX&quantity=0.5&price=100"),
        (order(time_in_force=FOK), "order", "side=BUY&type=LIMIT&timeInForce=FOK&quantity=0.5&price=100"),
        (
            order(goodTillDate="1800000000000"),
            "order",
            "side=BUY&type=LIMIT&timeInForce=GTD&quantity=0.5&price=100&goodTillDate=1800000000000",
        ),
        (order(timeInForce="RPI"), "order", "side=BUY&type=LIMIT&timeInForce=RPI&quantity=0.5&price=100"),
        (order(MARKET, None), "order", "side=BUY&type=MARKET&quantity=0.5"),
        (order(MARKET, None, reduce_only=True), "order", "side=BUY&type=MARKET&quantity=0.5&reduceOnly=true"),
        (
            order(MARKET, None, side=Side.SELL, reduce_only=True, positionSide="LONG"),
            "order",
            "side=SELL&type=MARKET&quantity=0.5&positionSide=LONG",
        ),
        (
            order(positionSide="SHORT", selfTradePreventionMode="EXPIRE_BOTH"),
            "order",
            "side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=100"
            "&positionSide=SHORT&selfTradePreventionMode=EXPIRE_BOTH",
        ),
        (
            order(priceMatch="QUEUE_5"),
            "order",
            "side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&priceMatch=QUEUE_5",
        ),
        (
            order(STOP, None, "90", side=Side.SELL, workingType="MARK_PRICE", priceProtect="TRUE"),
            "algoOrder",
            "side=SELL&type=STOP_MARKET&quantity=0.5&triggerPrice=90&workingType=MARK_PRICE&priceProtect=true",
        ),
        (
            order(STOP, None, "90", side=Side.SELL, closePosition="true"),
            "algoOrder",
            "side=SELL&type=STOP_MARKET&triggerPrice=90&closePosition=true",
        ),
        (
            order(STOP_LIMIT, "89", "90", POST_ONLY, Side.SELL, reduce_only=True),
            "algoOrder",
            "side=SELL&type=STOP&timeInForce=GTX&quantity=0.5&reduceOnly=true&price=89&triggerPrice=90",
        ),
        (
            order(STOP, None, "110", side=Side.SELL, type="TAKE_PROFIT_MARKET"),
            "algoOrder",
            "side=SELL&type=TAKE_PROFIT_MARKET&quantity=0.5&triggerPrice=110",
        ),
        (
            order(STOP_LIMIT, "109", "110", side=Side.SELL, type="TAKE_PROFIT"),
            "algoOrder",
            "side=SELL&type=TAKE_PROFIT&timeInForce=GTC&quantity=0.5&price=109&triggerPrice=110",
        ),
        (
            order(STOP, None, type="TRAILING_STOP_MARKET", callbackRate="1.0"),
            "algoOrder",
            "side=BUY&type=TRAILING_STOP_MARKET&quantity=0.5&callbackRate=1",
        ),
        (
            order(STOP, None, "95", type="TRAILING_STOP_MARKET", callbackRate="1"),
            "algoOrder",
            "side=BUY&type=TRAILING_STOP_MARKET&quantity=0.5&activatePrice=95&callbackRate=1",
        ),
    ],
)
def test_usdm_orders_are_sent_as(command: SubmitOrder, name: str, sent: str) -> None:
    call = usdm_order(command, "BTCUSDT")
    assert (call.method, call.name) == ("POST", name)
    assert text(call.params) == sent
    assert ("clientAlgoId" if name == "algoOrder" else "newClientOrderId") in call.params


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (order(colour="red"), "no order option"),
        (order(icebergqty="1"), "did you mean icebergQty"),
        (order(quoteOrderQty="5"), "market orders"),
        (order(MARKET, None, quoteOrderQty="-5"), "above 0"),
        (order(MARKET, None, quoteOrderQty="nan"), "finite"),
        (order(icebergQty="0.6"), "more than the whole"),
        (order(time_in_force=IOC, icebergQty="0.1"), "good till cancelled"),
        (order(MARKET, None, icebergQty="0.1"), "good till cancelled"),
        (order(trailingDelta="10"), "for stops"),
        (order(type="STOP_LOSS"), "for stops"),
        (order(STOP, None, trailingDelta="1.5"), "whole number"),
        (order(STOP, None), "needs a trigger price"),
        (order(STOP, None, "90", type="STOP_LOSS_LIMIT"), "contradicts"),
        (order(STOP_LIMIT, "89", "90", type="TAKE_PROFIT"), "contradicts"),
        (order(STOP_LIMIT, "89", "90", POST_ONLY), "post-only"),
        (order(STOP, None, "90", FOK), "FOK"),
        (order(MARKET, None, time_in_force=POST_ONLY), "POST_ONLY"),
        (order(MARKET, "5"), "makes no sense"),
        (order(price=None), "makes no sense"),
        (order(trigger="90"), "takes no trigger"),
        (order(pegOffsetType="PRICE_LEVEL", pegOffsetValue="1"), "pegPriceType"),
        (order(pegPriceType="MARKET_PEG", pegOffsetValue="1"), "go together"),
        (order(MARKET, None, pegPriceType="MARKET_PEG"), "limit order"),
        (order(selfTradePreventionMode="MAYBE"), "one of NONE"),
        (order(reduce_only=True), "no short positions"),
        (order(side=Side.UNKNOWN), "buys or sells"),
        (order(quantity="NaN"), "NaN"),
        (order(quantity="0"), "number 0"),
        (order(price="-1"), "-1"),
        (order(client_order_id="a" * 37), "client order id"),
        (order(client_order_id="a.b"), "client order id"),
        (order(client_order_id=""), "client order id"),
    ],
)
def test_spot_refuses_before_sending(command: SubmitOrder, why: str) -> None:
    with pytest.raises(OrderError, match=why):
        check(SPOT, command)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (order(quoteOrderQty="5"), "no order option"),
        (order(workingType="MARK_PRICE"), "for stops"),
        (order(callbackRate="1"), "for stops"),
        (order(STOP, None, "90", callbackRate="1"), "go together"),
        (order(STOP, None, "90", type="TRAILING_STOP_MARKET"), "go together"),
        (order(STOP, None, "90", activatePrice="5"), "trailing stops"),
        (
            order(STOP, None, "90", type="TRAILING_STOP_MARKET", callbackRate="1", activatePrice="5"),
            "give one of them",
        ),
        (order(STOP, None), "needs a trigger price"),
        (order(STOP_LIMIT, "89", "90", type="STOP_MARKET"), "contradicts"),
        (order(STOP_LIMIT, "89", "90", closePosition="true"), "closePosition"),
        (order(STOP, None, type="TRAILING_STOP_MARKET", callbackRate="1", closePosition="true"), "closePosition"),
        (order(STOP, None, "90", closePosition="yes"), "true, false"),
        (order(MARKET, None, goodTillDate="1"), "limit orders"),
        (order(time_in_force=IOC, goodTillDate="1"), "contradict"),
        (order(timeInForce="RPI", goodTillDate="1"), "contradict"),
        (order(MARKET, None, priceMatch="QUEUE"), "with a limit"),
        (order(reduce_only=True, positionSide="LONG"), "reduces nothing"),
        (order(side=Side.SELL, reduce_only=True, positionSide="SHORT"), "reduces nothing"),
        (order(MARKET, None, time_in_force=FOK), "FOK"),
        (order(client_order_id="a b"), "client order id"),
    ],
)
def test_usdm_refuses_before_sending(command: SubmitOrder, why: str) -> None:
    with pytest.raises(OrderError, match=why):
        check(USDM, command)


def test_an_option_given_twice_is_refused() -> None:
    command = SubmitOrder("a", "BTC/USDT", Side.BUY, LIMIT, D(1), D(1), GTC, False, None,
                          (("icebergQty", "1"), ("icebergQty", "0.5")))  # fmt: skip
    with pytest.raises(OrderError, match="twice"):
        spot_order(command, "BTCUSDT")


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(list(OrderType)),
    st.sampled_from(list(TimeInForce)),
    st.none() | st.decimals(allow_nan=True, allow_infinity=True),
    st.none() | st.decimals(allow_nan=True, allow_infinity=True),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.dictionaries(st.sampled_from([*SPOT_OPTIONS, *USDM_OPTIONS]), st.text(max_size=8), max_size=3),
    st.booleans(),
)
def test_whatever_is_asked_is_sent_whole_or_refused(
    order_type: OrderType,
    time_in_force: TimeInForce,
    price: D | None,
    trigger: D | None,
    quantity: D,
    options: dict[str, str],
    is_futures: bool,
) -> None:
    command = SubmitOrder("a1", "BTC/USDT", Side.SELL, order_type, quantity, price, time_in_force, False, trigger,
                          tuple(options.items()))  # fmt: skip
    try:
        check(USDM if is_futures else SPOT, command)
        call = (usdm_order if is_futures else spot_order)(command, "BTCUSDT")
    except OrderError:
        return
    for name in ("quantity", "price", "stopPrice", "triggerPrice"):
        if name in call.params:
            assert D(call.params[name]) > 0
            assert "E" not in call.params[name]


def amendment(price: str | None = "100", venue_order_id: str = "55", client_order_id: str = "e7") -> AmendOrder:
    return AmendOrder(
        client_order_id, "BTC/USDT", venue_order_id, Side.SELL, D("0.4"), None if price is None else D(price)
    )


def test_spot_amends_in_place_and_keeps_the_client_id() -> None:
    call = spot_amendment(amendment(), "BTCUSDT")
    assert (call.method, call.name) == ("PUT", "order/amend/keepPriority")
    assert call.params == {"symbol": "BTCUSDT", "orderId": "55", "newQty": "0.4", "newClientOrderId": "e7"}
    adopted = spot_amendment(amendment(client_order_id=""), "BTCUSDT")
    assert "newClientOrderId" not in adopted.params


def test_usdm_amends_quantity_and_price() -> None:
    call = usdm_amendment(amendment(venue_order_id=""), "BTCUSDT")
    assert (call.method, call.name) == ("PUT", "order")
    assert call.params == {
        "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.4", "price": "100", "origClientOrderId": "e7",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (amendment(price=None), "no limit"),
        (amendment(venue_order_id="algo-5"), "trigger"),
        (amendment(venue_order_id="x5"), "whole numbers"),
        (amendment(venue_order_id="", client_order_id=""), "without any id"),
    ],
)
def test_what_usdm_cannot_amend_is_refused(command: AmendOrder, why: str) -> None:
    with pytest.raises(OrderError, match=why):
        usdm_amendment(command, "BTCUSDT")


@pytest.mark.parametrize(
    ("venue_order_id", "is_futures", "sent"),
    [
        ("55", False, [("order", {"symbol": "S", "orderId": "55"})]),
        ("", False, [("order", {"symbol": "S", "origClientOrderId": "e7"})]),
        ("55", True, [("order", {"symbol": "S", "orderId": "55"})]),
        ("", True, [("order", {"symbol": "S", "origClientOrderId": "e7"}), ("algoOrder", {"clientAlgoId": "e7"})]),
        ("algo-9", True, [("algoOrder", {"algoId": "9"}), ("order", {"symbol": "S", "origClientOrderId": "e7"})]),
    ],
)
def test_cancels_name_the_order(venue_order_id: str, is_futures: bool, sent: list[Any]) -> None:
    calls = cancellations(CancelOrder("e7", "BTC/USDT", venue_order_id), "S", is_futures=is_futures)
    assert [(call.name, dict(call.params)) for call in calls] == sent
    assert {call.method for call in calls} == {"DELETE"}
