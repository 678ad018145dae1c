"""The door for strategies in other daemons: what it lets through, what it denies, and whom it cancels."""

from __future__ import annotations

from typing import Any

import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.events import (
    BalanceStateEvent,
    CancelAllOrdersCommand,
    CancelOrderCommand,
    CommandEvent,
    ErrorEvent,
    HeartbeatCommand,
    OrderCancelRejectedEvent,
    OrderDeniedEvent,
    OrderStateEvent,
    OrderSubmittedEvent,
    PositionStateEvent,
    StateRequestCommand,
    StateSentEvent,
    SubmitOrderCommand,
)
from quantai.exchanges.execution import ExecType
from tests.oms.remote_world import MAX_COMMAND_AGE_NS, STRATEGY_TIMEOUT_NS, There
from tests.oms.world import D, finish

SESSION = "s1"


@pytest.fixture
def there() -> There:
    return There()


def ask(there: There, **changes: Any) -> SubmitOrderCommand:
    """A request that is right, but for `changes`."""
    now_ns = there.world.clock.now_ns()
    fields: dict[str, Any] = {
        "session": SESSION, "ts_event": now_ns, "ts_init": changes.get("ts_event", now_ns),
        "strategy": "alpha", "client_order_id": "a1",
        "venue": "binance", "symbol": "BTC/USDT", "side": Side.BUY, "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC, "quantity": D(1), "price": D(100), "cause": "",
    }  # fmt: skip
    return SubmitOrderCommand(**(fields | changes))


def send(there: There, command: CommandEvent) -> None:
    there.world.bus.post(command)


def denial(there: There) -> OrderDeniedEvent:
    [denied] = [event for event in there.world.events if isinstance(event, OrderDeniedEvent)]
    return denied


def test_a_request_becomes_the_order_it_names(there: There) -> None:
    send(there, ask(there, cause=f"market.tick.binance.BTC/USDT@{there.world.clock.now_ns()}"))
    [submitted] = [event for event in there.world.events if isinstance(event, OrderSubmittedEvent)]
    assert submitted.client_order_id == "a1"
    assert submitted.cause.startswith("market.tick")
    assert there.venue_ids == ["a1"]


@pytest.mark.parametrize("reduce_only", [True, False])
def test_what_may_only_reduce_is_sent_as_that(there: There, reduce_only: bool) -> None:
    there.world.traded(Side.BUY, "2")
    send(there, ask(there, side=Side.SELL, reduce_only=reduce_only))
    sent = there.world.venues["binance"].submitted[-1]
    assert (sent.client_order_id, sent.reduce_only) == ("a1", reduce_only)


@pytest.mark.parametrize("becomes", ["open", "closed", "denied"])
def test_a_request_that_comes_twice_is_carried_out_once(there: There, becomes: str) -> None:
    command = ask(there, ts_event=0) if becomes == "denied" else ask(there)
    send(there, command)
    order = there.world.orders.find("a1")
    assert order is not None
    if becomes == "closed":
        there.world.fill(order, "1")
    before = list(there.world.events)
    send(there, command)
    [answer] = [event for event in there.world.events[len(before) :] if isinstance(event, OrderStateEvent)]
    assert (answer.session, answer.request, answer.client_order_id, answer.state) == (SESSION, 0, "a1", order.state)
    assert len(there.venue_ids) == (0 if becomes == "denied" else 1)


@pytest.mark.parametrize("seconds", [6, -6])
def test_a_request_of_another_time_is_denied(there: There, seconds: int) -> None:
    send(there, ask(there, ts_event=there.world.clock.now_ns() - seconds * NS_PER_SECOND))
    when = "ago" if seconds > 0 else "from now"
    assert denial(there).code == "STALE_COMMAND"
    assert denial(there).reason == f"it, or its cause, is of 6.000 s {when}; the limit is 5 s (gateway.max_command_age)"
    assert there.venue_ids == []


def test_a_request_of_just_the_limit_passes(there: There) -> None:
    send(there, ask(there, ts_event=there.world.clock.now_ns() - MAX_COMMAND_AGE_NS))
    assert there.venue_ids == ["a1"]


def test_a_request_is_as_old_as_the_event_it_answers(there: There) -> None:
    old_ns = there.world.clock.now_ns() - 6 * NS_PER_SECOND
    send(there, ask(there, cause=f"market.tick.binance.BTC/USDT@{old_ns}"))
    assert denial(there).code == "STALE_COMMAND"


