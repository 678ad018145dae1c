"""The copy of an order in a daemon of strategies is, event by event, what its owner tells."""

from __future__ import annotations

from typing import Any

import pytest

from quantai.core.enums import Liquidity, OrderState, OrderType, Side, TimeInForce
from quantai.events import (
    OrderAcceptedEvent,
    OrderCanceledEvent,
    OrderCancelRejectedEvent,
    OrderDeniedEvent,
    OrderEvent,
    OrderExpiredEvent,
    OrderFilledEvent,
    OrderParentEvent,
    OrderPartiallyFilledEvent,
    OrderPendingCancelEvent,
    OrderPendingReplaceEvent,
    OrderRejectedEvent,
    OrderReplacedEvent,
    OrderReplaceRejectedEvent,
    OrderRestatedEvent,
    OrderSubmittedEvent,
    OrderSuspendedEvent,
    OrderTriggeredEvent,
    OrderUnknownEvent,
)
from quantai.oms.mirror import follow
from quantai.oms.models import Change, Order
from quantai.oms.orders import new_order
from tests.oms.remote_world import facts
from tests.oms.world import START_NS, D, request

HEAD = ("a1", "alpha", "binance", "BTC/USDT", START_NS, START_NS + 7, "")
ASKED = (Side.BUY, OrderType.LIMIT, TimeInForce.GTC, D(4), D(100))


def an_order(state: OrderState = OrderState.NEW, **fields: Any) -> Order:
    """A buy of 4 at 100."""
    order = new_order(request(quantity="4"), "a1", START_NS, {"binance"})
    order.state = state
    for name, value in fields.items():
        setattr(order, name, value)
    return order


def fill(quantity: str = "1", cumulative: str = "1", leaves: str = "3", price: str = "90") -> OrderEvent:
    cls = OrderFilledEvent if leaves == "0" else OrderPartiallyFilledEvent
    numbers = (D(price), D(quantity), D(cumulative), D(leaves), D(0))
    return cls(*HEAD, "t1", Side.BUY, *numbers, "USDT", Liquidity.TAKER)


