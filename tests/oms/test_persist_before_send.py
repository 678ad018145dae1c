"""Nothing that could cost money is sent before it is durable; what only takes risk away waits for nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.core.enums import OrderState, Side
from quantai.core.errors import OrderError, StoreError
from quantai.events import OrderCanceledEvent, OrderDeniedEvent, OrderReplaceRejectedEvent
from quantai.exchanges.execution import ExecType
from quantai.oms.journal import Note, NoteKind
from tests.oms.journals import WaitingJournal
from tests.oms.world import PERP, SPOT, World, request

D = Decimal


@pytest.fixture
def journal() -> WaitingJournal:
    return WaitingJournal()


@pytest.fixture
def world(journal: WaitingJournal) -> World:
    return World(journal=journal)


def test_an_order_waits_for_its_commit(world: World, journal: WaitingJournal) -> None:
    order = world.submit()
    assert [event.topic_prefix for event in journal.events] == ["order.submitted"]
    assert (order.state, order.is_sent) == (OrderState.PENDING_NEW, False)
    assert world.venues["binance"].submitted == []
    assert world.topics() == []
    assert world.orders.open_orders() == [order]
    journal.commit()
    assert order.is_sent
    assert [command.client_order_id for command in world.venues["binance"].submitted] == [order.client_order_id]
    assert world.topics() == ["order.submitted"]
    assert world.orders.counts["submitted"] == 1


def test_an_order_that_is_not_kept_is_denied(world: World, journal: WaitingJournal) -> None:
    order = world.submit()
    journal.refuse()
    assert (order.state, order.is_sent) == (OrderState.DENIED, False)
    assert world.venues["binance"].submitted == []
    (event,) = world.events
    assert isinstance(event, OrderDeniedEvent)
    assert event.code == "NOT_JOURNALLED"
    assert "it was not sent" in event.reason
    assert world.orders.counts["denied"] == 1
    assert world.orders.counts["submitted"] == 0


def test_while_the_journal_is_down_orders_and_changes_are_denied_and_cancels_go_out(
    world: World, journal: WaitingJournal
) -> None:
    resting = world.submit()
    journal.commit()
    world.report(resting, ExecType.NEW)
    journal.available = False
    order = world.submit()
    assert order.reason.startswith("JOURNAL_DOWN: ")
    assert journal.waiting == 0
    world.orders.amend(resting, price=D(99))
    assert resting.state.value == "NEW"
    rejected = world.events[-1]
    assert isinstance(rejected, OrderReplaceRejectedEvent)
    assert rejected.reason.startswith("JOURNAL_DOWN: ")
    assert world.venues["binance"].amends == []
    world.orders.cancel(resting)
    assert len(world.venues["binance"].cancels) == 1


def test_an_order_cancelled_before_it_was_sent_never_is(world: World, journal: WaitingJournal) -> None:
    order = world.submit()
    world.orders.cancel(order)
    assert order.state.value == "PENDING_CANCEL"
    assert world.venues["binance"].cancels == []
    journal.commit()
    assert order.state.value == "CANCELED"
    assert world.venues["binance"].submitted == []
    ended = world.events[-1]
    assert isinstance(ended, OrderCanceledEvent)
    assert ended.reason == "it was cancelled before it was sent"
    assert ended.leaves_quantity == 1
    assert world.orders.counts["denied"] == 0


def test_an_order_cancelled_before_it_was_refused_is_cancelled(world: World, journal: WaitingJournal) -> None:
    order = world.submit()
    world.orders.cancel(order)
    journal.refuse()
    assert order.state is OrderState.CANCELED
    assert world.orders.counts["denied"] == 0


def test_a_change_waits_for_its_commit(world: World, journal: WaitingJournal) -> None:
    order = world.submit()
    journal.commit()
    world.report(order, ExecType.NEW, venue_order_id="v1")
    world.orders.amend(order, D(2), D(99), cause="why@1")
    assert world.venues["binance"].amends == []
    assert (order.state.value, order.working_quantity) == ("PENDING_REPLACE", D(2))
    assert world.topics()[-1] == "order.pending_replace"
    journal.commit()
    (command,) = world.venues["binance"].amends
    assert (command.client_order_id, command.venue_order_id) == (order.client_order_id, "v1")
    assert (command.symbol, command.side, command.quantity, command.price) == ("BTC/USDT", Side.BUY, D(2), D(99))
    assert world.topics()[-1] == "order.pending_replace"
    assert getattr(world.events[-1], "cause", "") == "why@1"


def test_a_change_that_is_not_kept_is_rejected_here(world: World, journal: WaitingJournal) -> None:
    order = world.submit()
    journal.commit()
    world.report(order, ExecType.NEW)
    world.orders.amend(order, D(2))
    journal.refuse()
    assert world.venues["binance"].amends == []
    assert (order.state.value, order.quantity, order.change) == ("NEW", D(1), None)
    assert world.topics()[-2:] == ["order.pending_replace", "order.replace_rejected"]


def test_a_change_that_was_overtaken_by_a_cancel_is_not_sent(world: World, journal: WaitingJournal) -> None:
    order = world.submit()
    journal.commit()
    world.report(order, ExecType.NEW)
    world.orders.amend(order, D(2))
    world.orders.cancel(order)
    journal.commit()
    assert world.venues["binance"].amends == []
    assert len(world.venues["binance"].cancels) == 1
    assert (order.state.value, order.change) == ("PENDING_CANCEL", None)
    assert world.topics()[-2:] == ["order.pending_cancel", "order.replace_rejected"]
    world.report(order, ExecType.CANCEL_REJECTED)
    assert order.state.value == "NEW"  # and everybody who listens knows it


def test_a_change_that_ended_before_it_was_kept_is_not_sent_in_place_of_the_next(
    world: World, journal: WaitingJournal
) -> None:
    order = world.submit()
    journal.commit()
    world.report(order, ExecType.NEW)
    world.orders.amend(order, D(3))
    world.report(order, ExecType.REPLACE_REJECTED, reason="busy")
    world.orders.amend(order, D(5))
    journal.commit()
    assert [command.quantity for command in world.venues["binance"].amends] == [D(5)]
    assert (order.state.value, order.working_quantity) == ("PENDING_REPLACE", D(5))


def test_a_batch_goes_out_when_all_of_it_is_kept_venue_by_venue(world: World, journal: WaitingJournal) -> None:
    orders = world.orders.submit_all([request(), request(instrument=PERP), request(quantity="2")])
    assert [order.state.value for order in orders] == ["PENDING_NEW"] * 3
    assert journal.waiting == 3
    assert world.venues["binance"].batches == []
    journal.commit()
    (batch,) = world.venues["binance"].batches
    assert [command.client_order_id for command in batch] == [orders[0].client_order_id, orders[2].client_order_id]
    assert [len(batch) for batch in world.venues["okx"].batches] == [1]
    assert all(order.is_sent for order in orders)
    assert world.topics() == ["order.submitted"] * 3
    assert world.orders.counts["submitted"] == 3


def test_what_a_batch_lost_on_the_way_does_not_hold_up_the_rest(world: World, journal: WaitingJournal) -> None:
    orders = world.orders.submit_all([request(), request(), request()])
    world.orders.cancel(orders[1])
    journal.commit()
    assert [order.state.value for order in orders] == ["PENDING_NEW", "CANCELED", "PENDING_NEW"]
    assert [len(batch) for batch in world.venues["binance"].batches] == [2]


def test_a_batch_that_is_not_kept_is_denied_as_a_whole(world: World, journal: WaitingJournal) -> None:
    orders = world.orders.submit_all([request(), request()])
    journal.refuse()
    assert [order.state.value for order in orders] == ["DENIED", "DENIED"]
    assert world.venues["binance"].batches == []
    assert world.orders.counts["denied"] == 2


def test_what_a_venue_has_before_its_batch_is_kept_is_neither_sent_nor_denied(
    world: World, journal: WaitingJournal
) -> None:
    strange, other = world.orders.submit_all([request(), request()])
    world.report(strange, ExecType.NEW)
    journal.commit()
    assert [command.client_order_id for command in world.venues["binance"].submitted] == [other.client_order_id]
    assert strange.state.value == "NEW"
    assert (world.orders.counts["denied"], world.orders.counts["illegal"]) == (0, 0)


def test_a_batch_with_something_that_is_no_order_sends_nothing(world: World, journal: WaitingJournal) -> None:
    with pytest.raises(OrderError, match="buys or sells"):
        world.orders.submit_all([request(), request(side=Side.UNKNOWN)])
    assert journal.events == []


def test_a_connector_that_fails_on_a_batch_leaves_all_of_it_unknown(world: World, journal: WaitingJournal) -> None:
    world.venues["binance"].error = TimeoutError("no answer")
    orders = world.orders.submit_all([request(), request()])
    journal.commit()
    assert [order.state.value for order in orders] == ["UNKNOWN", "UNKNOWN"]


@pytest.mark.parametrize(
    ("command", "state", "event"),
    [
        ("submit", "REJECTED", "order.rejected"),
        ("amend", "NEW", "order.replace_rejected"),
        ("cancel", "NEW", "order.cancel_rejected"),
    ],
)
def test_what_the_connector_certainly_did_not_send_is_not_unknown(command: str, state: str, event: str) -> None:
    world = World()
    venue = world.venues["binance"]
    refusal = OrderError("the venue has no such command")
    if command == "submit":
        venue.error = refusal
    order = world.submit()
    if command != "submit":
        world.report(order, ExecType.NEW)
        venue.error = refusal
        if command == "amend":
            world.orders.amend(order, D(2))
        else:
            world.orders.cancel(order)
    assert order.state.value == state
    assert world.topics()[-1] == event
    assert getattr(world.events[-1], "reason", "") == "the venue has no such command"


def test_cancels_of_several_orders_go_out_together(world: World, journal: WaitingJournal) -> None:
    sent = [world.submit(), world.submit(), world.submit(instrument=PERP)]
    journal.commit()
    unsent = world.submit()
    world.events.clear()
    assert world.orders.cancel_all() == [*sent, unsent]
    assert [len(batch) for batch in world.venues["binance"].cancel_batches] == [2]
    assert [len(batch) for batch in world.venues["okx"].cancel_batches] == [1]
    assert world.topics() == ["order.pending_cancel"] * 4
    assert all(order.state is OrderState.PENDING_CANCEL for order in [*sent, unsent])


def test_cancels_can_be_those_of_one_venue(world: World, journal: WaitingJournal) -> None:
    here, there = world.submit(), world.submit(instrument=PERP)
    journal.commit()
    assert world.orders.cancel_all(venue="okx") == [there]
    assert (here.state.value, there.state.value) == ("PENDING_NEW", "PENDING_CANCEL")


def test_risk_and_venue_are_noted_to_explain_an_order(world: World, journal: WaitingJournal) -> None:
    order = world.submit()
    journal.commit()
    world.report(order, ExecType.NEW, venue_order_id="v1")
    assert [note.kind for note in journal.notes] == [NoteKind.RISK, NoteKind.REPORT]
    assert {note.client_order_id for note in journal.notes} == {order.client_order_id}
    assert getattr(journal.notes[1].body, "venue_order_id", "") == "v1"


def test_a_fill_is_kept_with_what_it_made_of_the_account(world: World, journal: WaitingJournal) -> None:
    order = world.submit()
    journal.commit()
    world.fill(order, "1", fee="0.1")
    (change,) = journal.accounts
    (position,) = change.positions
    assert (position.strategy, position.venue, position.symbol, position.quantity) == (
        "alpha", "binance", "BTC/USDT", D(1),
    )  # fmt: skip
    assert dict(position.fees) == {"USDT": D("0.1")}
    assert {(each.currency, each.amount) for each in change.balances} == {("USDT", D("899.9")), ("BTC", D(1))}
    assert SPOT.symbol == position.symbol


def test_an_order_cancelled_while_the_rest_of_its_batch_is_not_kept_yet_never_goes_out() -> None:
    journal = OneByOne()
    world = World(journal=journal)
    first, second = world.orders.submit_all([request(), request()])
    journal.commit_next()
    world.orders.cancel(first)
    assert (first.state.value, first.is_sent) == ("PENDING_CANCEL", False)
    journal.commit_next()
    assert [[each.client_order_id for each in batch] for batch in world.venues["binance"].batches] == [
        [second.client_order_id]
    ]
    assert (first.state.value, first.is_sent, first.reason) == (
        "CANCELED",
        False,
        "it was cancelled before it was sent",
    )
    assert world.orders.counts["submitted"] == 1


def test_who_hears_of_a_refusal_in_a_batch_can_cancel_what_went_out() -> None:
    journal = OneByOne()
    world = World(journal=journal)
    first, second = world.orders.submit_all([request(), request()])
    world.subscribe("order.denied.*", lambda event: world.orders.cancel(first))
    journal.commit_next()
    journal.commit_next(is_durable=False)
    assert (second.state.value, first.state.value, first.is_sent) == ("DENIED", "PENDING_CANCEL", True)
    assert [each.client_order_id for each in world.venues["binance"].submitted] == [first.client_order_id]
    assert [each.client_order_id for each in world.venues["binance"].cancels] == [first.client_order_id]


def test_a_connector_that_refuses_one_of_a_batch_leaves_all_of_it_unknown(
    world: World, journal: WaitingJournal
) -> None:
    world.venues["binance"].error = OrderError("the second one is too small")
    orders = world.orders.submit_all([request(), request(), request(instrument=PERP)])
    journal.commit()
    assert [order.state.value for order in orders] == ["UNKNOWN", "UNKNOWN", "PENDING_NEW"]
    assert orders[0].reason == "the second one is too small"
    world.report(orders[0], ExecType.NEW)
    assert orders[0].state.value == "NEW"


def test_what_is_refused_is_the_order_also_where_somebody_cancels_it_at_once(
    world: World, journal: WaitingJournal
) -> None:
    world.venues["binance"].error = OrderError("no connection")
    order = world.submit()
    world.subscribe("order.submitted.*", lambda event: world.orders.cancel(order))
    journal.commit()
    assert (order.state.value, order.reason) == ("REJECTED", "no connection")


def test_a_venue_speaks_after_the_journal_is_closed_and_its_fill_is_booked() -> None:
    journal = Closing()
    world = World(journal=journal)
    order = world.submit()
    journal.commit()
    journal.is_closed = True
    world.fill(order, "1")
    assert (order.state.value, world.portfolio.position("binance", "BTC/USDT")) == ("FILLED", D(1))


class OneByOne(WaitingJournal):
    """Answers one by one."""

    def commit_next(self, is_durable: bool = True) -> None:
        self._waiting.pop(0)(is_durable)


class Closing(WaitingJournal):
    """Takes nothing once it is closed."""

    is_closed = False

    def note(self, note: Note) -> None:
        if self.is_closed:
            raise StoreError("the order journal is not open")
        super().note(note)