def test_a_request_that_is_asked_again_is_not_carried_out_by_who_never_heard_of_it(there: There) -> None:
    now_ns = there.world.clock.now_ns()
    send(there, ask(there, ts_event=now_ns - NS_PER_SECOND, ts_init=now_ns))
    assert denial(there).code == "STALE_COMMAND"
    assert denial(there).reason == "it was asked again, and nothing is known here of the first time"
    assert there.venue_ids == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"strategy": "gamma"}, "no strategy 'gamma' is configured where orders are executed"),
        ({"symbol": "ETH/USDT"}, "alpha may not trade binance:ETH/USDT"),
        ({"strategy": "beta", "venue": "okx", "symbol": "BTC/USDT:USDT"}, "beta may not trade okx:BTC/USDT:USDT"),
        ({"quantity": D("0.0001")}, "quantity 0.0001 is not a multiple of the lot 0.001"),
        ({"price": D("100.001")}, "price 100.001 is not a multiple of the tick 0.01"),
        ({"quantity": D("1e200")}, "has too many digits for a grid"),
        ({"quantity": D("1e-999999999")}, "has too many digits for a grid"),
        ({"price": D("9" * 5_000)}, "has too many digits for a grid"),
        ({"price": None}, "a limit order needs a price"),
        ({"side": Side.UNKNOWN}, "its side cannot be unknown"),
        ({"client_order_id": ""}, "'' is no id for a new order"),
    ],
)
def test_what_cannot_be_an_order_is_denied(there: There, changes: dict[str, Any], complaint: str) -> None:
    send(there, ask(there, **changes))
    assert denial(there).code == "INVALID_REQUEST"
    assert complaint in denial(there).reason
    assert there.venue_ids == []
    assert there.world.bus.errors == 0


def test_an_id_that_another_strategy_has_is_denied(there: There) -> None:
    send(there, ask(there))
    send(there, ask(there, strategy="beta"))
    assert denial(there).strategy == "beta"
    assert there.venue_ids == ["a1"]


def test_a_cancel_passes_however_old(there: There) -> None:
    send(there, ask(there))
    send(there, CancelOrderCommand(SESSION, 0, 0, "alpha", "a1", "binance", "BTC/USDT"))
    [cancel] = there.world.venues["binance"].cancels
    assert cancel.client_order_id == "a1"


@pytest.mark.parametrize(("strategy", "client_order_id"), [("alpha", "a2"), ("beta", "a1"), ("gamma", "a1")])
def test_a_cancel_of_what_is_not_the_strategys_is_refused(there: There, strategy: str, client_order_id: str) -> None:
    send(there, ask(there))
    send(there, CancelOrderCommand(SESSION, 0, 0, strategy, client_order_id, "binance", "BTC/USDT"))
    [rejected] = [event for event in there.world.events if isinstance(event, OrderCancelRejectedEvent)]
    assert rejected.reason == f"{strategy} has no such order here"
    assert there.world.venues["binance"].cancels == []


def test_a_cancel_that_changes_nothing_is_answered_with_the_state(there: There) -> None:
    send(there, ask(there))
    cancel = CancelOrderCommand(SESSION, 0, 0, "alpha", "a1", "binance", "BTC/USDT")
    send(there, cancel)
    assert not any(isinstance(event, OrderStateEvent) for event in there.world.events)  # the cancel's event is one
    send(there, cancel)
    [answer] = [event for event in there.world.events if isinstance(event, OrderStateEvent)]
    assert answer.state == "PENDING_CANCEL"
    assert len(there.world.venues["binance"].cancels) == 1


def test_cancel_all_is_of_one_strategy(there: There) -> None:
    mine, others = there.world.submit(strategy="alpha"), there.world.submit(strategy="beta")
    send(there, CancelAllOrdersCommand(SESSION, 0, 0, "alpha"))
    assert mine.state == "PENDING_CANCEL"
    assert others.state == "PENDING_NEW"


def beat(there: There, strategy: str = "alpha", session: str = SESSION, late_ns: int = 0) -> None:
    now_ns = there.world.clock.now_ns()
    send(there, HeartbeatCommand(session, now_ns - late_ns, now_ns, strategy))


def pass_seconds(there: There, seconds: int, *alive: str) -> None:
    for _ in range(seconds):
        there.world.clock.advance_to(there.world.clock.now_ns() + NS_PER_SECOND)
        for strategy in alive:
            beat(there, strategy)


