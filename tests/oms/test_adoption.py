"""Taking a venue's word."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.events import OrderRestatedEvent
from quantai.exchanges.execution import ExecType, ExecutionReport, OrderStatus
from quantai.oms.models import EXTERNAL
from tests.oms.world import SPOT, START_NS, World

D = Decimal


def status(
    client_order_id: str = "", state: OrderState = OrderState.NEW, filled: str = "0", ts_event: int = 7
) -> OrderStatus:
    return OrderStatus(
        client_order_id=client_order_id, venue_order_id="v9", symbol="BTC/USDT", side=Side.SELL,
        order_type=OrderType.LIMIT, time_in_force=TimeInForce.POST_ONLY, quantity=D(3), price=D(105), state=state,
        filled_quantity=D(filled), ts_event=ts_event,
    )  # fmt: skip


def test_an_order_nobody_here_placed_comes_into_the_books() -> None:
    world = World()
    order = world.orders.adopt("binance", status(), SPOT, "found")
    assert (order.client_order_id, order.strategy, order.venue_order_id) == ("ext-binance-v9", EXTERNAL, "v9")
    assert (order.side, order.order_type, order.time_in_force) == (Side.SELL, OrderType.LIMIT, TimeInForce.POST_ONLY)
    assert (order.quantity, order.price, order.state.value, order.ts_submitted) == (D(3), D(105), "NEW", 7)
    assert (order.is_sent, order.is_accepted, order.cause, order.reason) == (True, True, "", "found")
    (event,) = world.events
    assert isinstance(event, OrderRestatedEvent)
    assert event.topic == "order.restated.external"
    assert (event.venue_order_id, event.side, event.quantity, event.price) == ("v9", Side.SELL, D(3), D(105))
    assert (event.order_type, event.time_in_force) == (OrderType.LIMIT, TimeInForce.POST_ONLY)
    assert (event.state.value, event.reason, event.ts_event, event.ts_init) == ("NEW", "found", 7, START_NS)
    assert world.orders.open_orders() == [order]
    world.orders.cancel(order)
    assert [command.venue_order_id for command in world.venues["binance"].cancels] == ["v9"]


def test_it_keeps_the_id_that_it_has_and_comes_in_once() -> None:
    world = World()
    order = world.orders.adopt("binance", status("web-1"), SPOT, "found")
    assert order.client_order_id == "web-1"
    assert world.orders.adopt("binance", status("web-1"), SPOT, "again") is order
    assert world.orders.adopt("binance", status(), SPOT, "again, by the venue's id") is order
    assert len(world.events) == 1


def test_without_a_time_of_the_venue_it_is_of_now() -> None:
    order = World().orders.adopt("binance", status(ts_event=0), SPOT, "found")
    assert order.ts_submitted == START_NS


@pytest.mark.parametrize("state", [OrderState.PARTIALLY_FILLED, OrderState.FILLED])
def test_what_it_traded_comes_as_fills(state: OrderState) -> None:
    world = World()
    order = world.orders.adopt("binance", status(state=state, filled="3"), SPOT, "found")
    assert (order.state.value, order.filled_quantity) == ("NEW", D(0))
    world.fill(order, "3", "105")
    assert order.state is OrderState.FILLED
    assert world.portfolio.position("binance", "BTC/USDT", EXTERNAL) == -3


def test_an_order_closed_here_and_open_there_is_open() -> None:
    world = World()
    order = world.submit(Side.SELL, "2", "104")
    world.report(order, ExecType.REJECTED, reason="never seen")
    world.orders.restate(order, status(order.client_order_id), "the venue has it")
    assert (order.state.value, order.quantity, order.price, order.venue_order_id) == ("NEW", D(3), D(105), "v9")
    assert (order.reason, order.is_accepted) == ("the venue has it", True)
    assert world.orders.open_orders() == [order]
    assert world.topics()[-1] == "order.restated"


def test_what_was_booked_stays_booked_when_an_order_is_restated() -> None:
    world = World()
    order = world.submit(Side.SELL, "2", "104")
    world.fill(order, "1", "104")
    world.report(order, ExecType.CANCELED)
    world.orders.restate(order, status(order.client_order_id, OrderState.PARTIALLY_FILLED, "1"), "it lives")
    assert (order.state.value, order.filled_quantity) == ("PARTIALLY_FILLED", D(1))
    world.fill(order, "2", "105", trade_id="2")
    world.report(order, ExecType.CANCELED)
    world.orders.restate(order, status(order.client_order_id, OrderState.FILLED, "3"), "all of it")
    assert order.state is OrderState.FILLED


def test_a_venue_may_say_that_it_refused() -> None:
    world = World()
    order = world.submit(Side.SELL, "2", "104")
    world.orders.restate(order, status(order.client_order_id, OrderState.REJECTED), "refused")
    assert (order.state.value, order.is_accepted) == ("REJECTED", False)
    assert world.orders.open_orders() == []


def test_a_change_on_its_way_is_settled_by_the_venues_word() -> None:
    world = World()
    order = world.submit(Side.SELL, "2", "104")
    world.report(order, ExecType.NEW)
    world.orders.amend(order, D(5))
    world.orders.restate(order, status(order.client_order_id), "asked")
    assert (order.state.value, order.quantity, order.change) == ("NEW", D(3), None)


def test_an_order_that_is_there_is_known_by_what_the_venue_calls_it() -> None:
    world = World()
    order = world.submit()
    status = OrderStatus(
        client_order_id=order.client_order_id, venue_order_id="v7", symbol=order.symbol, side=order.side,
        order_type=order.order_type, time_in_force=order.time_in_force, quantity=order.quantity, price=order.price,
        state=OrderState.FILLED, filled_quantity=order.quantity, ts_event=1,
    )  # fmt: skip
    assert world.orders.adopt("binance", status, SPOT, "it traded") is order
    assert (order.state, order.venue_order_id) == (OrderState.PENDING_NEW, "")
    world.orders.apply(
        "binance",
        ExecutionReport(
            exec_type=ExecType.TRADE, client_order_id="", venue_order_id="v7", ts_event=1, trade_id="1",
            quantity=order.quantity, price=D(100), fee_currency="USDT",
        ),
    )  # fmt: skip
    assert (order.state, order.venue_order_id) == (OrderState.FILLED, "v7")


def test_an_order_of_which_the_venue_tells_no_id_gets_no_other_name() -> None:
    world = World()
    order = world.submit()
    nameless = replace(status(order.client_order_id), venue_order_id="")
    assert world.orders.adopt("binance", nameless, SPOT, "it traded") is order
    assert world.cache.by_venue_id("binance", "") is None