EVENTS: dict[str, OrderEvent] = {
    "submitted": OrderSubmittedEvent(*HEAD, *ASKED),
    "suspended": OrderSuspendedEvent(*HEAD, *ASKED, D(110)),
    "triggered": OrderTriggeredEvent(*HEAD, D(4), "reached"),
    "denied": OrderDeniedEvent(*HEAD, Side.BUY, OrderType.LIMIT, D(4), D(100), "CODE", "why"),
    "accepted": OrderAcceptedEvent(*HEAD, "v1"),
    "rejected": OrderRejectedEvent(*HEAD, "no"),
    "filled": fill(),
    "pending_cancel": OrderPendingCancelEvent(*HEAD),
    "cancel_rejected": OrderCancelRejectedEvent(*HEAD, "too late"),
    "canceled": OrderCanceledEvent(*HEAD, D(4), "gone"),
    "expired": OrderExpiredEvent(*HEAD, D(4), "over"),
    "pending_replace": OrderPendingReplaceEvent(*HEAD, D(5), D(101)),
    "replace_rejected": OrderReplaceRejectedEvent(*HEAD, "busy"),
    "replaced": OrderReplacedEvent(*HEAD, "v2", D(5), D(101)),
    "unknown": OrderUnknownEvent(*HEAD, "silence"),
    "restated": OrderRestatedEvent(*HEAD, "v3", *ASKED, OrderState.CANCELED, "found so"),
    "parent": OrderParentEvent(*HEAD, OrderState.PARTIALLY_FILLED, D(1), D(90), "a child"),
}
BECOMES = {
    # what was asked for here and has not arrived there yet
    ("SUSPENDED", "submitted"): "SUSPENDED",
    ("SUSPENDED", "suspended"): "SUSPENDED",
    ("SUSPENDED", "triggered"): "PENDING_NEW",
    ("SUSPENDED", "denied"): "DENIED",
    ("SUSPENDED", "replaced"): "SUSPENDED",
    ("SUSPENDED", "replace_rejected"): "SUSPENDED",
    ("SUSPENDED", "canceled"): "CANCELED",
    ("PENDING_NEW", "submitted"): "PENDING_NEW",
    ("PENDING_NEW", "suspended"): "SUSPENDED",
    ("PENDING_NEW", "denied"): "DENIED",
    ("PENDING_NEW", "accepted"): "NEW",
    ("PENDING_NEW", "rejected"): "REJECTED",
    ("PENDING_NEW", "filled"): "PARTIALLY_FILLED",
    ("PENDING_NEW", "pending_cancel"): "PENDING_CANCEL",
    ("PENDING_NEW", "canceled"): "CANCELED",
    ("PENDING_NEW", "expired"): "EXPIRED",
    ("PENDING_NEW", "unknown"): "UNKNOWN",
    ("UNKNOWN", "submitted"): "PENDING_NEW",
    ("UNKNOWN", "suspended"): "SUSPENDED",
    ("UNKNOWN", "denied"): "DENIED",
    ("UNKNOWN", "accepted"): "NEW",
    ("UNKNOWN", "cancel_rejected"): "UNKNOWN",
    ("UNKNOWN", "replace_rejected"): "UNKNOWN",
    ("NEW", "suspended"): "NEW",
    ("NEW", "denied"): "DENIED",
    ("NEW", "pending_replace"): "PENDING_REPLACE",
    ("NEW", "replaced"): "NEW",
    ("NEW", "unknown"): "UNKNOWN",
    ("PENDING_CANCEL", "submitted"): "PENDING_CANCEL",
    ("PENDING_CANCEL", "suspended"): "PENDING_CANCEL",
    ("PENDING_CANCEL", "triggered"): "PENDING_CANCEL",
    ("PENDING_CANCEL", "pending_cancel"): "PENDING_CANCEL",
    ("PENDING_CANCEL", "pending_replace"): "PENDING_CANCEL",
    ("PENDING_CANCEL", "replaced"): "PENDING_CANCEL",
    ("PENDING_CANCEL", "cancel_rejected"): "UNKNOWN",
    ("PENDING_CANCEL", "filled"): "PENDING_CANCEL",
    ("PENDING_CANCEL", "canceled"): "CANCELED",
    ("PENDING_CANCEL", "denied"): "DENIED",
    ("PENDING_REPLACE", "pending_replace"): "PENDING_REPLACE",
    ("PENDING_REPLACE", "replaced"): "NEW",
    ("PENDING_REPLACE", "replace_rejected"): "NEW",
    ("PENDING_REPLACE", "pending_cancel"): "PENDING_CANCEL",
    ("PENDING_REPLACE", "unknown"): "PENDING_REPLACE",
    ("FILLED", "filled"): "FILLED",
    ("CANCELED", "parent"): "PARTIALLY_FILLED",
    ("FILLED", "restated"): "CANCELED",
}
ILLEGAL = (
    ("PENDING_NEW", "triggered"), ("PENDING_NEW", "pending_replace"), ("NEW", "triggered"), ("NEW", "rejected"),
    ("NEW", "cancel_rejected"), ("NEW", "replace_rejected"), ("SUSPENDED", "accepted"),
    ("SUSPENDED", "pending_replace"), ("SUSPENDED", "unknown"), ("UNKNOWN", "triggered"),
    ("UNKNOWN", "pending_replace"),
    ("PENDING_REPLACE", "triggered"), ("CANCELED", "denied"), ("CANCELED", "canceled"), ("FILLED", "replaced"),
    ("CANCELED", "pending_replace"), ("REJECTED", "pending_cancel"), ("DENIED", "accepted"),
)  # fmt: skip


@pytest.mark.parametrize(("state", "what", "after"), [(*key, after) for key, after in BECOMES.items()])
def test_an_event_makes_this_of_the_copy(state: str, what: str, after: str) -> None:
    order = an_order(OrderState(state), is_accepted=state in ("NEW", "PENDING_REPLACE"))
    assert follow(order, EVENTS[what])
    assert order.state == after
    assert order.ts_last == START_NS + 7


@pytest.mark.parametrize(("state", "what"), ILLEGAL)
def test_an_event_that_cannot_be_changes_nothing(state: str, what: str) -> None:
    change = Change(D(6), D(102))
    order = an_order(OrderState(state), is_accepted=state == "NEW", change=change, reason="before")
    before = facts(order), order.is_accepted
    assert not follow(order, EVENTS[what])
    assert (facts(order), order.is_accepted) == before


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("denied", "CODE: why"), ("rejected", "no"), ("canceled", "gone"), ("expired", "over"), ("unknown", "silence"),
        ("restated", "found so"), ("parent", "a child"), ("accepted", "before"), ("filled", "before"),
        ("pending_cancel", "before"),
    ],
)  # fmt: skip
def test_the_reason_is_that_of_the_state(what: str, reason: str) -> None:
    order = an_order(OrderState.PENDING_NEW, reason="before")
    assert follow(order, EVENTS[what])
    assert order.reason == reason


