"""The way of an order, and what a venue can do to it."""

from __future__ import annotations

from decimal import Decimal
from typing import get_type_hints

import pytest

from quantai.core.account import AccountChange
from quantai.core.enums import OrderState, OrderType, Side
from quantai.core.errors import BusOverflow, OrderError
from quantai.events import (
    ErrorEvent,
    Event,
    FillEvent,
    OrderDeniedEvent,
    OrderEvent,
    OrderUnknownEvent,
)
from quantai.exchanges.execution import CancelOrder, ExecType
from quantai.oms.journal import MemoryJournal, Written
from quantai.oms.ledger import COMPONENT
from quantai.oms.models import Order, OrderRequest
from quantai.oms.risk import Approved, RiskCheck, RiskView
from quantai.oms.sending import Sender
from tests.oms.world import PERP, SPOT, World

D = Decimal


class No(RiskCheck):
    code = "NO"

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        return "never"


class BrokenJournal(MemoryJournal):
    """Fails while `is_broken`."""

    is_broken = False

    def append(
        self, order: Order, event: OrderEvent, account: AccountChange | None = None, then: Written | None = None
    ) -> None:
        if self.is_broken:
            raise OSError("disk full")
        super().append(order, event, account, then)


def alarms(world: World) -> list[str]:
    return [e.error for e in world.events if isinstance(e, ErrorEvent) and e.component == COMPONENT]


def fills(world: World) -> list[FillEvent]:
    return [event for event in world.events if isinstance(event, FillEvent)]


# Sending


def test_an_approved_order_is_journalled_then_sent_then_told() -> None:
    seen: list[str] = []

    class Journal(MemoryJournal):
        def append(
            self, order: Order, event: OrderEvent, account: AccountChange | None = None, then: Written | None = None
        ) -> None:
            seen.append(f"journal {event.topic_prefix}, {len(world.venues['binance'].submitted)} sent")
            super().append(order, event, account, then)

    world = World(journal=Journal())
    world.subscribe("order.*", lambda event: seen.append(f"told, {len(world.venues['binance'].submitted)} sent"))
    order = world.submit()
    assert seen == ["journal order.submitted, 0 sent", "told, 1 sent"]
    assert order.state is OrderState.PENDING_NEW
    (command,) = world.venues["binance"].submitted
    assert (command.client_order_id, command.symbol, command.side) == (order.client_order_id, "BTC/USDT", Side.BUY)
    assert (command.quantity, command.price) == (D(1), D(100))
    assert world.orders.open_orders() == [order]


def test_a_denied_order_never_leaves() -> None:
    world = World([No()])
    order = world.submit()
    assert order.state is OrderState.DENIED
    assert order.reason == "NO: never"
    assert world.venues["binance"].submitted == []
    assert world.orders.open_orders() == []
    (event,) = world.events
    assert isinstance(event, OrderDeniedEvent)
    assert (event.code, event.reason) == ("NO", "never")
    assert world.orders.counts["denied"] == 1
    assert world.orders.counts["submitted"] == 0


def test_only_an_approved_order_can_be_sent() -> None:
    assert get_type_hints(Sender.submit)["approved"] is Approved


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (OrderRequest("a", SPOT, Side.BUY, OrderType.LIMIT, D(1)), "needs a price"),
        (OrderRequest("a", SPOT, Side.BUY, OrderType.MARKET, D(1), D(1)), "takes no price"),
        (OrderRequest("a", SPOT, Side.UNKNOWN, OrderType.MARKET, D(1)), "buys or sells"),
    ],
)
def test_what_is_no_order_is_refused_at_once(bad: OrderRequest, words: str) -> None:
    world = World()
    with pytest.raises(OrderError, match=words):
        world.orders.submit(bad)
    assert world.events == []


def test_an_order_for_a_venue_without_order_entry_is_refused() -> None:
    world = World()
    del world.venues["okx"]
    with pytest.raises(OrderError, match="nothing executes orders at okx"):
        world.submit(instrument=PERP)


def test_a_connector_that_fails_leaves_the_order_unknown_and_never_lost() -> None:
    world = World()
    world.venues["binance"].error = TimeoutError("no answer")
    order = world.submit()
    assert order.state is OrderState.UNKNOWN
    assert world.topics() == ["order.submitted", "order.unknown"]
    assert isinstance(world.events[-1], OrderUnknownEvent)
    assert "TimeoutError: no answer" in world.events[-1].reason
    assert world.orders.open_orders() == [order]
    world.fill(order, "1")
    assert order.state.value == "FILLED"
    assert world.portfolio.position("binance", "BTC/USDT") == 1


def test_an_unknown_order_can_be_cancelled() -> None:
    world = World()
    venue = world.venues["binance"]
    venue.error = TimeoutError("no answer")
    order = world.submit()
    world.orders.cancel(order)
    assert order.state.value == "PENDING_CANCEL"
    assert len(venue.cancels) == 1
    venue.error = None
    world.orders.cancel(order)
    world.report(order, ExecType.CANCELED)
    assert order.state is OrderState.CANCELED


