"""Parents and children that an earlier run left."""

from __future__ import annotations

from typing import Any

import pytest

from quantai.core.enums import TimeInForce
from quantai.exchanges.execution import ExecType
from quantai.oms.models import Order
from quantai.oms.parents import COMPONENT
from tests.oms.routing.floor import D, Floor, S, Script
from tests.oms.world import finish


def reborn(*orders: Order, max_reroutes: int = 3) -> Floor:
    """A daemon that finds `orders` in its journal."""
    after = Floor(is_started=False, max_reroutes=max_reroutes, is_second=True)
    after.orders.recover(orders)
    finish(after.routed.start(after.world.bus))
    return after


def test_parents_go_on_after_a_restart() -> None:
    before = Floor()
    parent = before.buy({"a": "1", "b": "2"})
    first, second = before.children(parent)
    before.fill(first, "0.25")
    after = reborn(parent, first, second)
    after.say(second, ExecType.REJECTED)
    assert len(after.children(parent)) == 2  # not before what the venues have is known
    after.routed.resume()
    assert after.shape(parent)[2] == ("a", "2", S.PENDING_NEW)
    after.fill(first, "0.75")
    after.fill(after.children(parent)[2], "2")
    assert (parent.state, parent.filled_quantity) == (S.FILLED, D(3))


def test_how_often_it_came_back_is_known_after_a_restart() -> None:
    before = Floor(max_reroutes=1)
    parent = before.buy({"a": "3"})
    before.say(before.children(parent)[0], ExecType.REJECTED)
    after = reborn(parent, *before.children(parent), max_reroutes=1)
    after.routed.resume()
    after.say(after.children(parent)[1], ExecType.REJECTED)
    assert len(after.children(parent)) == 2
    assert parent.state is S.REJECTED


def test_a_parent_without_children_was_never_sent() -> None:
    before = Floor()
    parent = before.buy({"a": "3"})
    after = reborn(parent)
    after.routed.resume()
    assert (parent.state, after.router.asked) == (S.DENIED, [])


@pytest.mark.parametrize("wish", [{"price": None}, {"time_in_force": TimeInForce.IOC}, {"time_in_force": "FOK"}])
def test_what_was_to_trade_at_once_is_not_sent_later(wish: dict[str, Any]) -> None:
    before = Floor()
    before_in_force = TimeInForce(wish.get("time_in_force", "GTC"))
    parent = before.buy({"a": "3"}, **(wish | {"time_in_force": before_in_force}))
    [child] = before.children(parent)
    after = reborn(parent, child)
    after.routed.resume()
    after.say(child, ExecType.REJECTED, reason="no")
    assert len(after.children(parent)) == 1
    assert (parent.state, parent.reason) == (S.REJECTED, "a REJECTED: no; the daemon was restarted")


def test_a_cancel_that_was_begun_before_a_restart_is_finished() -> None:
    before = Floor()
    parent = before.buy({"a": "1", "b": "2"})
    first, second = before.children(parent)
    before.say(first, ExecType.NEW)
    parent.state, second.state = S.PENDING_CANCEL, S.PENDING_CANCEL
    after = reborn(parent, first, second)
    after.routed.resume()
    assert first.state is S.PENDING_CANCEL
    assert [len(after.world.venues[venue].cancels) for venue in "ab"] == [1, 0]
    after.say(first, ExecType.CANCELED)
    after.say(second, ExecType.EXPIRED)
    assert (parent.state, len(after.children(parent))) == (S.CANCELED, 2)


def test_a_parent_that_was_cancelled_and_has_nothing_open_ends() -> None:
    before = Floor()
    parent = before.buy({"a": "3"})
    [child] = before.children(parent)
    child.state, parent.state = S.REJECTED, S.PENDING_CANCEL
    after = reborn(parent, child)
    after.routed.resume()
    assert (parent.state, parent.reason, len(after.children(parent))) == (S.CANCELED, "it was cancelled", 1)


