"""Orders that go to several venues: parents and their children."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.events import OrderDeniedEvent, OrderParentEvent, OrderRejectedEvent
from quantai.exchanges.execution import ExecType
from quantai.oms.journal import NoteKind
from quantai.oms.parents import NO_ROUTE, RETRY_NS
from quantai.oms.routing import RouteNote
from tests.oms.routing.floor import A, B, D, Floor, Notes, S
from tests.oms.routing.scene import ask
from tests.oms.world import request


def test_a_parent_has_a_child_for_each_leg() -> None:
    floor = Floor()
    parent = floor.buy({"b": "2", "a": "1"}, "3.0004", price="100.04")
    assert parent.is_parent
    assert (parent.state, parent.quantity, parent.venue, parent.price) == (S.PENDING_NEW, D(3), "b", D("100.0"))
    assert (parent.cause, parent.reduce_only, parent.is_sent) == ("why", False, False)
    assert floor.shape(parent) == [("b", "2", S.PENDING_NEW), ("a", "1", S.PENDING_NEW)]
    first, second = floor.children(parent)
    assert (first.price, second.price) == (D("100.0"), D("100.04"))
    for child in (first, second):
        assert child.parent_order_id == parent.client_order_id
        assert (child.strategy, child.cause, child.reduce_only) == ("alpha", "why", False)
        assert (child.side, child.order_type, child.time_in_force) == (Side.BUY, OrderType.LIMIT, TimeInForce.GTC)
        assert child.is_sent
    assert [len(floor.world.venues[venue].submitted) for venue in "abc"] == [1, 1, 0]
    assert floor.routed.counts == {"parents": 1, "legs": 2, "rerouted": 0, "no_route": 0, "excess": 0}


def test_a_sale_is_never_below_its_limit() -> None:
    floor = Floor()
    parent = floor.buy({"b": "3"}, price="100.04", side=Side.SELL)
    assert parent.price == floor.children(parent)[0].price == D("100.1")


def test_what_may_only_reduce_stays_so() -> None:
    floor = Floor()
    for child in floor.children(floor.buy({"a": "1", "b": "2"})):
        floor.fill(child, str(child.quantity))
    parent = floor.buy({"a": "1", "b": "2"}, side=Side.SELL, reduce_only=True)
    floor.say(floor.children(parent)[0], ExecType.REJECTED)
    assert [child.reduce_only for child in (parent, *floor.children(parent))] == [True] * 4
    assert floor.router.asked[-1].reduce_only


def test_the_decision_is_kept() -> None:
    floor = Floor()
    parent = floor.buy({"a": "3"}, price=None)
    [note] = floor.journal.notes
    assert (note.client_order_id, note.kind) == (parent.client_order_id, NoteKind.ROUTE)
    assert note.ts_ns == floor.world.clock.now_ns()
    assert isinstance(note.body, RouteNote)
    assert note.body.router == "Script"
    assert note.body.request == floor.router.asked[0]
    assert note.body.decision.reason == "as scripted"
    assert parent.price is None


def test_a_journal_that_forgets_is_given_no_decision() -> None:
    class Forgets(Notes):
        is_durable = False

    floor = Floor(journal=Forgets())
    floor.buy({"a": "3"})
    assert floor.journal.notes == []


def test_what_no_venue_takes_is_denied() -> None:
    floor = Floor()
    order = floor.buy({}, "3.0004", price="100.04")
    assert (order.state, order.reason) == (S.DENIED, "NO_ROUTE: nobody takes it")
    assert (order.venue, order.quantity, order.price, order.cause) == ("a", D(3), D("100.04"), "why")
    assert not order.is_parent
    [denied] = [event for event in floor.world.events if isinstance(event, OrderDeniedEvent)]
    assert denied.code == NO_ROUTE
    assert floor.journal.notes[0].client_order_id == order.client_order_id
    assert floor.routed.counts["no_route"] == 1
    assert floor.routed.counts["parents"] == 0


def test_a_router_that_gives_out_too_much_is_not_followed() -> None:
    floor = Floor()
    assert floor.buy({"a": "2", "b": "1.001"}).reason == "NO_ROUTE: the router gave out 3.001 of 3"


def test_what_a_strategy_may_not_trade_is_no_order() -> None:
    floor = Floor()
    with pytest.raises(OrderError, match="alpha may not trade BTC/USDT"):
        floor.routed.submit(ask(), ())
    with pytest.raises(OrderError, match="at a, b, and the order decides"):
        floor.routed.instrument("alpha", "BTC/USDT", (A, B))
    assert floor.routed.instrument("alpha", "BTC/USDT", (B,)) is B


def test_a_venue_where_nothing_executes_ends_the_parent() -> None:
    floor = Floor()
    del floor.world.venues["b"]
    parent = floor.buy({"a": "1", "b": "2"})
    assert (parent.state, parent.reason) == (S.DENIED, "nothing executes orders at b")
    assert floor.children(parent) == []
    assert floor.world.venues["a"].submitted == []


def test_a_parent_is_what_its_children_make_of_it() -> None:
    floor = Floor()
    parent = floor.buy({"a": "1", "b": "2"})
    first, second = floor.children(parent)
    floor.say(second, ExecType.NEW, venue_order_id="v")
    assert parent.state is S.NEW
    assert parent.is_accepted
    floor.fill(second, "0.5")
    floor.fill(first, "1")
    floor.fill(second, "1.5")
    assert floor.told(parent) == [
        (S.NEW, D(0)), (S.PARTIALLY_FILLED, D("0.5")), (S.PARTIALLY_FILLED, D("1.5")), (S.FILLED, D(3)),
    ]  # fmt: skip
    assert (parent.filled_quantity, parent.filled_value, parent.reason) == (D(3), D(300), "")
    assert floor.orders.open_orders() == []


def test_other_orders_are_left_alone() -> None:
    floor = Floor()
    order = floor.world.submit()
    floor.world.fill(order, "1")
    floor.world.events.clear()
    assert floor.routed.counts["legs"] == 0
    assert not any(isinstance(event, OrderParentEvent) for event in floor.world.events)


def test_orders_that_nobody_knows_are_left_alone() -> None:
    floor = Floor()
    floor.world.bus.post(OrderRejectedEvent("nobody", "alpha", "a", "BTC/USDT", 1, 1, "", ""))
    child = floor.orders.submit(replace(request(instrument=A), parent_order_id="gone"))
    floor.fill(child, "1")
    head = floor.world.submit()
    leg = floor.orders.submit(replace(request(instrument=A), parent_order_id=head.client_order_id))
    floor.fill(leg, "1")
    assert floor.told(head) == []
    assert head.state is S.PENDING_NEW


def test_cancelling_a_parent_cancels_its_children_and_ends_rerouting() -> None:
    floor = Floor()
    parent = floor.buy({"a": "1", "b": "2"})
    first, second = floor.children(parent)
    floor.say(first, ExecType.NEW)
    floor.say(second, ExecType.NEW)
    floor.orders.cancel(parent)
    assert {first.state, second.state, parent.state} == {S.PENDING_CANCEL}
    floor.fill(first, "0.5")
    assert (parent.state, parent.filled_quantity) == (S.PENDING_CANCEL, D("0.5"))
    floor.say(first, ExecType.CANCELED)
    floor.say(second, ExecType.CANCELED)
    assert (parent.state, parent.filled_quantity, parent.reason) == (S.CANCELED, D("0.5"), "it was cancelled")
    assert len(floor.children(parent)) == 2
    assert floor.told(parent) == [(S.NEW, D(0)), (S.PENDING_CANCEL, D("0.5")), (S.CANCELED, D("0.5"))]


def test_a_parent_whose_cancel_failed_works_on_but_is_not_routed_anew() -> None:
    floor = Floor()
    parent = floor.buy({"a": "3"})
    [child] = floor.children(parent)
    floor.say(child, ExecType.NEW)
    floor.orders.cancel(parent)
    floor.say(child, ExecType.CANCEL_REJECTED, reason="busy")
    assert parent.state is S.NEW
    floor.orders.cancel(parent)
    assert child.state is S.PENDING_CANCEL
    floor.say(child, ExecType.CANCEL_REJECTED)
    floor.say(child, ExecType.EXPIRED, reason="late")
    assert len(floor.children(parent)) == 1
    assert (parent.state, parent.reason) == (S.CANCELED, "a EXPIRED: late; it was cancelled")


def test_a_parent_that_is_cancelled_while_a_child_is_unknown_waits_for_proof() -> None:
    floor = Floor()
    parent = floor.buy({"a": "3"})
    [child] = floor.children(parent)
    floor.say(child, ExecType.UNKNOWN)
    floor.orders.cancel(parent)
    assert (parent.state, parent.filled_quantity) == (S.PENDING_CANCEL, D(0))
    floor.fill(child, "3")
    assert (parent.state, parent.filled_quantity) == (S.FILLED, D(3))


def test_a_late_fill_is_counted_in_a_parent_that_is_over() -> None:
    floor = Floor()
    parent = floor.buy({"a": "3"})
    [child] = floor.children(parent)
    floor.orders.cancel(parent)
    floor.say(child, ExecType.CANCELED)
    assert parent.state is S.CANCELED
    floor.fill(child, "1")
    assert (parent.state, parent.filled_quantity) == (S.CANCELED, D(1))
    floor.fill(child, "2")
    assert (parent.state, parent.filled_quantity) == (S.FILLED, D(3))


def test_what_is_too_much_is_taken_back() -> None:
    floor = Floor()
    parent = floor.buy({"a": "3"})
    [first] = floor.children(parent)
    floor.say(first, ExecType.NEW)
    floor.say(first, ExecType.CANCELED)  # by the venue
    second = floor.children(parent)[1]
    floor.say(second, ExecType.NEW)
    floor.fill(first, "1")  # after all
    assert second.state is S.PENDING_CANCEL
    assert floor.routed.counts["excess"] == 1
    floor.fill(second, "0.5")
    assert len(floor.world.venues["b"].cancels) == 1
    floor.say(second, ExecType.CANCELED)
    assert (parent.state, parent.filled_quantity) == (S.CANCELED, D("1.5"))
    assert len(floor.children(parent)) == 2


def test_a_venue_that_will_not_take_back_is_asked_again_after_a_second() -> None:
    floor = Floor()
    parent = floor.buy({"a": "3"})
    first = floor.children(parent)[0]
    floor.say(first, ExecType.REJECTED)
    second = floor.children(parent)[1]
    floor.say(second, ExecType.NEW)
    floor.fill(first, "3")
    assert parent.state is S.FILLED
    floor.say(second, ExecType.CANCEL_REJECTED)
    floor.fill(second, "1")
    assert len(floor.world.venues["b"].cancels) == 1
    assert (parent.state, parent.filled_quantity) == (S.FILLED, D(4))
    now_ns = floor.world.clock.now_ns()
    floor.world.clock.advance_to(now_ns + RETRY_NS - 1)
    assert len(floor.world.venues["b"].cancels) == 1
    floor.world.clock.advance_to(now_ns + RETRY_NS)
    assert len(floor.world.venues["b"].cancels) == 2
    floor.say(second, ExecType.CANCELED)
    floor.world.clock.advance_to(now_ns + 5 * RETRY_NS)
    assert len(floor.world.venues["b"].cancels) == 2
    assert floor.world.clock.next_due_ns > now_ns + 10 * RETRY_NS


def test_a_cancel_that_is_on_its_way_is_not_sent_twice() -> None:
    floor = Floor()
    parent = floor.buy({"a": "3"})
    first = floor.children(parent)[0]
    floor.say(first, ExecType.REJECTED)
    floor.fill(first, "3")
    floor.world.clock.advance_to(floor.world.clock.now_ns() + 5 * RETRY_NS)
    assert len(floor.world.venues["b"].cancels) == 1


def test_no_more_is_taken_back_than_needed() -> None:
    floor = Floor()
    parent = floor.buy({"a": "1", "b": "1", "c": "1"})
    first, second, third = floor.children(parent)
    for child in (first, second, third):
        floor.say(child, ExecType.NEW)
    floor.fill(first, "2")
    assert [child.state for child in (second, third)] == [S.NEW, S.PENDING_CANCEL]


def test_cancelling_what_is_at_a_venue_leaves_what_a_parent_has_elsewhere() -> None:
    floor = Floor()
    parent = floor.buy({"a": "1", "b": "2"})
    first, second = floor.children(parent)
    assert floor.orders.cancel_all(venue=parent.venue) == [first]
    assert (first.state, second.state) == (S.PENDING_CANCEL, S.PENDING_NEW)
    floor.say(first, ExecType.CANCELED)
    floor.fill(second, "2")
    assert (parent.state, parent.filled_quantity) == (S.CANCELED, D(2))


def test_what_a_parent_filled_is_never_less_than_it_was_though_a_child_is_forgotten() -> None:
    floor = Floor()
    parent = floor.buy({"a": "1", "b": "2"})
    first, _ = floor.children(parent)
    floor.fill(first, "1")
    floor.world.cache._children[parent.client_order_id].remove(first)
    floor.orders.update_parent(parent, S.CANCELED)
    assert (parent.state, parent.filled_quantity, parent.filled_value) == (S.CANCELED, D(1), D(100))
