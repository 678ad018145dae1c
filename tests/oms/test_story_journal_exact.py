"""What the journal of a daemon is given, and what happens where it does not take it, to the letter."""

from __future__ import annotations

import pytest

from quantai.core.enums import OrderState
from quantai.events import (
    ErrorEvent,
    OrderCanceledEvent,
    OrderReplaceRejectedEvent,
)
from quantai.exchanges.execution import ExecType
from quantai.oms.journal import NoteKind
from tests.oms.story_world import Journal, ask, head, holding, later, resting
from tests.oms.world import START_NS, D


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
