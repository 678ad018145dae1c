"""What the door lets through of changes, from whom, and what it answers."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.events import AmendOrderCommand, CommandEvent, OrderReplaceRejectedEvent, OrderStateEvent
from quantai.exchanges.execution import ExecType
from quantai.oms.models import Order
from tests.oms.remote_world import MAX_COMMAND_AGE_NS, STRATEGY_TIMEOUT_NS, There
from tests.oms.world import D, finish


@pytest.fixture
def there() -> There:
    return There()


def resting(there: There) -> Order:
    order = there.world.submit(quantity="4")
    there.world.report(order, ExecType.NEW, venue_order_id="v1")
    there.world.events.clear()
    return order


def change(there: There, order: Order, quantity: str = "5", price: str | None = "101", **fields: Any) -> None:
    """Let a strategy ask for another quantity and another limit."""
    now_ns = there.world.clock.now_ns()
    asked: dict[str, Any] = {
        "session": "s1", "ts_event": now_ns, "ts_init": now_ns, "strategy": "alpha",
        "client_order_id": order.client_order_id, "venue": "binance", "symbol": "BTC/USDT",
        "quantity": D(quantity), "price": None if price is None else D(price), "cause": "",
    }  # fmt: skip
    there.world.bus.post(AmendOrderCommand(**(asked | fields)))


def amends(there: There) -> list[tuple[Decimal, Decimal | None]]:
    """What the venue was asked to change."""
    return [(command.quantity, command.price) for command in there.world.venues["binance"].amends]


def refusal(there: There) -> OrderReplaceRejectedEvent:
    [rejected] = [event for event in there.world.events if isinstance(event, OrderReplaceRejectedEvent)]
    return rejected


def answers(there: There) -> list[str]:
    """The states that were told."""
    return [event.state for event in there.world.events if isinstance(event, OrderStateEvent)]


def test_a_change_goes_to_the_venue_and_its_event_is_the_answer(there: There) -> None:
    order = resting(there)
    change(there, order, cause=f"market.tick@{there.world.clock.now_ns()}")
    assert amends(there) == [(D(5), D(101))]
    assert there.world.topics() == ["command.amend", "order.pending_replace"]
    assert there.gateway.counts == {"requests": 0, "refused": 0, "repeated": 0, "silences": 0}


def test_without_a_price_the_limit_stays(there: There) -> None:
    change(there, resting(there), "5", None)
    assert amends(there) == [(D(5), D(100))]


def test_a_change_that_comes_twice_goes_out_once(there: There) -> None:
    order = resting(there)
    change(there, order)
    change(there, order)
    assert (amends(there), answers(there)) == ([(D(5), D(101))], ["PENDING_REPLACE"])
    assert there.gateway.counts["repeated"] == 1


def test_a_change_that_was_made_already_is_answered_with_the_state(there: There) -> None:
    order = resting(there)
    change(there, order, "4", "100")
    assert (amends(there), answers(there)) == ([], ["NEW"])
    assert there.gateway.counts["refused"] == 0


def test_another_change_has_to_wait_for_the_first(there: There) -> None:
    order = resting(there)
    change(there, order)
    change(there, order, "6")
    assert "cannot be amended while it is PENDING_REPLACE" in refusal(there).reason
    assert (amends(there), answers(there)) == ([(D(5), D(101))], ["PENDING_REPLACE"])


@pytest.mark.parametrize(
    ("quantity", "price", "reason"),
    [
        ("5.0001", "101", "quantity 5.0001 is not a multiple of the lot 0.001"),
        ("5", "101.001", "price 101.001 is not a multiple of the tick 0.01"),
        ("1e200", "101", "has too many digits for a grid"),
    ],
)
def test_a_change_off_the_grid_is_refused(there: There, quantity: str, price: str, reason: str) -> None:
    order = resting(there)
    change(there, order, quantity, price)
    assert reason in refusal(there).reason
    assert (amends(there), answers(there), order.state.value) == ([], ["NEW"], "NEW")
    assert there.gateway.counts["refused"] == 1
    assert there.world.bus.errors == 0


def test_a_refusal_names_the_order_and_its_cause_and_is_logged(there: There, caplog: pytest.LogCaptureFixture) -> None:
    order = resting(there)
    with caplog.at_level(logging.WARNING):
        change(there, order, "5.0001", cause="bar@x")
    told = refusal(there)
    assert (told.client_order_id, told.strategy, told.cause) == (order.client_order_id, "alpha", "bar@x")
    assert (told.venue, told.symbol) == ("binance", "BTC/USDT")
    assert told.ts_event == told.ts_init == there.world.clock.now_ns()
    assert f"a change of {order.client_order_id} by alpha was refused: quantity" in caplog.text


@pytest.mark.parametrize("who", ["asks", "answers"])
@pytest.mark.parametrize("late_ns", [0, 1])
def test_a_change_is_as_old_as_the_event_it_answers(there: There, who: str, late_ns: int) -> None:
    order = resting(there)
    old_ns = there.world.clock.now_ns() - MAX_COMMAND_AGE_NS - late_ns
    if who == "asks":
        change(there, order, ts_event=old_ns)
    else:
        change(there, order, cause=f"market.tick.binance.BTC/USDT@{old_ns}")
    assert len(amends(there)) == 1 - late_ns
    if late_ns:
        assert refusal(there).reason.endswith("the limit is 5 s (gateway.max_command_age)")


@pytest.mark.parametrize(("strategy", "client_order_id"), [("beta", None), ("alpha", "a7"), ("gamma", None)])
def test_a_change_of_what_is_not_the_strategys_is_refused(
    there: There, strategy: str, client_order_id: str | None
) -> None:
    order = resting(there)
    change(there, order, strategy=strategy, client_order_id=client_order_id or order.client_order_id)
    assert refusal(there).reason == f"{strategy} has no such order here"
    assert (amends(there), answers(there), there.gateway.counts["refused"]) == ([], [], 1)


def test_an_older_session_may_not_change_orders(there: There) -> None:
    order = resting(there)
    change(there, order, "4", "100", session="s2")
    change(there, order, session="s1")
    assert refusal(there).reason == "a newer session of alpha has taken over"
    assert amends(there) == []


def test_nothing_is_changed_while_the_daemon_stops(there: There) -> None:
    order = resting(there)
    finish(there.gateway.stop())
    order.state = order.state.NEW  # its cancel was refused
    change(there, order)
    assert refusal(there).reason == "the daemon that executes orders is being stopped"
    assert amends(there) == []


def test_a_change_is_a_sign_of_life(there: There) -> None:
    order = resting(there)
    for _ in range(12):
        there.world.clock.set_time(there.world.clock.now_ns() + NS_PER_SECOND)
        change(there, order, "4", "100")
    assert 12 * NS_PER_SECOND > STRATEGY_TIMEOUT_NS
    there.gateway._watch(0)
    assert order.state == "NEW"


def test_a_command_of_a_kind_that_is_not_known_is_passed_over(there: There) -> None:
    there.gateway._take(CommandEvent("s1", 1, 1))
    assert there.world.topics() == ["system.started"]


def test_stopping_before_the_start_is_nothing(there: There) -> None:
    there.gateway._timer = None
    finish(there.gateway.stop())
    assert there.world.topics() == ["system.started"]
