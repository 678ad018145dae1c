"""Every field of every command and event, and the words: what the order manager tells venues, strategies and logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quantai.core.account import AccountChange
from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.events import (
    ErrorEvent,
    Event,
    OrderAcceptedEvent,
    OrderCanceledEvent,
    OrderCancelRejectedEvent,
    OrderDeniedEvent,
    OrderEvent,
    OrderExpiredEvent,
    OrderParentEvent,
    OrderPendingCancelEvent,
    OrderPendingReplaceEvent,
    OrderRejectedEvent,
    OrderReplacedEvent,
    OrderReplaceRejectedEvent,
    OrderRestatedEvent,
    OrderSubmittedEvent,
    OrderSuspendedEvent,
    OrderTriggeredEvent,
    OrderUnknownEvent,
)
from quantai.exchanges.execution import AmendOrder, CancelOrder, ExecType, ExecutionReport, OrderStatus, SubmitOrder
from quantai.oms.journal import MemoryJournal, Note, NoteKind, Written
from quantai.oms.models import Order, OrderRequest
from tests.oms.world import BTC, SPOT, START_NS, D, World, finish

CAUSE = "market.tick.binance.BTC/USDT@1"
LATER_NS = START_NS + 1_000


class Journal(MemoryJournal):
    """Keeps what is durable for later, as a disk does; can be down or broken."""

    is_durable = True

    def __init__(self) -> None:
        self.kept: list[tuple[str, OrderEvent]] = []
        self.waiting: list[Written] = []
        self.notes: list[Note] = []
        self.is_broken = False

    def append(
        self, order: Order, event: OrderEvent, account: AccountChange | None = None, then: Written | None = None
    ) -> None:
        if self.is_broken:
            raise RuntimeError("broken")
        self.kept.append((order.client_order_id, event))
        if then is not None:
            self.waiting.append(then)

    def note(self, note: Note) -> None:
        if self.is_broken:
            raise RuntimeError("broken")
        self.notes.append(note)

    def answer(self, is_durable: bool = True) -> None:
        waiting, self.waiting = self.waiting, []
        for then in waiting:
            then(is_durable)


def ask(**changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "strategy": "alpha", "instrument": SPOT, "side": Side.SELL, "order_type": OrderType.LIMIT, "quantity": D(2),
        "price": D(101), "time_in_force": TimeInForce.POST_ONLY, "cause": CAUSE, "reduce_only": True,
        "parent_order_id": "p1",
    }  # fmt: skip
    return OrderRequest(**(fields | changes))


STOP = ask(order_type=OrderType.STOP_LIMIT, trigger_price=D(99))


def head(order: Order, ts_event: int = LATER_NS, cause: str = CAUSE) -> tuple[str, str, str, str, int, int, str]:
    return (order.client_order_id, "alpha", "binance", "BTC/USDT", ts_event, LATER_NS, cause)


def holding(journal: Journal | None = None) -> World:
    """A world in which there is enough to sell."""
    world = World(journal=journal)
    for instrument in (SPOT, BTC):
        world.traded(Side.BUY, "50", instrument=instrument)
    for venue in world.venues.values():
        venue.submitted.clear()
    world.events.clear()
    if journal is not None:
        journal.answer()
        journal.notes.clear()
    return world


@pytest.fixture
def world() -> World:
    return holding()


def later(world: World) -> list[Event]:
    """What happens from now on, a moment later."""
    world.clock.set_time(LATER_NS)
    world.events.clear()
    return world.events


def resting(world: World, **changes: Any) -> Order:
    order = world.orders.submit(ask(**changes))
    world.report(order, ExecType.NEW, venue_order_id="v1")
    return order


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


# The journal


def test_nothing_new_goes_out_while_the_journal_is_down() -> None:
    journal = Journal()
    world = holding(journal)
    order = resting(world)
    journal.answer()
    world.report(order, ExecType.NEW, venue_order_id="v1")
    events = later(world)
    journal.is_available = False
    denied = world.orders.submit(ask())
    world.orders.amend(order, D(3))
    assert (denied.state, denied.reason) == (
        OrderState.DENIED, "JOURNAL_DOWN: the order journal cannot be written, so no order is sent"
    )  # fmt: skip
    assert [each.reason for each in events if isinstance(each, OrderReplaceRejectedEvent)] == [
        "JOURNAL_DOWN: the order journal cannot be written, so no order is changed"
    ]
    assert world.venues["binance"].amends == []


def test_what_risk_found_is_noted() -> None:
    journal = Journal()
    world = holding(journal)
    order = world.orders.submit(ask())
    assert [(each.client_order_id, each.ts_ns, each.kind) for each in journal.notes] == [
        (order.client_order_id, START_NS, NoteKind.RISK)
    ]


def test_an_order_that_is_cancelled_before_it_is_durable_is_not_sent() -> None:
    journal = Journal()
    world = holding(journal)
    order = world.orders.submit(ask())
    events = later(world)
    world.orders.cancel(order)
    journal.answer()
    assert world.venues["binance"].submitted == []
    assert world.venues["binance"].cancels == []
    assert events[-1] == OrderCanceledEvent(*head(order), D(2), "it was cancelled before it was sent")


def test_an_order_that_the_journal_does_not_take_is_not_sent() -> None:
    journal = Journal()
    world = holding(journal)
    orders = [world.orders.submit(ask()) for _ in range(2)]
    journal.answer(False)
    assert [order.reason for order in orders] == ["NOT_JOURNALLED: the journal did not take it, so it was not sent"] * 2
    assert (world.orders.counts["denied"], world.orders.counts["submitted"]) == (2, 0)
    assert world.venues["binance"].submitted == []


def test_a_change_that_the_journal_does_not_take_is_not_sent() -> None:
    journal = Journal()
    world = holding(journal)
    order = resting(world)
    journal.answer()
    world.report(order, ExecType.NEW, venue_order_id="v1")
    events = later(world)
    world.orders.amend(order, D(3))
    journal.answer(False)
    reason = "NOT_JOURNALLED: the journal did not take it, so it was not sent"
    assert events[-1] == OrderReplaceRejectedEvent(*head(order), reason)
    assert world.venues["binance"].amends == []
    assert (order.state, order.change) == (OrderState.NEW, None)


def test_a_journal_that_fails_is_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal()
    world = holding(journal)
    journal.is_broken = True
    order = world.orders.submit(ask())
    name = order.client_order_id
    message = f"order.submitted.alpha of {name} is not in the journal: broken"
    assert next(event for event in world.events if isinstance(event, ErrorEvent)) == ErrorEvent(
        "order manager", START_NS, START_NS, "JournalFailed", message
    )
    assert f"JournalFailed: {message}" in caplog.messages
    assert f"a note on {name} is not in the journal" in caplog.messages
    assert any(each.startswith("the journal failed on OrderSubmittedEvent(") for each in caplog.messages)
    assert order.state is OrderState.DENIED
    assert world.orders.counts["alarms"] == 2


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
