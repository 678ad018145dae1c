"""Changing orders that rest."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.core.enums import OrderState, OrderType
from quantai.core.errors import OrderError
from quantai.events import ErrorEvent, OrderPendingReplaceEvent, OrderReplacedEvent
from quantai.exchanges.execution import ExecType
from quantai.oms.models import Change, Order, OrderRequest
from tests.oms.world import SPOT, World, request

D = Decimal


def resting(world: World, quantity: str = "2") -> Order:
    order = world.submit(quantity=quantity)
    world.report(order, ExecType.NEW, venue_order_id="v1")
    world.events.clear()
    return order


def test_a_change_is_asked_for_and_taken_when_the_venue_confirms() -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(3), D(101))
    assert (order.state.value, order.quantity, order.price) == ("PENDING_REPLACE", D(2), D(100))
    assert order.change == Change(D(3), D(101))
    (asked,) = world.events
    assert isinstance(asked, OrderPendingReplaceEvent)
    assert (asked.quantity, asked.price) == (D(3), D(101))
    world.report(order, ExecType.REPLACED, venue_order_id="v2", order_quantity=D(3), order_price=D(101))
    assert (order.state.value, order.quantity, order.price) == ("NEW", D(3), D(101))
    assert order.change is None
    told = world.events[-1]
    assert isinstance(told, OrderReplacedEvent)
    assert (told.venue_order_id, told.quantity, told.price) == ("v2", D(3), D(101))
    assert world.cache.by_venue_id("binance", "v1") is order
    assert world.cache.by_venue_id("binance", "v2") is order


def test_what_the_venue_does_not_tell_of_a_change_is_what_was_asked_for() -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(3), D(101))
    world.report(order, ExecType.REPLACED)
    assert (order.quantity, order.price, order.venue_order_id) == (D(3), D(101), "v1")


def test_the_venue_may_change_less_than_was_asked_for() -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(3), D(101))
    world.report(order, ExecType.REPLACED, order_quantity=D("2.5"), order_price=D("100.5"))
    assert (order.quantity, order.price) == (D("2.5"), D("100.5"))


def test_only_one_of_quantity_and_price_need_change() -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, price=D(99))
    assert order.change == Change(D(2), D(99))
    world.report(order, ExecType.REPLACED)
    world.orders.amend(order, quantity=D(1))
    assert order.change == Change(D(1), D(99))


def test_a_change_to_what_is_so_already_is_none() -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(2), D(100))
    assert world.events == []
    assert world.venues["binance"].amends == []


def test_a_refused_change_leaves_the_order_as_it_was() -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(3))
    world.report(order, ExecType.REPLACE_REJECTED, reason="no")
    assert (order.state.value, order.quantity, order.change, order.reason) == ("NEW", D(2), None, "")
    assert world.topics()[-1] == "order.replace_rejected"


def test_an_order_with_fills_comes_back_partially_filled() -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(3))
    world.fill(order, "1")
    assert order.state.value == "PENDING_REPLACE"
    world.report(order, ExecType.REPLACED)
    assert (order.state.value, order.leaves_quantity) == ("PARTIALLY_FILLED", D(2))


def test_an_order_that_may_still_grow_is_not_complete() -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(3))
    world.fill(order, "2")
    assert (order.state.value, order.working_quantity) == ("PENDING_REPLACE", D(1))
    world.report(order, ExecType.REPLACE_REJECTED)
    assert order.state.value == "FILLED"
    assert world.orders.counts["overfills"] == 0


def test_an_order_shrunk_to_what_it_traded_is_complete() -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(1))
    world.fill(order, "1")
    assert order.state.value == "PENDING_REPLACE"
    world.report(order, ExecType.REPLACED)
    assert order.state.value == "FILLED"


def test_more_than_the_change_may_make_of_it_is_no_overfill_until_it_is_settled() -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(3))
    world.fill(order, "3")
    assert (order.state.value, order.change) == ("FILLED", None)
    assert world.orders.counts["overfills"] == 1  # the change was never confirmed: somebody must look


def test_a_cancelled_order_has_no_change_on_its_way() -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(3))
    world.report(order, ExecType.CANCELED)
    assert (order.change, order.working_quantity) == (None, D(0))


def test_an_unasked_change_is_taken() -> None:
    world = World()
    order = resting(world)
    world.report(order, ExecType.REPLACED, order_quantity=D("1.5"))
    assert (order.state.value, order.quantity, order.price) == ("NEW", D("1.5"), D(100))


def test_a_late_report_does_not_bring_the_old_venue_id_back() -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(3))
    world.report(order, ExecType.REPLACED, venue_order_id="v2")
    world.fill(order, "1", venue_order_id="v1")
    assert order.venue_order_id == "v2"


@pytest.mark.parametrize(
    "bad", [{"order_quantity": D("NaN")}, {"order_quantity": D(0)}, {"order_price": D("Infinity")}]
)
def test_a_change_that_cannot_be_raises_the_alarm(bad: dict[str, Decimal]) -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(3))
    world.report(order, ExecType.REPLACED, **bad)
    assert (order.state.value, order.quantity, order.change) == ("PENDING_REPLACE", D(2), Change(D(3), D(100)))
    assert [event.error for event in world.events if isinstance(event, ErrorEvent)] == ["UnsoundReport"]
    assert world.orders.counts["illegal"] == 1


def test_a_market_order_gets_no_limit_from_a_report() -> None:
    world = World()
    order = world.submit(price=None)
    world.report(order, ExecType.NEW)
    world.report(order, ExecType.REPLACED, order_price=D(1))
    assert (order.price, world.orders.counts["illegal"]) == (None, 1)


def test_an_illegal_change_changes_no_number() -> None:
    world = World()
    order = resting(world)
    world.fill(order, "2")
    world.report(order, ExecType.REPLACED, order_quantity=D(9), order_price=D(9))
    assert (order.quantity, order.price) == (D(2), D(100))
    assert world.orders.counts["illegal"] == 1


@pytest.mark.parametrize("ending", [ExecType.CANCELED, ExecType.EXPIRED])
def test_a_change_that_is_told_after_the_end_is_what_the_order_was_then(ending: ExecType) -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(3))
    world.report(order, ending)
    world.report(order, ExecType.REPLACED, order_quantity=D(3), order_price=D(100))
    assert (order.state, order.quantity, order.change) == (OrderState(ending.value), D(3), None)
    assert world.orders.counts["illegal"] == 0


def test_a_change_that_is_told_again_does_not_end_the_next_one() -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(3))
    world.report(order, ExecType.REPLACED, order_quantity=D(3), order_price=D(100))
    world.orders.amend(order, D(5))
    world.report(order, ExecType.REPLACED, order_quantity=D(3), order_price=D(100))
    assert (order.state.value, order.change, order.working_quantity) == (
        "PENDING_REPLACE", Change(D(5), D(100)), D(5),
    )  # fmt: skip
    world.report(order, ExecType.REPLACED, order_quantity=D(3), order_price=D(100))
    assert world.orders.counts["duplicates"] == 2
    world.report(order, ExecType.REPLACED, order_quantity=D(5), order_price=D(100))
    assert (order.state.value, order.quantity, order.change) == ("NEW", D(5), None)


def test_a_change_that_the_venue_made_otherwise_ends_ours() -> None:
    world = World()
    order = resting(world)
    world.orders.amend(order, D(3))
    world.report(order, ExecType.REPLACED, order_quantity=D(2), order_price=D(99))
    assert (order.state.value, order.quantity, order.price, order.change) == ("NEW", D(2), D(99), None)


@pytest.mark.parametrize("state", [OrderState.PENDING_NEW, OrderState.PENDING_CANCEL, OrderState.UNKNOWN])
def test_what_does_not_rest_cannot_be_amended(state: OrderState) -> None:
    world = World()
    order = resting(world)
    order.state = state
    with pytest.raises(OrderError, match=f"{order.client_order_id} cannot be amended while it is {state}"):
        world.orders.amend(order, D(3))


def test_a_market_order_has_no_limit_to_amend() -> None:
    world = World()
    order = world.submit(price=None)
    world.report(order, ExecType.NEW)
    with pytest.raises(OrderError, match="no limit to amend"):
        world.orders.amend(order, price=D(3))


def test_an_order_cannot_be_amended_to_what_it_traded() -> None:
    world = World()
    order = resting(world)
    world.fill(order, "1")
    with pytest.raises(OrderError, match="traded 1 already: it cannot be amended to 1; cancel it"):
        world.orders.amend(order, D(1))
    world.orders.amend(order, D("1.001"))
    assert order.change == Change(D("1.001"), D(100))


@pytest.mark.parametrize(
    ("order_type", "price", "trigger", "words"),
    [
        (OrderType.STOP, None, None, "a stop order needs a trigger price"),
        (OrderType.LIMIT, D(1), D(1), "a limit order takes no trigger price"),
        (OrderType.STOP, D(1), D(1), "a stop order takes no price"),
        (OrderType.STOP_LIMIT, None, D(1), "a stop_limit order needs a price"),
    ],
)
def test_prices_fit_the_type(order_type: OrderType, price: Decimal | None, trigger: Decimal | None, words: str) -> None:
    asked = request()
    bad = OrderRequest("a", SPOT, asked.side, order_type, D(1), price, trigger_price=trigger)
    with pytest.raises(OrderError, match=words):
        World().orders.submit(bad)


@pytest.mark.parametrize("traded", ["0", "1"])
def test_a_refused_cancel_leaves_a_change_that_is_on_its_way(traded: str) -> None:
    world = World()
    order = resting(world)
    if traded != "0":
        world.fill(order, traded)
    world.orders.amend(order, D(3))
    world.orders.cancel(order)
    world.report(order, ExecType.CANCEL_REJECTED, reason="busy")
    assert (order.state.value, order.change) == ("PENDING_REPLACE", Change(D(3), D(100)))
    world.report(order, ExecType.REPLACE_REJECTED, reason="no")
    assert (order.state.value, order.change) == ("NEW" if traded == "0" else "PARTIALLY_FILLED", None)
    world.fill(order, str(2 - int(traded)), trade_id="last")
    assert order.state is OrderState.FILLED