def test_what_the_journal_does_not_take_is_not_sent() -> None:
    journal = BrokenJournal()
    world = World(journal=journal)
    journal.is_broken = True
    order = world.submit()
    assert order.state is OrderState.DENIED
    assert order.reason.startswith("NOT_JOURNALLED")
    assert world.venues["binance"].submitted == []
    assert "order.denied" in world.topics()
    assert alarms(world) == ["JournalFailed", "JournalFailed"]
    assert world.orders.counts["submitted"] == 0


def test_a_broken_journal_stops_no_cancel_and_no_fill() -> None:
    journal = BrokenJournal()
    world = World(journal=journal)
    order = world.submit()
    journal.is_broken = True
    world.orders.cancel(order)
    assert [c.client_order_id for c in world.venues["binance"].cancels] == [order.client_order_id]
    world.fill(order, "0.4")
    assert world.portfolio.position("binance", "BTC/USDT") == D("0.4")
    assert len(fills(world)) == 1
    assert order.state is OrderState.PENDING_CANCEL


def test_a_full_bus_does_not_make_a_sent_order_look_unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def full(event: Event) -> None:
        raise BusOverflow("full")

    monkeypatch.setattr(type(world.bus), "post", lambda self, event: full(event))
    order = world.submit()
    assert order.state is OrderState.PENDING_NEW
    assert len(world.venues["binance"].submitted) == 1
    assert world.orders.counts["alarms"] == 1


# Cancelling


def test_an_order_can_be_cancelled_before_the_venue_has_accepted_it() -> None:
    world = World()
    order = world.submit()
    world.orders.cancel(order)
    assert order.state is OrderState.PENDING_CANCEL
    assert world.venues["binance"].cancels == [CancelOrder(order.client_order_id, "BTC/USDT", "")]
    world.report(order, ExecType.NEW, venue_order_id="v1")
    assert (order.state, order.venue_order_id) == (OrderState.PENDING_CANCEL, "v1")
    world.report(order, ExecType.CANCELED)
    assert order.state.value == "CANCELED"
    assert world.topics() == ["order.submitted", "order.pending_cancel", "order.accepted", "order.canceled"]


def test_a_cancel_that_overtakes_its_order_does_not_make_it_look_accepted() -> None:
    world = World()
    order = world.submit()
    world.orders.cancel(order)
    world.report(order, ExecType.CANCEL_REJECTED, reason="no such order")
    assert order.state is OrderState.UNKNOWN
    world.report(order, ExecType.REJECTED, reason="too late")
    assert order.state.value == "REJECTED"
    assert world.orders.open_orders() == []


def test_a_second_cancel_does_nothing() -> None:
    world = World()
    order = world.submit()
    world.orders.cancel(order)
    world.orders.cancel(order)
    assert len(world.venues["binance"].cancels) == 1
    assert world.topics().count("order.pending_cancel") == 1


@pytest.mark.parametrize("report", [ExecType.REJECTED, ExecType.CANCELED, ExecType.EXPIRED])
def test_a_closed_order_is_not_cancelled(report: ExecType) -> None:
    world = World()
    order = world.submit()
    world.report(order, report)
    world.orders.cancel(order)
    assert world.venues["binance"].cancels == []


def test_a_cancel_refused_after_the_fill_changes_nothing_and_keeps_the_reason_clean() -> None:
    world = World()
    order = world.submit()
    world.report(order, ExecType.NEW)
    world.orders.cancel(order)
    world.fill(order, "1")
    world.report(order, ExecType.CANCEL_REJECTED, reason="no such open order")
    assert order.state is OrderState.FILLED
    assert order.reason == ""
    assert world.orders.counts["illegal"] == 0
    assert world.topics()[-1] == "order.cancel_rejected"


def test_a_refused_cancel_gives_the_order_its_state_back() -> None:
    world = World()
    order = world.submit()
    world.report(order, ExecType.NEW)
    world.fill(order, "0.2")
    world.orders.cancel(order)
    world.report(order, ExecType.CANCEL_REJECTED)
    assert order.state is OrderState.PARTIALLY_FILLED
    world.orders.cancel(order)
    assert len(world.venues["binance"].cancels) == 2


def test_an_order_whose_cancel_has_no_answer_stays_pending_cancel() -> None:
    world = World()
    order = world.submit()
    world.report(order, ExecType.NEW)
    world.venues["binance"].error = ConnectionError("gone")
    world.orders.cancel(order)
    assert order.state is OrderState.PENDING_CANCEL
    assert world.topics()[-2:] == ["order.pending_cancel", "order.unknown"]
    world.report(order, ExecType.CANCEL_REJECTED)
    assert order.state.value == "NEW"


def test_cancel_all_takes_those_of_a_strategy_or_symbol() -> None:
    world = World()
    mine, other = world.submit(), world.submit(strategy="beta")
    perp = world.submit(instrument=PERP)
    assert world.orders.cancel_all("alpha", "BTC/USDT") == [mine]
    assert (mine.state, other.state, perp.state) == ("PENDING_CANCEL", "PENDING_NEW", "PENDING_NEW")
    world.orders.cancel_all()
    assert {other.state, perp.state} == {OrderState.PENDING_CANCEL}
