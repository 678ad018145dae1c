"""What comes back from a venue goes to another, and when it does not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from quantai.core.enums import TimeInForce
from quantai.core.errors import OrderError
from quantai.events import Event, TimerEvent
from quantai.exchanges.execution import ExecType
from quantai.instruments import Instrument
from quantai.oms.routing import Decision, RouteRequest
from tests.oms.routing.floor import D, Floor, Limit, Refuses, S


def test_a_rejected_child_goes_elsewhere() -> None:
    floor = Floor()
    parent = floor.buy({"a": "1", "b": "2"}, price="100.04", time_in_force=TimeInForce.POST_ONLY)
    floor.say(floor.children(parent)[1], ExecType.REJECTED, reason="closed for you")
    assert floor.shape(parent) == [
        ("a", "1", S.PENDING_NEW), ("b", "2", S.REJECTED), ("a", "2", S.PENDING_NEW),
    ]  # fmt: skip
    again = floor.router.asked[1]
    assert (again.quantity, again.avoid, again.price) == (D(2), ("b",), D("100.04"))
    assert again.time_in_force is TimeInForce.POST_ONLY
    assert floor.router.candidates[1] == ["a", "b", "c"]
    assert [note.client_order_id for note in floor.journal.notes] == [parent.client_order_id] * 2
    assert (parent.state, floor.routed.counts["rerouted"]) == (S.PENDING_NEW, 1)


def test_risk_may_refuse_one_venue_and_another_take_it() -> None:
    floor = Floor(Refuses("a"))
    parent = floor.buy({"a": "3"})
    assert floor.shape(parent) == [("a", "3", S.DENIED), ("b", "3", S.PENDING_NEW)]
    assert parent.state is S.PENDING_NEW


def test_what_risk_refuses_everywhere_is_not_tried_elsewhere() -> None:
    floor = Floor(Limit("a"))
    parent = floor.buy({"a": "3"})
    assert floor.shape(parent) == [("a", "3", S.DENIED)]
    assert (parent.state, parent.reason) == (S.DENIED, "a DENIED: POSITION_LIMIT: no money there")
    parent = floor.buy({"a": "1", "b": "2"})
    assert parent.state is S.PENDING_NEW
    floor.fill(floor.children(parent)[1], "2")
    assert (parent.state, parent.filled_quantity) == (S.CANCELED, D(2))


@pytest.mark.parametrize("ending", [ExecType.CANCELED, ExecType.EXPIRED])
def test_what_a_venue_gives_back_goes_elsewhere(ending: ExecType) -> None:
    floor = Floor()
    parent = floor.buy({"a": "3"})
    [child] = floor.children(parent)
    floor.say(child, ExecType.NEW)
    floor.fill(child, "1")
    floor.say(child, ending, reason="maintenance")
    assert [(venue, size) for venue, size, _ in floor.shape(parent)] == [("a", "3"), ("b", "2")]
    assert parent.state is S.PARTIALLY_FILLED
    floor.fill(floor.children(parent)[1], "2")
    assert (parent.state, parent.filled_quantity) == (S.FILLED, D(3))


def test_what_trades_at_once_or_not_is_not_tried_elsewhere() -> None:
    for time_in_force, state in ((TimeInForce.IOC, ExecType.EXPIRED), (TimeInForce.FOK, ExecType.CANCELED)):
        floor = Floor()
        parent = floor.buy({"a": "3"}, time_in_force=time_in_force)
        floor.say(floor.children(parent)[0], state, reason="over")
        assert len(floor.children(parent)) == 1
        assert (parent.state.value, parent.reason) == (state.value, f"a {state}: over")
        parent = floor.buy({"a": "3"}, time_in_force=time_in_force)
        floor.say(floor.children(parent)[0], ExecType.REJECTED)
        assert len(floor.children(parent)) == 2


def test_it_comes_back_so_often_and_no_more() -> None:
    floor = Floor(max_reroutes=1)
    parent = floor.buy({"a": "3"})
    floor.say(floor.children(parent)[0], ExecType.REJECTED, reason="no")
    floor.say(floor.children(parent)[1], ExecType.REJECTED, reason="nor here")
    assert floor.shape(parent) == [("a", "3", S.REJECTED), ("b", "3", S.REJECTED)]
    assert parent.state is S.REJECTED
    assert parent.reason == ("a REJECTED: no; b REJECTED: nor here; it came back 2 times, routing.max_reroutes is 1")
    assert floor.orders.open_orders() == []


def test_without_reroutes_what_comes_back_ends_there() -> None:
    floor = Floor(max_reroutes=0)
    parent = floor.buy({"a": "1", "b": "2"})
    floor.say(floor.children(parent)[0], ExecType.REJECTED)
    assert len(floor.children(parent)) == 2
    assert (parent.state, parent.reason) == (S.PENDING_NEW, "")
    floor.fill(floor.children(parent)[1], "2")
    assert parent.state is S.CANCELED
    assert parent.reason == "it came back 1 times, routing.max_reroutes is 0"


def test_where_nobody_takes_it_any_more_the_parent_ends() -> None:
    floor = Floor()
    parent = floor.buy({"a": "3"})
    floor.router.next.append({})
    floor.say(floor.children(parent)[0], ExecType.REJECTED, reason="no")
    assert (parent.state, parent.reason) == (S.REJECTED, "a REJECTED: no; nobody takes it")
    assert floor.routed.counts["rerouted"] == 0


def test_a_part_that_nobody_takes_is_not_asked_about_again() -> None:
    floor = Floor()
    parent = floor.buy({"a": "3"})
    floor.router.next.append({"b": "2"})
    floor.say(floor.children(parent)[0], ExecType.REJECTED)
    floor.fill(floor.children(parent)[1], "2")
    assert len(floor.router.asked) == 2
    assert (parent.state, parent.filled_quantity, parent.reason) == (S.CANCELED, D(2), "as scripted")


def test_all_that_fails_at_once_ends_at_once() -> None:
    floor = Floor(Refuses("a", "b", "c"))
    parent = floor.buy({"a": "3"})
    assert [venue for venue, _, _ in floor.shape(parent)] == ["a", "b", "c"]
    assert parent.state is S.DENIED
    assert parent.reason.endswith("c DENIED: INSUFFICIENT_CAPITAL: no money there; nobody takes it")
    assert floor.told(parent)[-1] == (S.DENIED, D(0))


def test_nothing_goes_elsewhere_while_a_child_is_unknown() -> None:
    floor = Floor()
    parent = floor.buy({"a": "1", "b": "2"})
    first, second = floor.children(parent)
    floor.say(first, ExecType.UNKNOWN)
    floor.say(second, ExecType.REJECTED)
    assert len(floor.children(parent)) == 2
    floor.say(first, ExecType.NEW)
    assert floor.shape(parent)[2] == ("a", "2", S.PENDING_NEW)


def test_nothing_goes_elsewhere_while_a_child_is_being_cancelled() -> None:
    floor = Floor()
    parent = floor.buy({"a": "1", "b": "2"})
    first, second = floor.children(parent)
    floor.say(first, ExecType.NEW)
    floor.orders.cancel(first)
    floor.say(second, ExecType.REJECTED)
    assert len(floor.children(parent)) == 2
    floor.say(first, ExecType.CANCELED)
    assert floor.shape(parent)[2:] == [("a", "2", S.PENDING_NEW)]  # not the part that was cancelled here


def test_what_was_cancelled_here_does_not_come_back() -> None:
    floor = Floor()
    parent = floor.buy({"a": "1", "b": "2"})
    first, second = floor.children(parent)
    floor.orders.cancel(first)
    floor.say(first, ExecType.CANCELED)
    assert len(floor.children(parent)) == 2
    floor.fill(second, "2")
    assert (parent.state, parent.filled_quantity) == (S.CANCELED, D(2))


def test_a_cancel_that_failed_is_no_cancel() -> None:
    floor = Floor()
    parent = floor.buy({"a": "3"})
    [child] = floor.children(parent)
    floor.say(child, ExecType.NEW)
    floor.orders.cancel(child)
    floor.say(child, ExecType.CANCEL_REJECTED)
    floor.say(child, ExecType.EXPIRED)
    assert [venue for venue, _, _ in floor.shape(parent)] == ["a", "b"]


def test_a_cancel_that_was_over_before_it_was_told_still_counts() -> None:
    floor = Floor()
    parent = floor.buy({"a": "1", "b": "2"})
    first, second = floor.children(parent)
    for child in (first, second):
        floor.say(child, ExecType.NEW)

    def cancel_all(event: Event) -> None:
        floor.orders.cancel(second)
        floor.say(second, ExecType.CANCELED)

    floor.world.subscribe("system.timer.*", cancel_all)
    floor.world.bus.post(TimerEvent("x", 1, 1, "now"))
    assert len(floor.children(parent)) == 2


def test_a_router_that_fails_ends_what_came_back_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """The parent is told what its children made of it all the same."""

    def route(request: RouteRequest, candidates: Sequence[Instrument]) -> Decision:
        raise OrderError("no price is known")

    floor = Floor()
    parent = floor.buy({"a": "1", "b": "2"})
    floor.router.route = route  # type: ignore[method-assign]
    first, second = floor.children(parent)
    floor.say(first, ExecType.REJECTED, reason="no")
    floor.fill(second, "2")
    assert (parent.state, parent.filled_quantity) == (S.CANCELED, D(2))
    assert parent.reason == "a REJECTED: no; OrderError: no price is known"
    assert f"{parent.client_order_id} could not be routed anew" in caplog.text
    assert floor.world.bus.errors == 0
