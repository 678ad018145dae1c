"""Every field of every command and event, and the words: what the order manager tells venues, strategies and logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.events import (
    Event,
    OrderAcceptedEvent,
    OrderCanceledEvent,
    OrderCancelRejectedEvent,
    OrderDeniedEvent,
    OrderParentEvent,
    OrderPendingCancelEvent,
    OrderPendingReplaceEvent,
    OrderReplacedEvent,
    OrderSubmittedEvent,
    OrderSuspendedEvent,
    OrderTriggeredEvent,
)
from quantai.exchanges.execution import AmendOrder, CancelOrder, ExecType, ExecutionReport, SubmitOrder
from quantai.oms.models import Order
from tests.oms.story_world import CAUSE, LATER_NS, STOP, ask, head, holding, later, resting
from tests.oms.world import BTC, START_NS, D, World


@pytest.fixture
def world() -> World:
    return holding()


# Commands


@pytest.mark.parametrize(
    ("order_type", "sent_as"),
    [
        (OrderType.LIMIT, OrderType.LIMIT),
        (OrderType.STOP_LIMIT, OrderType.LIMIT),
        (OrderType.STOP, OrderType.MARKET),
        (OrderType.MARKET, OrderType.MARKET),
    ],
)
def test_an_order_goes_out_with_all_that_was_asked_for(world: World, order_type: OrderType, sent_as: OrderType) -> None:
    is_stop = order_type in (OrderType.STOP, OrderType.STOP_LIMIT)
    price = None if order_type in (OrderType.STOP, OrderType.MARKET) else D(101)
    time_in_force = TimeInForce.GTC if price is None else TimeInForce.POST_ONLY
    request = ask(
        order_type=order_type, price=price, time_in_force=time_in_force, trigger_price=D(99) if is_stop else None
    )
    order = world.orders.submit(request, "mine")
    world.orders.release(order, "reached")
    assert world.venues["binance"].submitted == [
        SubmitOrder("mine", "BTC/USDT", Side.SELL, sent_as, D(2), price, time_in_force, True)
    ]
    assert world.venues["okx"].submitted == []


def test_several_go_to_each_venue_together(world: World) -> None:
    made = world.orders.submit_all([ask(), ask(instrument=BTC), ask(quantity=D(3)), STOP])
    names = [order.client_order_id for order in made]
    batches = {name: [[each.client_order_id for each in batch] for batch in venue.batches]
               for name, venue in world.venues.items()}  # fmt: skip
    assert batches == {"binance": [[names[0], names[2]]], "okx": [[names[1]]]}
    assert [order.state for order in made] == [OrderState.PENDING_NEW] * 3 + [OrderState.SUSPENDED]
    assert world.orders.counts["submitted"] == 5
    orders = world.orders.cancel_all("alpha", cause="because")
    assert orders == made
    cancels = {name: [[each.client_order_id for each in batch] for batch in venue.cancel_batches]
               for name, venue in world.venues.items()}  # fmt: skip
    assert cancels == batches
    assert made[3].state is OrderState.CANCELED


def test_a_change_and_a_cancel_name_the_order_by_both_names(world: World) -> None:
    order = resting(world)
    world.orders.amend(order, D(3), D(102), "because")
    world.orders.cancel(order, "because")
    assert world.venues["binance"].amends == [
        AmendOrder(order.client_order_id, "BTC/USDT", "v1", Side.SELL, D(3), D(102))
    ]
    assert world.venues["binance"].cancels == [CancelOrder(order.client_order_id, "BTC/USDT", "v1")]


# Events


def test_a_submission_is_told_with_all_that_was_asked_for(world: World) -> None:
    order = world.orders.submit(ask())
    name = order.client_order_id
    assert world.events == [
        OrderSubmittedEvent(
            name, "alpha", "binance", "BTC/USDT", START_NS, START_NS, CAUSE, Side.SELL, OrderType.LIMIT,
            TimeInForce.POST_ONLY, D(2), D(101), None, True, "p1",
        )
    ]  # fmt: skip
    assert (order.is_sent, order.ts_last, order.ts_submitted) == (True, START_NS, START_NS)


def test_an_order_that_is_kept_here_is_told_of_until_it_is_sent(world: World) -> None:
    order = world.orders.submit(ask(trigger_price=D(99), order_type=OrderType.STOP_LIMIT))
    (suspended,) = world.events
    assert suspended == OrderSuspendedEvent(
        order.client_order_id, "alpha", "binance", "BTC/USDT", START_NS, START_NS, CAUSE, Side.SELL,
        OrderType.STOP_LIMIT, TimeInForce.POST_ONLY, D(2), D(101), D(99), True, "p1",
    )  # fmt: skip
    events = later(world)
    world.orders.resize(order, D(2))
    assert events == []
    world.orders.resize(order, D(1))
    world.orders.amend(order, price=D(103), cause="because")
    world.orders.release(order, "reached")
    assert events == [
        OrderReplacedEvent(*head(order), "", D(1), D(101)),
        OrderReplacedEvent(*head(order), "", D(1), D(103)),
        OrderTriggeredEvent(*head(order), D(1), "reached"),
        OrderSubmittedEvent(
            *head(order, START_NS), Side.SELL, OrderType.STOP_LIMIT, TimeInForce.POST_ONLY, D(1), D(103), D(99), True,
            "p1",
        ),
    ]  # fmt: skip
    world.orders.resize(order, D(5))
    assert order.quantity == 1


def test_an_order_that_is_kept_here_and_cancelled_ends_at_once(world: World) -> None:
    order = world.orders.submit(STOP)
    events = later(world)
    world.orders.cancel(order, "because")
    assert events == [OrderCanceledEvent(*head(order), D(2), "cancelled before it was released")]
    assert world.venues["binance"].cancels == []


@pytest.mark.parametrize(
    ("act", "event"),
    [
        (lambda world, order: world.orders.cancel(order, "because"),
         lambda order: OrderPendingCancelEvent(*head(order, cause="because"))),
        (lambda world, order: world.orders.cancel(order), lambda order: OrderPendingCancelEvent(*head(order))),
        (lambda world, order: world.orders.amend(order, D(3), cause="because"),
         lambda order: OrderPendingReplaceEvent(*head(order, cause="because"), D(3), D(101))),
        (lambda world, order: world.orders.amend(order, price=D(99)),
         lambda order: OrderPendingReplaceEvent(*head(order), D(2), D(99))),
    ],
)  # fmt: skip
def test_a_command_is_told_with_its_cause(
    world: World, act: Callable[[World, Order], None], event: Callable[[Order], Event]
) -> None:
    order = resting(world)
    events = later(world)
    act(world, order)
    assert events == [event(order)]


def test_what_a_venue_says_is_told_at_its_time(world: World) -> None:
    order = world.orders.submit(ask())
    events = later(world)
    world.orders.apply("binance", _report(order, ExecType.NEW, START_NS + 5, venue_order_id="v1"))
    world.orders.apply("binance", _report(order, ExecType.CANCEL_REJECTED, START_NS + 6, reason="odd"))
    world.orders.cancel(order)
    world.orders.apply("binance", _report(order, ExecType.CANCEL_REJECTED, START_NS + 7, reason="no"))
    world.orders.apply("binance", _report(order, ExecType.CANCELED, 0, reason="gone"))
    assert events == [
        OrderAcceptedEvent(*head(order, START_NS + 5), "v1"),
        OrderPendingCancelEvent(*head(order)),
        OrderCancelRejectedEvent(*head(order, START_NS + 7), "no"),
        OrderCanceledEvent(*head(order), D(2), "gone"),
    ]
    assert (order.venue_order_id, order.reason) == ("v1", "gone")


@pytest.mark.parametrize(
    ("ts_event", "told_ns"), [(1, 1), (0, LATER_NS), (-1, LATER_NS), (2**63 - 1, 2**63 - 1), (2**63, LATER_NS)]
)
def test_a_time_that_no_database_holds_is_now(world: World, ts_event: int, told_ns: int) -> None:
    order = world.orders.submit(ask())
    events = later(world)
    world.orders.apply("binance", _report(order, ExecType.NEW, ts_event, venue_order_id="v1"))
    assert events == [OrderAcceptedEvent(*head(order, told_ns), "v1")]


def _report(order: Order, exec_type: ExecType, ts_event: int, **fields: Any) -> ExecutionReport:
    return ExecutionReport(exec_type=exec_type, client_order_id=order.client_order_id, ts_event=ts_event, **fields)


def test_a_parent_is_told_with_what_its_children_filled(world: World) -> None:
    parent = world.orders.open_parent(ask(parent_order_id=""))
    children = [world.orders.submit(ask(parent_order_id=parent.client_order_id, quantity=D(1))) for _ in range(2)]
    world.report(children[0], ExecType.NEW, venue_order_id="v1")
    events = later(world)
    for number, child in enumerate(children):
        world.fill(child, "0.5", "100", trade_id=f"t{number}")
    events.clear()
    world.orders.update_parent(parent, OrderState.PARTIALLY_FILLED, "so")
    world.orders.update_parent(parent, OrderState.PARTIALLY_FILLED, "again")
    world.orders.update_parent(parent, OrderState.CANCELED)
    assert events == [
        OrderParentEvent(*head(parent), OrderState.PARTIALLY_FILLED, D(1), D(100), "so"),
        OrderParentEvent(*head(parent), OrderState.CANCELED, D(1), D(100), ""),
    ]
    assert (parent.reason, parent.filled_quantity, parent.filled_value, parent.is_accepted) == (
        "so",
        D(1),
        D(100),
        True,
    )
    assert world.venues["binance"].submitted[0].client_order_id == children[0].client_order_id


def test_a_parent_that_is_cancelled_cancels_its_children(world: World) -> None:
    parent = world.orders.open_parent(ask(parent_order_id=""))
    child = world.orders.submit(ask(parent_order_id=parent.client_order_id))
    world.report(child, ExecType.NEW, venue_order_id="v1")
    events = later(world)
    world.orders.cancel(parent, "because")
    assert events == [
        OrderPendingCancelEvent(*head(parent, cause="because")),
        OrderPendingCancelEvent(*head(child, cause="because")),
    ]
    with pytest.raises(OrderError) as error:
        world.orders.amend(parent, D(3))
    assert str(error.value) == (
        f"order {parent.client_order_id} is routed to several venues: it cannot be amended, cancel it and place another"
    )


def test_what_cannot_be_amended_is_told_by_its_state(world: World) -> None:
    order = world.orders.submit(ask())
    with pytest.raises(OrderError) as error:
        world.orders.amend(order, D(3))
    assert str(error.value) == f"order {order.client_order_id} cannot be amended while it is PENDING_NEW"


def test_a_refusal_before_risk_is_told_and_counted(world: World) -> None:
    orders = [world.orders.deny(ask(), "", "CODE", "why") for _ in range(2)]
    assert world.events[0] == OrderDeniedEvent(
        orders[0].client_order_id, "alpha", "binance", "BTC/USDT", START_NS, START_NS, CAUSE, Side.SELL,
        OrderType.LIMIT, D(2), D(101), "CODE", "why",
    )  # fmt: skip
    assert (orders[0].state, orders[0].reason, world.orders.counts["denied"]) == (OrderState.DENIED, "CODE: why", 2)
