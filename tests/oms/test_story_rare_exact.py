"""Connectors that fail, orders that are taken over, what cannot be: told to the letter."""

from __future__ import annotations

from typing import Any

import pytest

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.events import (
    ErrorEvent,
    OrderCanceledEvent,
    OrderCancelRejectedEvent,
    OrderExpiredEvent,
    OrderPendingCancelEvent,
    OrderPendingReplaceEvent,
    OrderRejectedEvent,
    OrderReplaceRejectedEvent,
    OrderRestatedEvent,
    OrderUnknownEvent,
)
from quantai.exchanges.execution import ExecType, OrderStatus
from tests.oms.story_world import LATER_NS, STOP, ask, head, holding, later, resting
from tests.oms.world import BTC, SPOT, START_NS, D, World, finish


@pytest.fixture
def world() -> World:
    return holding()


# Connectors that fail


@pytest.mark.parametrize(
    ("error", "submitted", "reason"),
    [
        (OrderError("too small"), OrderRejectedEvent, "too small"),
        (ConnectionError("no line"), OrderUnknownEvent, "ConnectionError: no line"),
    ],
)
def test_an_order_that_cannot_be_sent_is_refused_or_unknown(
    world: World,
    error: Exception,
    submitted: type[OrderRejectedEvent | OrderUnknownEvent],
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world.venues["binance"].error = error
    order = world.orders.submit(ask())
    said = world.events[-1]
    assert isinstance(said, submitted)
    assert (said.reason, order.reason) == (reason, reason)
    failed = f"the connector of binance failed on {order.client_order_id}"
    assert (failed in caplog.messages) is isinstance(error, ConnectionError)


def test_a_change_or_cancel_that_is_refused_leaves_the_order_as_it_was(world: World) -> None:
    order = resting(world)
    world.venues["binance"].error = OrderError("no")
    events = later(world)
    world.orders.amend(order, D(3))
    world.orders.cancel(order)
    assert events == [
        OrderPendingReplaceEvent(*head(order), D(3), D(101)),
        OrderReplaceRejectedEvent(*head(order), "no"),
        OrderPendingCancelEvent(*head(order)),
        OrderCancelRejectedEvent(*head(order), "no"),
    ]
    assert order.state is OrderState.NEW


def test_several_of_which_one_is_refused_are_all_unknown(world: World) -> None:
    world.venues["binance"].error = OrderError("no")
    orders = world.orders.submit_all([ask(), ask()])
    assert [(order.state, order.reason) for order in orders] == [(OrderState.UNKNOWN, "no")] * 2


def test_open_orders_are_found_by_strategy_symbol_and_venue(world: World) -> None:
    mine = world.orders.submit(ask())
    other = world.orders.submit(ask(strategy="beta", reduce_only=False))
    there = world.orders.submit(ask(instrument=BTC))
    assert world.orders.open_orders() == [mine, other, there]
    assert world.orders.open_orders("beta") == [other]
    assert world.orders.open_orders(symbol="ETH/USDT") == []
    assert world.orders.cancel_all(venue="okx") == [there]
    assert [each.client_order_id for each in world.venues["okx"].cancels] == [there.client_order_id]
    assert mine.state is other.state is OrderState.PENDING_NEW


# All at once, and taken over


def test_all_are_cancelled_for_the_same_cause(world: World) -> None:
    orders = [resting(world), world.orders.submit(STOP)]
    events = later(world)
    assert world.orders.cancel_all("alpha", cause="because") == orders
    assert events == [
        OrderCanceledEvent(*head(orders[1]), D(2), "cancelled before it was released"),
        OrderPendingCancelEvent(*head(orders[0], cause="because")),
    ]


def test_an_expiry_is_told_with_what_was_left_and_why(world: World) -> None:
    order = resting(world)
    world.fill(order, "0.5")
    events = later(world)
    world.report(order, ExecType.EXPIRED, reason="too old")
    assert events == [OrderExpiredEvent(*head(order), D("1.5"), "too old")]


def test_an_order_of_others_is_taken_over_as_the_venue_has_it(world: World) -> None:
    events = later(world)
    status = OrderStatus(
        client_order_id="x1", venue_order_id="v9", symbol="BTC/USDT", side=Side.SELL, order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC, quantity=D(3), price=D(99), state=OrderState.PARTIALLY_FILLED,
        filled_quantity=D(1), ts_event=START_NS + 5,
    )  # fmt: skip
    order = world.orders.adopt("binance", status, SPOT, "found")
    assert events == [
        OrderRestatedEvent(
            "x1", "external", "binance", "BTC/USDT", START_NS + 5, LATER_NS, "", "v9", Side.SELL, OrderType.LIMIT,
            TimeInForce.IOC, D(3), D(99), OrderState.NEW, "found",
        )
    ]  # fmt: skip
    assert (order.price, order.quantity, order.side, order.order_type) == (D(99), D(3), Side.SELL, OrderType.LIMIT)
    assert (order.time_in_force, order.ts_submitted, order.is_sent) == (TimeInForce.IOC, START_NS + 5, True)
    assert (order.is_accepted, order.venue_order_id, order.filled_quantity) == (True, "v9", D(0))


# What is odd


def test_a_fill_after_the_end_is_booked_and_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    order = resting(world)
    name = order.client_order_id
    world.report(order, ExecType.CANCELED)
    world.fill(order, "3", trade_id="t1")
    world.fill(order, "3", trade_id="t1")
    world.fill(order, "1", trade_id="t2")
    assert caplog.messages == [
        f"order {name} traded 3 after it was CANCELED",
        f"Overfill: {name}: 3 traded of 2",
        f"order {name} traded 1 after it was FILLED",
        f"Overfill: {name}: 4 traded of 2",
    ]
    assert [(each.error, each.message) for each in world.events if isinstance(each, ErrorEvent)] == [
        ("Overfill", f"{name}: 3 traded of 2"), ("Overfill", f"{name}: 4 traded of 2")
    ]  # fmt: skip
    counts = world.orders.counts
    assert (counts["overfills"], counts["duplicates"], counts["alarms"], counts["illegal"]) == (2, 1, 2, 0)


def test_what_cannot_be_is_told_and_counted(world: World, caplog: pytest.LogCaptureFixture) -> None:
    order = resting(world)
    name = order.client_order_id
    for _ in range(2):
        world.report(order, ExecType.NEW)
        world.fill(order, "NaN", trade_id="t")
    illegal = "illegal report {} on order {} in state NEW: nothing changed"
    assert caplog.messages[:2] == [illegal.format("NEW", name), illegal.format("TRADE", name)]
    assert caplog.messages[2].startswith(f"UnsoundFill: {name}: a fill that cannot be booked: ExecutionReport(")
    counts = world.orders.counts
    assert (counts["illegal"], counts["alarms"], counts["fills"]) == (4, 2, 2)


def test_a_fill_that_the_portfolio_does_not_take_is_an_alarm(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fill: object) -> Any:
        raise RuntimeError("no")

    order = resting(world)
    monkeypatch.setattr(world.orders._reports, "_book_fill", refuse)
    world.fill(order, "2")
    said = caplog.messages
    assert said[0].startswith("fill OrderFilledEvent(")
    assert said[0].endswith(" is not in the portfolio")
    assert said[1].startswith(f"UnbookedFill: {order.client_order_id}: the portfolio did not take OrderFilledEvent(")
    assert said[1].endswith("): no")
    assert order.state is OrderState.FILLED


def test_a_bus_that_is_closed_is_an_alarm_each_time(world: World, caplog: pytest.LogCaptureFixture) -> None:
    finish(world.bus.close())
    world.orders.submit(ask())
    world.orders.submit(ask())
    assert world.orders.counts["alarms"] == 2
    assert caplog.messages[0].startswith("OrderSubmittedEvent(")
    assert caplog.messages[0].endswith(" was not published")