@pytest.mark.parametrize("cls", [OrderCanceledEvent, OrderExpiredEvent])
def test_an_end_without_a_reason_leaves_the_one_there_is(cls: type[OrderCanceledEvent]) -> None:
    order = an_order(reason="before")
    assert follow(order, cls(*HEAD, D(4)))
    assert order.reason == "before"


def test_a_refusal_is_no_reason_for_what_the_order_is() -> None:
    order = an_order(OrderState.PENDING_CANCEL, is_accepted=True, reason="before")
    assert follow(order, EVENTS["cancel_rejected"])
    assert (order.state.value, order.reason) == ("NEW", "before")


def test_a_change_is_on_its_way_and_then_made() -> None:
    order = an_order(is_accepted=True, venue_order_id="v1")
    assert follow(order, EVENTS["pending_replace"])
    assert (order.quantity, order.price, order.change) == (D(4), D(100), Change(D(5), D(101)))
    assert follow(order, EVENTS["replaced"])
    assert (order.quantity, order.price, order.change, order.venue_order_id) == (D(5), D(101), None, "v2")


def test_a_change_that_is_refused_is_forgotten() -> None:
    order = an_order(OrderState.PENDING_REPLACE, change=Change(D(5), D(101)), filled_quantity=D(1))
    assert follow(order, EVENTS["replace_rejected"])
    assert (order.state.value, order.change, order.quantity) == ("PARTIALLY_FILLED", None, D(4))


def test_the_end_of_an_order_ends_its_change() -> None:
    order = an_order(OrderState.PENDING_REPLACE, change=Change(D(5), D(101)))
    assert follow(order, EVENTS["canceled"])
    assert order.change is None


def test_a_fill_adds_up() -> None:
    order = an_order()
    assert follow(order, fill("1", "1", "3", "90"))
    assert (order.state.value, order.filled_quantity, order.filled_value) == ("PARTIALLY_FILLED", D(1), D(90))
    assert follow(order, fill("3", "4", "0", "94"))
    assert (order.state.value, order.filled_quantity, order.filled_value) == ("FILLED", D(4), D(372))


def test_what_is_filled_may_become_more_by_a_change_on_its_way() -> None:
    order = an_order(OrderState.PENDING_REPLACE, change=Change(D(5), D(100)))
    assert follow(order, fill("4", "4", "0"))
    assert (order.state.value, order.change) == ("PENDING_REPLACE", Change(D(5), D(100)))


def test_a_parent_is_what_its_owner_says() -> None:
    order = an_order(OrderState.PENDING_NEW, filled_quantity=D(3), filled_value=D(1))
    assert follow(order, EVENTS["parent"])
    assert (order.state.value, order.filled_quantity, order.filled_value) == ("PARTIALLY_FILLED", D(1), D(90))


@pytest.mark.parametrize(("what", "is_accepted"), [("accepted", True), ("replaced", True), ("filled", False)])
def test_an_acceptance_is_what_proves_one(what: str, is_accepted: bool) -> None:
    order = an_order(OrderState.UNKNOWN)
    assert follow(order, EVENTS[what])
    assert order.is_accepted is is_accepted


def test_a_stop_that_was_changed_here_can_be_rejected_by_its_venue() -> None:
    order = an_order(OrderState.SUSPENDED)
    for event in (OrderReplacedEvent(*HEAD, "", D(2), D(99)), EVENTS["triggered"], EVENTS["rejected"]):
        assert follow(order, event)
    assert (order.state.value, order.quantity, order.is_accepted) == ("REJECTED", D(2), False)


@pytest.mark.parametrize("state", ["REJECTED", "NEW", "CANCELED"])
def test_what_is_restated_takes_the_place_of_everything(state: str) -> None:
    order = an_order(OrderState.PENDING_REPLACE, change=Change(D(5), D(101)), reason="before", venue_order_id="v1")
    numbers = (Side.BUY, OrderType.LIMIT, TimeInForce.GTC, D(2), D(98))
    assert follow(order, OrderRestatedEvent(*HEAD, "", *numbers, OrderState(state), ""))
    assert (order.state, order.quantity, order.price, order.change) == (state, D(2), D(98), None)
    assert (order.reason, order.venue_order_id, order.is_accepted) == ("", "v1", state != "REJECTED")