def test_cancelling_a_parent_without_open_children_ends_it() -> None:
    floor = Floor(is_started=False)
    parent = floor.buy({"a": "3"})
    finish(floor.routed.start(floor.world.bus))
    floor.routed.resume()
    floor.children(parent)[0].state = S.SUSPENDED  # a state that no event told
    floor.orders.cancel(parent)
    assert parent.state is S.CANCELED


def test_a_cancelled_child_of_an_earlier_run_does_not_come_back() -> None:
    before = Floor()
    parent = before.buy({"a": "1", "b": "2"})
    first, second = before.children(parent)
    before.orders.cancel(first)
    second.state = S.CANCELED  # who cancelled it is not known any more
    after = reborn(parent, first, second)
    after.routed.resume()
    after.say(first, ExecType.CANCELED)
    assert len(after.children(parent)) == 2
    assert parent.state is S.CANCELED


def test_what_came_back_and_was_routed_anew_before_a_restart_is_not_routed_a_third_time() -> None:
    before = Floor()
    parent = before.buy({"a": "1", "b": "2"})
    first, second = before.children(parent)
    before.say(first, ExecType.CANCELED, reason="the venue's own doing")
    assert len(before.children(parent)) == 3
    after = reborn(parent, *before.children(parent))
    after.routed.resume()
    after.say(second, ExecType.REJECTED)
    assert len(after.children(parent)) == 3
    after.fill(after.children(parent)[2], "1")
    assert parent.filled_quantity == 1
    assert "a part of it was cancelled before the daemon was restarted" in parent.reason


def test_parents_of_a_run_that_divided_orders_are_brought_to_their_end_by_one_that_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = Floor()
    parent = before.buy({"a": "1", "b": "2"})
    first, second = before.children(parent)
    monkeypatch.setattr(Script, "opens_parents", False)
    after = reborn(parent, first, second)
    after.routed.resume()
    after.fill(first, "1")
    after.say(second, ExecType.REJECTED, reason="no")
    assert (parent.filled_quantity, parent.state, len(after.children(parent))) == (D(1), S.CANCELED, 2)
    assert parent.reason == "b REJECTED: no; orders are not divided any more (routing.router)"


def test_a_router_that_opens_no_parents_and_finds_none_has_nothing_to_hear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Script, "opens_parents", False)
    floor = Floor()
    assert floor.routed._on_change not in floor.world.cache._listeners


def test_without_all_children_nothing_is_routed_anew() -> None:
    before = Floor()
    parent = before.buy({"a": "1", "b": "2"})
    first, second = before.children(parent)
    before.fill(first, "1")
    after = reborn(parent, second)
    after.routed.resume()
    after.say(second, ExecType.REJECTED)
    assert len(after.children(parent)) == 1


def test_a_strategy_that_is_gone_has_nowhere_to_go() -> None:
    before = Floor()
    parent = before.buy({"a": "3"})
    [child] = before.children(parent)
    parent.strategy = "beta"
    after = reborn(parent, child)
    after.routed.resume()
    after.say(child, ExecType.REJECTED)
    assert after.router.candidates == [[]]
    assert parent.state is S.REJECTED


async def test_strategies_hear_of_an_order_after_it_was_followed() -> None:
    floor = Floor()
    assert COMPONENT == "routed orders"
    seen: list[int] = []
    parent = floor.buy({"a": "3"})
    floor.world.subscribe("order.rejected.*", lambda event: seen.append(len(floor.children(parent))))
    floor.say(floor.children(parent)[0], ExecType.REJECTED)
    assert seen == [2]


def test_what_a_venue_gave_back_before_a_restart_takes_nothing_from_the_child_that_took_its_place() -> None:
    """Nobody knows any more whether the first was cancelled here; what cannot trade is not too much."""
    before = Floor()
    parent = before.buy({"a": "3"})
    [first] = before.children(parent)
    before.say(first, ExecType.NEW)
    before.say(first, ExecType.CANCELED, reason="maintenance")
    second = before.children(parent)[1]
    before.say(second, ExecType.NEW)
    after = reborn(parent, first, second)
    after.routed.resume()
    assert after.shape(parent) == [("a", "3", S.CANCELED), ("b", "3", S.NEW)]
    assert after.routed.counts["excess"] == 0
    assert after.world.venues["b"].cancels == []
