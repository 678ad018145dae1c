"""To the letter: what goes between a daemon of strategies and the one that executes, and what each makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.events import (
    AmendOrderCommand,
    BalanceStateEvent,
    CancelAllOrdersCommand,
    CancelOrderCommand,
    CommandEvent,
    ErrorEvent,
    Event,
    HeartbeatCommand,
    OrderCancelRejectedEvent,
    OrderDeniedEvent,
    OrderReplaceRejectedEvent,
    OrderStateEvent,
    PositionStateEvent,
    StartedEvent,
    StateRequestCommand,
    StateSentEvent,
    SubmitOrderCommand,
)
from quantai.oms.gateway import OrderGateway
from quantai.oms.mirror import adopt, adopt_state, order_of
from quantai.oms.models import Change, Order
from quantai.oms.snapshot import SnapshotReader, order_state, snapshot
from tests.oms.remote_world import ALLOWED, MAX_COMMAND_AGE_NS, STRATEGY_TIMEOUT_NS, There
from tests.oms.world import SPOT, START_NS, D, World, finish

S = NS_PER_SECOND
STATE = OrderStateEvent(
    "s1", 7, 11, 12, "a1", "alpha", "binance", "BTC/USDT", Side.SELL, OrderType.STOP_LIMIT, TimeInForce.IOC, D(4),
    D(100), OrderState.PARTIALLY_FILLED, D(1), D(90), "v1", "why", "cause@5", 10, D(110), True, "p1",
)  # fmt: skip


def an_order(**fields: Any) -> Order:
    """What the state above tells of."""
    made = Order(
        client_order_id="a1", strategy="alpha", instrument=SPOT, side=Side.SELL, order_type=OrderType.STOP_LIMIT,
        quantity=D(4), price=D(100), time_in_force=TimeInForce.IOC, cause="cause@5", ts_submitted=10,
        trigger_price=D(110), reduce_only=True, parent_order_id="p1",
    )  # fmt: skip
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def everything(order: Order) -> dict[str, object]:
    return {name: getattr(order, name) for name in Order.__slots__}


# The copy of an order


def test_an_order_that_was_made_before_is_made_of_all_that_is_told() -> None:
    assert everything(order_of(STATE, SPOT)) == everything(an_order())


def test_and_is_what_its_owner_says() -> None:
    order = order_of(STATE, SPOT)
    adopt(order, STATE)
    assert everything(order) == everything(
        an_order(
            state=OrderState.PARTIALLY_FILLED, venue_order_id="v1", is_accepted=True, filled_quantity=D(1),
            filled_value=D(90), ts_last=11, reason="why",
        )
    )  # fmt: skip


def test_its_fills_may_still_come() -> None:
    order = order_of(STATE, SPOT)
    adopt_state(order, STATE)
    assert (order.filled_quantity, order.filled_value, order.state) == (D(0), D(0), OrderState.PARTIALLY_FILLED)


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        (OrderState.PENDING_CANCEL, OrderState.NEW, OrderState.PENDING_CANCEL),
        (OrderState.PENDING_CANCEL, OrderState.FILLED, OrderState.FILLED),
        (OrderState.NEW, OrderState.CANCELED, OrderState.CANCELED),
        (OrderState.PENDING_NEW, OrderState.UNKNOWN, OrderState.UNKNOWN),
    ],
)
def test_a_cancel_on_its_way_stays_so_while_the_order_is_open(
    before: OrderState, told: OrderState, after: OrderState
) -> None:
    order = an_order(state=before)
    adopt_state(order, order_state(an_order(state=told), "s1", 1))
    assert order.state is after


@pytest.mark.parametrize("state", list(OrderState))
def test_a_venue_accepted_what_has_its_id_or_a_state_that_only_it_gives(state: OrderState) -> None:
    given = {OrderState.NEW, OrderState.PARTIALLY_FILLED, OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED}
    order, named = an_order(), an_order()
    adopt_state(order, order_state(an_order(state=state), "s1", 1))
    adopt_state(named, order_state(an_order(state=state, venue_order_id="v1"), "s1", 1))
    assert order.is_accepted is (state in given)
    assert named.is_accepted is True


@pytest.mark.parametrize(
    ("state", "kept"), [(OrderState.PENDING_REPLACE, True), (OrderState.NEW, False), (OrderState.CANCELED, False)]
)
def test_a_change_is_kept_while_it_is_on_its_way(state: OrderState, kept: bool) -> None:
    change = Change(D(5), D(101))
    order = an_order(change=change)
    adopt_state(order, order_state(an_order(state=state), "s1", 1))
    assert order.change == (change if kept else None)


# A snapshot


def test_an_order_is_told_with_all_that_it_is() -> None:
    order = an_order(
        state=OrderState.PARTIALLY_FILLED, venue_order_id="v1", filled_quantity=D(1), filled_value=D(90), ts_last=11,
        reason="why",
    )  # fmt: skip
    assert order_state(order, "s1", 12, 7) == STATE
    assert order_state(order, "s1", 12).request == 0


def test_a_snapshot_is_everything_and_its_counts() -> None:
    world = World()
    world.traded(Side.BUY, "2", "90")
    order = an_order(ts_last=11)
    told = list(snapshot([order], world.portfolio, "live", session="s1", request=7, now_ns=12))
    head = ("s1", 7, 12, 12)
    held = {each.currency: each.amount for each in told if isinstance(each, BalanceStateEvent)}
    assert told[:2] == [
        order_state(order, "s1", 12, 7),
        PositionStateEvent(*head, "alpha", "binance", "BTC/USDT", D(2), D(180), D(0)),
    ]
    assert told[-1] == StateSentEvent(*head, 1, 1, len(told) - 3, "live")
    assert held["BTC"] == 2
    assert all((each.session, each.request, each.ts_event, each.ts_init) == head for each in told[1:])
    reader = SnapshotReader()
    answers = [reader.read(event) for event in told]
    assert answers[:-1] == [None] * (len(told) - 1)
    answer = answers[-1]
    assert answer is not None
    assert (answer.orders, answer.positions, answer.execution) == (told[:1], told[1:2], "live")
    assert answer.balances == told[2:-1]


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_an_answer_that_lost_an_event_is_none(lost: int) -> None:
    world = World()
    world.traded(Side.BUY, "2", "90")
    told = list(snapshot([an_order()], world.portfolio, "live", session="s1", request=7, now_ns=12))
    del told[lost]
    reader = SnapshotReader()
    assert [reader.read(event) for event in told] == [None] * len(told)


# The gateway


@pytest.fixture
def there() -> There:
    return There()


def send(there: There, command: CommandEvent) -> list[Event]:
    """What is answered."""
    before = len(there.world.events)
    there.world.bus.post(command)
    return [event for event in there.world.events[before:] if event is not command]


def ask(**changes: Any) -> SubmitOrderCommand:
    fields: dict[str, Any] = {
        "session": "s1", "ts_event": START_NS, "ts_init": START_NS, "strategy": "alpha", "client_order_id": "a1",
        "venue": "binance", "symbol": "BTC/USDT", "side": Side.BUY, "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC, "quantity": D(1), "price": D(100), "cause": f"x@{START_NS}",
    }  # fmt: skip
    return SubmitOrderCommand(**(fields | changes))


def amend(**changes: Any) -> AmendOrderCommand:
    fields: dict[str, Any] = {
        "session": "s1", "ts_event": START_NS, "ts_init": START_NS, "strategy": "alpha", "client_order_id": "a1",
        "venue": "binance", "symbol": "BTC/USDT", "quantity": D(2), "price": D(99), "cause": "c",
    }  # fmt: skip
    return AmendOrderCommand(**(fields | changes))


def denied(reason: str, code: str = "INVALID_REQUEST", **changes: Any) -> OrderDeniedEvent:
    asked = ask(**changes)
    return OrderDeniedEvent(
        asked.client_order_id, asked.strategy, asked.venue, asked.symbol, START_NS, START_NS, asked.cause, asked.side,
        asked.order_type, asked.quantity, asked.price, code, reason,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"client_order_id": ""}, "'' is no id for a new order"),
        ({"strategy": "gamma"}, "no strategy 'gamma' is configured where orders are executed (strategies)"),
        ({"symbol": "ETH/USDT"}, "alpha may not trade binance:ETH/USDT (its instruments)"),
        ({"venue": "okx"}, "alpha may not trade okx:BTC/USDT (its instruments)"),
        ({"quantity": D("0.0005")}, "quantity 0.0005 is not a multiple of the lot 0.001"),
        ({"price": D("100.001")}, "price 100.001 is not a multiple of the tick 0.01"),
        (
            {"trigger_price": D("0.001"), "order_type": OrderType.STOP_LIMIT},
            "price 0.001 is not a multiple of the tick 0.01",
        ),
    ],
)
def test_what_cannot_be_an_order_is_refused(
    there: There, changes: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert send(there, ask(**changes)) == [denied(reason, **changes)]
    asked = ask(**changes)
    assert caplog.messages == [f"order {asked.client_order_id} of {asked.strategy} was refused: {reason}"]
    send(there, ask(**changes))
    assert there.gateway.counts == {"requests": 2, "refused": 2, "repeated": 0, "silences": 0}


@pytest.mark.parametrize("late_ns", [MAX_COMMAND_AGE_NS, -MAX_COMMAND_AGE_NS])
def test_a_request_may_be_of_up_to_the_limit(there: There, late_ns: int) -> None:
    sent_ns = START_NS - late_ns
    send(there, ask(ts_event=sent_ns, ts_init=sent_ns, cause=""))
    assert there.venue_ids == ["a1"]


@pytest.mark.parametrize(("late_ns", "when"), [(1, "5.000 s ago"), (-1, "5.000 s from now")])
def test_and_of_no_more(there: There, late_ns: int, when: str) -> None:
    sent_ns = START_NS - late_ns * (MAX_COMMAND_AGE_NS + 1)
    answer = send(there, ask(ts_event=sent_ns, ts_init=sent_ns, cause=""))
    reason = f"it, or its cause, is of {when}; the limit is 5 s (gateway.max_command_age)"
    assert [(each.code, each.reason) for each in answer if isinstance(each, OrderDeniedEvent)] == [
        ("STALE_COMMAND", reason)
    ]
    assert there.gateway.counts["refused"] == 1


@pytest.mark.parametrize(
    ("cause", "is_taken"),
    [
        (f"x@{START_NS - MAX_COMMAND_AGE_NS}", True),
        (f"x@{START_NS - MAX_COMMAND_AGE_NS - 1}", False),
        (f"x@{START_NS + 99 * MAX_COMMAND_AGE_NS}", True),
        ("x", True),
        ("x@", True),
        ("1@²", True),
    ],
)
def test_a_request_is_as_old_as_its_cause(there: There, cause: str, is_taken: bool) -> None:
    send(there, ask(cause=cause))
    assert there.venue_ids == (["a1"] if is_taken else [])


def test_a_request_that_was_sent_again_is_denied(there: There) -> None:
    answer = send(there, ask(ts_init=START_NS + 1))
    reason = "it was asked again, and nothing is known here of the first time"
    assert [(each.code, each.reason) for each in answer if isinstance(each, OrderDeniedEvent)] == [
        ("STALE_COMMAND", reason)
    ]


def test_a_session_that_was_taken_over_is_heard_no_more(there: There) -> None:
    send(there, HeartbeatCommand("s2", START_NS, START_NS, "alpha"))
    answer = send(there, ask())
    assert [(each.code, each.reason) for each in answer if isinstance(each, OrderDeniedEvent)] == [
        ("SUPERSEDED", "a newer session of alpha has taken over")
    ]
    send(there, ask(session="s2", client_order_id="a2"))
    answer = send(there, amend(client_order_id="a2"))
    assert [each.reason for each in answer if isinstance(each, OrderReplaceRejectedEvent)] == [
        "a newer session of alpha has taken over"
    ]


def test_a_change_of_what_nobody_asked_for_is_rejected(there: There, caplog: pytest.LogCaptureFixture) -> None:
    assert send(there, amend()) == [
        OrderReplaceRejectedEvent(
            "a1", "alpha", "binance", "BTC/USDT", START_NS, START_NS, "c", "alpha has no such order here"
        )
    ]
    assert caplog.messages == ["a change of a1 by alpha was refused: alpha has no such order here"]
    send(there, ask())
    assert isinstance(send(there, amend(strategy="beta"))[0], OrderReplaceRejectedEvent)
    assert there.gateway.counts["refused"] == 2


def test_a_cancel_of_what_nobody_asked_for_is_rejected(there: There) -> None:
    cancel = CancelOrderCommand("s1", START_NS, START_NS, "alpha", "a1", "binance", "BTC/USDT", "c")
    assert send(there, cancel) == [
        OrderCancelRejectedEvent(
            "a1", "alpha", "binance", "BTC/USDT", START_NS, START_NS, "", "alpha has no such order here"
        )
    ]


def test_a_strategy_may_have_all_its_orders_cancelled_or_those_of_one_symbol(there: There) -> None:
    send(there, ask())
    send(there, ask(client_order_id="b1", strategy="beta"))
    send(there, CancelAllOrdersCommand("s1", START_NS, START_NS, "alpha", "ETH/USDT", "c"))
    assert there.world.venues["binance"].cancels == []
    send(there, CancelAllOrdersCommand("s1", START_NS, START_NS, "alpha", "", "c"))
    assert [each.client_order_id for each in there.world.venues["binance"].cancels] == ["a1"]


def test_a_state_is_answered_to_who_asked(there: There) -> None:
    send(there, ask())
    answer = send(there, StateRequestCommand("s9", START_NS, START_NS + 3))
    assert isinstance(answer[-1], StateSentEvent)
    assert {(each.session, each.request, each.ts_init) for each in answer if isinstance(each, OrderStateEvent)} == {
        ("s9", START_NS + 3, START_NS)
    }
    assert (answer[-1].session, answer[-1].request, answer[-1].execution) == ("s9", START_NS + 3, "simulated")


def test_a_start_is_told(there: There) -> None:
    world = World()
    gateway = OrderGateway(
        bus=world.bus, clock=world.clock, orders=world.orders, holdings=world.portfolio, instruments=ALLOWED,
        execution="live", max_command_age_ns=1, strategy_timeout_ns=S,
    )  # fmt: skip
    finish(gateway.start())
    assert world.events == [StartedEvent("order gateway", START_NS, START_NS)]
    assert gateway.counts == {"requests": 0, "refused": 0, "repeated": 0, "silences": 0}


def test_a_silent_strategy_loses_its_orders_once_the_timeout_is_over(
    there: There, caplog: pytest.LogCaptureFixture
) -> None:
    send(there, ask())
    clock = there.world.clock
    while clock.next_due_ns < START_NS + STRATEGY_TIMEOUT_NS:
        clock.fire_next()
    assert there.world.venues["binance"].cancels == []
    clock.fire_next()
    now_ns = START_NS + STRATEGY_TIMEOUT_NS
    message = "alpha is silent for 10.0 s: 1 orders cancelled"
    assert [each for each in there.world.events if isinstance(each, ErrorEvent)] == [
        ErrorEvent("order gateway", now_ns, now_ns, "StrategySilent", message)
    ]
    assert message in caplog.messages
    assert [each.client_order_id for each in there.world.venues["binance"].cancels] == ["a1"]
    assert there.gateway.counts["silences"] == 1
