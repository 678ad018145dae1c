"""Orders that contradict themselves, or ask for what a venue does not declare, never leave."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.exchanges.base import Capabilities
from quantai.exchanges.execution import SubmitOrder
from quantai.exchanges.order_checks import check_amounts, check_declared, check_order

IDS = re.compile(r"[a-z0-9-]{1,8}")
ALL = Capabilities(
    order_types=frozenset(OrderType),
    time_in_force=frozenset(TimeInForce),
    order_options=frozenset({"iceberg"}),
    can_reduce_only=True,
)
LIMIT = SubmitOrder("c-1", "BTC/USDT", Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(9), TimeInForce.GTC)
MARKET = replace(LIMIT, order_type=OrderType.MARKET, price=None)
STOP = replace(LIMIT, order_type=OrderType.STOP, price=None, trigger_price=Decimal(8))
STOP_LIMIT = replace(LIMIT, order_type=OrderType.STOP_LIMIT, trigger_price=Decimal(8))


@pytest.mark.parametrize("order", [LIMIT, MARKET, STOP, STOP_LIMIT, replace(LIMIT, side=Side.SELL)])
def test_what_makes_sense_passes(order: SubmitOrder) -> None:
    check_order(order, "venue", IDS)
    check_declared(order, "venue", ALL)


@pytest.mark.parametrize("client_order_id", ["", "C-1", "far-too-long", "c 1", "c-1\n", "ü"])
def test_an_id_that_the_venue_does_not_take_is_named(client_order_id: str) -> None:
    with pytest.raises(OrderError, match="no client order id that venue takes"):
        check_order(replace(LIMIT, client_order_id=client_order_id), "venue", IDS)


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (replace(LIMIT, side=Side.UNKNOWN), "it buys or sells"),
        (replace(LIMIT, price=None), "limit order with price None makes no sense"),
        (replace(MARKET, price=Decimal(9)), "market order with price 9 makes no sense"),
        (replace(STOP, price=Decimal(9)), "stop order with price 9"),
        (replace(STOP_LIMIT, price=None), "stop_limit order with price None"),
        (replace(LIMIT, trigger_price=Decimal(8)), "limit order takes no trigger price"),
        (replace(MARKET, trigger_price=Decimal(8)), "market order takes no trigger price"),
        (replace(MARKET, time_in_force=TimeInForce.POST_ONLY), "without a limit it cannot be POST_ONLY"),
        (replace(STOP, time_in_force=TimeInForce.FOK), "without a limit it cannot be FOK"),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(order: SubmitOrder, why: str) -> None:
    with pytest.raises(OrderError, match=rf"order c-1 was not sent to venue: .*{why}"):
        check_order(order, "venue", IDS)


@pytest.mark.parametrize("number", ["0", "-1", "NaN", "-NaN", "Infinity", "-Infinity", "-0"])
@pytest.mark.parametrize("field", ["quantity", "price", "trigger_price"])
def test_a_number_that_is_none_is_refused(field: str, number: str) -> None:
    wrong: dict[str, Any] = {field: Decimal(number)}
    with pytest.raises(OrderError, match="venue takes no order with the number"):
        check_order(replace(STOP_LIMIT, **wrong), "venue", IDS)


def test_amounts_that_are_not_given_are_not_looked_at() -> None:
    check_amounts("venue", Decimal("0.001"), None)
    with pytest.raises(OrderError):
        check_amounts("venue", None, Decimal(0))


@pytest.mark.parametrize(
    ("order", "can", "why"),
    [
        (LIMIT, {"order_types": frozenset({OrderType.MARKET})}, "it takes no limit orders"),
        (LIMIT, {"time_in_force": frozenset({TimeInForce.IOC})}, "it takes no GTC orders"),
        (replace(LIMIT, reduce_only=True), {"can_reduce_only": False}, "it has no reduce-only orders"),
        (replace(LIMIT, options=(("iceberg", "1"), ("hidden", "1"))), {}, "it has no order option hidden$"),
    ],
)
def test_what_is_not_declared_is_refused(order: SubmitOrder, can: dict[str, Any], why: str) -> None:
    declared = {name: can.get(name, getattr(ALL, name)) for name in
                ("order_types", "time_in_force", "order_options", "can_reduce_only")}  # fmt: skip
    with pytest.raises(OrderError, match=why):
        check_declared(order, "venue", Capabilities(**declared))


def test_that_a_market_order_trades_at_once_need_not_be_declared() -> None:
    check_declared(MARKET, "venue", Capabilities(order_types=frozenset({OrderType.MARKET})))


def test_a_sale_where_nothing_can_be_short_reduces_anyway() -> None:
    spot = Capabilities(order_types=ALL.order_types, time_in_force=ALL.time_in_force)
    check_declared(replace(LIMIT, side=Side.SELL, reduce_only=True), "venue", spot)
