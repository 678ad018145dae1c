"""What an order may be, and what may be made of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.exchanges.execution import ExecType, OrderStatus
from quantai.oms.models import Change, Order, OrderRequest
from quantai.oms.orders import changed, new_order
from tests.oms.world import BTC, SPOT, START_NS, D, World, request


def asked(order_type: OrderType, price: str | None, trigger: str | None, **fields: Any) -> OrderRequest:
    return OrderRequest(
        "alpha", SPOT, Side.BUY, order_type, D(1), None if price is None else D(price),
        trigger_price=None if trigger is None else D(trigger), **fields,
    )  # fmt: skip


def number(text: str | None) -> Decimal | None:
    return None if text is None else D(text)


def make(request: OrderRequest) -> Order:
    return new_order(request, "a1", START_NS, {"binance"})


@pytest.mark.parametrize(
    ("order_type", "price", "trigger", "complaint"),
    [
        ("limit", None, None, "a limit order needs a price"),
        ("market", "1", None, "a market order takes no price"),
        ("stop", "1", "1", "a stop order takes no price"),
        ("stop_limit", None, "1", "a stop_limit order needs a price"),
        ("stop", None, None, "a stop order needs a trigger price"),
        ("limit", "1", "1", "a limit order takes no trigger price"),
        ("limit", "nan", None, "the price of an order must be a number, not NaN"),
        ("stop", None, "inf", "the trigger price of an order must be a number, not Infinity"),
    ],
)
def test_what_is_no_order(order_type: str, price: str | None, trigger: str | None, complaint: str) -> None:
    with pytest.raises(OrderError, match=f"^{complaint}$"):
        make(asked(OrderType(order_type), price, trigger))


def test_an_order_is_what_was_asked_for() -> None:
    fields = {"time_in_force": TimeInForce.IOC, "cause": "tick@1", "reduce_only": True, "parent_order_id": "p1"}
    order = make(asked(OrderType.STOP_LIMIT, "99", "98", **fields))
    assert (order.client_order_id, order.strategy, order.instrument, order.side) == ("a1", "alpha", SPOT, Side.BUY)
    assert (order.order_type, order.quantity, order.price, order.trigger_price) == ("stop_limit", D(1), D(99), D(98))
    assert {name: getattr(order, name) for name in fields} == fields
    assert order.ts_submitted == order.ts_last == START_NS


@pytest.mark.parametrize(
    ("quantity", "price", "change"),
    [
        (None, None, None), ("2", "100", None), ("3", None, Change(D(3), D(100))), (None, "101", Change(D(2), D(101))),
    ],
)  # fmt: skip
def test_what_an_amendment_makes(quantity: str | None, price: str | None, change: Change | None) -> None:
    order = make(request(quantity="2"))
    assert changed(order, number(quantity), number(price)) == change


@pytest.mark.parametrize(
    ("price", "quantity", "new_price", "complaint"),
    [
        ("100", "nan", None, "order a1 cannot be amended to NaN: that is no number"),
        ("100", None, "inf", "order a1 cannot be amended to Infinity: that is no number"),
        (None, None, "100", "order a1 is a market order: it has no limit to amend"),
        ("100", "1", None, "order a1 traded 1 already: it cannot be amended to 1; cancel it"),
    ],
)
def test_what_no_amendment_can_make(
    price: str | None, quantity: str | None, new_price: str | None, complaint: str
) -> None:
    order = make(request(quantity="2", price=price))
    order.filled_quantity = D(1)
    with pytest.raises(OrderError, match=f"^{complaint}$"):
        changed(order, number(quantity), number(new_price))


def test_a_parent_cannot_be_amended() -> None:
    world = World()
    parent = world.orders.open_parent(request(quantity="2"))
    with pytest.raises(OrderError, match="is routed to several venues: it cannot be amended, cancel it and place"):
        world.orders.amend(parent, D(3))
    assert (parent.state.value, parent.change) == ("PENDING_NEW", None)


def test_a_replacement_that_nobody_asked_for_and_that_tells_nothing_changes_nothing_but_the_id() -> None:
    world = World()
    order = world.submit(quantity="2")
    world.report(order, ExecType.NEW, venue_order_id="v1")
    world.report(order, ExecType.REPLACED, venue_order_id="v2")
    assert (order.quantity, order.price, order.venue_order_id, order.state.value) == (D(2), D(100), "v2", "NEW")


def test_a_replacement_may_tell_the_quantity_only() -> None:
    world = World()
    order = world.submit(quantity="2")
    world.report(order, ExecType.NEW)
    world.report(order, ExecType.REPLACED, order_quantity=D("1.5"))
    assert (order.quantity, order.price) == (D("1.5"), D(100))


def found(client_order_id: str, venue_order_id: str) -> OrderStatus:
    return OrderStatus(
        client_order_id=client_order_id, venue_order_id=venue_order_id, symbol="BTC/USDT", side=Side.BUY,
        order_type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, quantity=D(1), price=D(100), state=OrderState.NEW,
        filled_quantity=D(0), ts_event=0,
    )  # fmt: skip


def test_an_id_that_an_order_of_another_venue_has_is_that_of_two_orders() -> None:
    world = World()
    first = world.orders.adopt("binance", found("web-1", "7"), SPOT, "found")
    second = world.orders.adopt("okx", found("web-1", "7"), BTC, "found")
    assert (first.client_order_id, second.client_order_id) == ("web-1", "ext-okx-7")
    assert (first.venue, second.venue) == ("binance", "okx")
    assert world.orders.adopt("okx", found("web-1", "7"), BTC, "again") is second
    assert world.orders.adopt("binance", found("web-1", "7"), SPOT, "again") is first
    assert world.cache.get("web-1") is first
