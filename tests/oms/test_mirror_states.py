"""What the owner of an order says when it is asked is adopted."""

from __future__ import annotations

from typing import Any

import pytest

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.events import OrderStateEvent
from quantai.oms.mirror import adopt, adopt_state, order_of
from quantai.oms.models import Change, Order
from quantai.oms.orders import new_order
from tests.oms.world import SPOT, START_NS, D, request


def an_order(state: str = "NEW", **fields: Any) -> Order:
    """A buy of 4 at 100."""
    order = new_order(request(quantity="4"), "a1", START_NS, {"binance"})
    order.state = OrderState(state)
    for name, value in fields.items():
        setattr(order, name, value)
    return order


def the_state(state: str = "NEW", **fields: Any) -> OrderStateEvent:
    told: dict[str, Any] = {
        "session": "s", "request": 0, "ts_event": START_NS + 9, "ts_init": START_NS + 10, "client_order_id": "a1",
        "strategy": "alpha", "venue": "binance", "symbol": "BTC/USDT", "side": Side.SELL,
        "order_type": OrderType.STOP_LIMIT, "time_in_force": TimeInForce.IOC, "quantity": D(5), "price": D(101),
        "state": OrderState(state), "filled_quantity": D(2), "filled_value": D(180), "venue_order_id": "v1",
        "reason": "why", "cause": "tick@1", "ts_submitted": START_NS, "trigger_price": D(99), "reduce_only": True,
        "parent_order_id": "p1",
    }  # fmt: skip
    return OrderStateEvent(**(told | fields))


def test_an_order_that_nobody_here_knew_is_made_whole() -> None:
    state = the_state()
    order = order_of(state, SPOT)
    adopt(order, state)
    assert order.instrument is SPOT
    for name in (
        "client_order_id", "strategy", "venue", "symbol", "side", "order_type", "time_in_force", "quantity", "price",
        "state", "filled_quantity", "filled_value", "venue_order_id", "reason", "cause", "ts_submitted",
        "trigger_price", "reduce_only", "parent_order_id",
    ):  # fmt: skip
        assert getattr(order, name) == getattr(state, name), name
    assert (order.ts_last, order.is_accepted) == (START_NS + 9, True)


def test_the_state_alone_leaves_the_fills_to_be_booked() -> None:
    order = an_order()
    adopt_state(order, the_state("PARTIALLY_FILLED"))
    assert (order.state.value, order.filled_quantity, order.filled_value) == ("PARTIALLY_FILLED", D(0), D(0))
    assert (order.quantity, order.price, order.reason, order.venue_order_id) == (D(5), D(101), "why", "v1")


@pytest.mark.parametrize(
    ("mine", "theirs", "after"),
    [
        ("PENDING_CANCEL", "NEW", "PENDING_CANCEL"), ("PENDING_CANCEL", "FILLED", "FILLED"),
        ("PENDING_REPLACE", "NEW", "NEW"), ("UNKNOWN", "PENDING_NEW", "PENDING_NEW"),
    ],
)  # fmt: skip
def test_a_cancel_on_its_way_stays_so(mine: str, theirs: str, after: str) -> None:
    order = an_order(mine)
    adopt_state(order, the_state(theirs))
    assert order.state == after


@pytest.mark.parametrize(("theirs", "keeps"), [("PENDING_REPLACE", True), ("NEW", False)])
def test_a_change_is_kept_while_its_owner_waits_for_it(theirs: str, keeps: bool) -> None:
    order = an_order("PENDING_REPLACE", change=Change(D(6), D(102)))
    adopt_state(order, the_state(theirs))
    assert (order.change is not None) is keeps


@pytest.mark.parametrize(
    ("state", "venue_order_id", "is_accepted"),
    [
        ("PENDING_NEW", "", False), ("PENDING_NEW", "v1", True), ("NEW", "", True), ("PARTIALLY_FILLED", "", True),
        ("FILLED", "", True), ("CANCELED", "", True), ("EXPIRED", "", True), ("REJECTED", "", False),
        ("DENIED", "", False), ("UNKNOWN", "", False), ("SUSPENDED", "", False), ("PENDING_CANCEL", "", False),
    ],
)  # fmt: skip
def test_what_proves_that_the_venue_has_the_order(state: str, venue_order_id: str, is_accepted: bool) -> None:
    order = an_order("UNKNOWN")
    adopt_state(order, the_state(state, venue_order_id=venue_order_id))
    assert order.is_accepted is is_accepted


def test_what_was_accepted_stays_so() -> None:
    order = an_order("UNKNOWN", is_accepted=True)
    adopt_state(order, the_state("UNKNOWN", venue_order_id=""))
    assert order.is_accepted