def test_the_orders_of_a_strategy_that_fell_silent_are_cancelled(there: There) -> None:
    silent, alive = there.world.submit(strategy="alpha"), there.world.submit(strategy="beta")
    beat(there, "alpha")
    pass_seconds(there, 9, "beta")
    assert silent.state == "PENDING_NEW"
    pass_seconds(there, 2, "beta")
    assert silent.state == "PENDING_CANCEL"
    assert alive.state == "PENDING_NEW"
    [error] = [event for event in there.world.events if isinstance(event, ErrorEvent)]
    assert error.message == "alpha is silent for 10.0 s: 1 orders cancelled"


def test_who_fell_silent_is_looked_for_among_all(there: There) -> None:
    alive, silent = there.world.submit(strategy="alpha"), there.world.submit(strategy="beta")
    pass_seconds(there, 11, "alpha")
    assert (alive.state, silent.state) == ("PENDING_NEW", "PENDING_CANCEL")


def test_what_a_silent_strategy_has_left_is_cancelled_again(there: There) -> None:
    order = there.world.submit(strategy="alpha")
    there.world.report(order, ExecType.NEW)
    pass_seconds(there, 11)
    there.world.report(order, ExecType.CANCEL_REJECTED, reason="busy")
    assert order.state == "NEW"
    pass_seconds(there, 11)
    assert len(there.world.venues["binance"].cancels) == 2


def test_a_sign_of_life_that_comes_too_late_is_none(there: There) -> None:
    order = there.world.submit(strategy="alpha")
    for _ in range(11):
        pass_seconds(there, 1)
        beat(there, late_ns=STRATEGY_TIMEOUT_NS)
    assert order.state == "PENDING_CANCEL"


def test_orders_are_a_sign_of_life(there: There) -> None:
    order = there.world.submit(strategy="alpha")
    for second in range(12):
        pass_seconds(there, 1)
        send(there, ask(there, client_order_id=f"b{second}"))
    assert order.state == "PENDING_NEW"


def test_the_session_that_began_last_has_the_strategy(there: There) -> None:
    beat(there, session="s2")
    send(there, ask(there, session="s1"))
    assert denial(there).code == "SUPERSEDED"
    send(there, ask(there, session="s2", client_order_id="a2"))
    assert there.venue_ids == ["a2"]
    send(there, CancelOrderCommand("s1", 0, 0, "alpha", "a2", "binance", "BTC/USDT"))
    assert len(there.world.venues["binance"].cancels) == 1


def test_an_older_session_does_not_keep_orders_alive(there: There) -> None:
    beat(there, session="s2")
    order = there.world.submit(strategy="alpha")
    for _ in range(11):
        pass_seconds(there, 1)
        beat(there, session="s1")
    assert order.state == "PENDING_CANCEL"


def test_a_strategy_that_is_not_configured_leaves_no_trace(there: There) -> None:
    for number in range(100):
        beat(there, f"unknown{number}")
    assert set(there.gateway._seen_ns) == {"alpha", "beta"}
    assert not there.gateway._sessions


def test_stopping_denies_and_cancels(there: There) -> None:
    own = [there.world.submit(strategy=name) for name in ("alpha", "beta")]
    elsewhere = there.world.submit(strategy="local")
    finish(there.gateway.stop())
    assert [order.state for order in own] == ["PENDING_CANCEL", "PENDING_CANCEL"]
    assert elsewhere.state == "PENDING_NEW"  # of a strategy that is asked for by nobody from outside
    send(there, ask(there))
    assert denial(there).code == "STOPPING"
    assert there.world.clock.next_due_ns > 2**62


def test_a_state_request_is_answered_with_everything(there: There) -> None:
    closed = there.world.traded(Side.BUY, "2")
    order = there.world.submit(quantity="5", price="90")
    there.world.fill(order, "1", "90", trade_id="x")
    before = len(there.world.events)
    send(there, StateRequestCommand("s7", 1, 42))
    answer = there.world.events[before + 1 :]
    assert {(event.session, event.request) for event in answer} == {("s7", 42)}  # type: ignore[attr-defined]
    [told] = [event for event in answer if isinstance(event, OrderStateEvent)]
    assert (told.client_order_id, told.filled_quantity, told.filled_value) == (order.client_order_id, D(1), D(90))
    assert closed.client_order_id != told.client_order_id
    [position] = [event for event in answer if isinstance(event, PositionStateEvent)]
    assert (position.strategy, position.quantity, position.cost) == ("alpha", D(3), D(290))
    balances = {(event.venue, event.currency): event.amount for event in answer if isinstance(event, BalanceStateEvent)}
    assert balances == there.world.portfolio.balances()
    assert isinstance(answer[-1], StateSentEvent)
    assert (answer[-1].orders, answer[-1].positions, answer[-1].balances) == (1, 1, len(balances))
