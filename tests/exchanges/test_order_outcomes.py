"""What an answer to a command proves, and what it leaves open: nothing is called refused that may have been done."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.exchanges.errors import (
    DuplicateOrderId,
    InsufficientFunds,
    MalformedReply,
    NoConnection,
    NotSent,
    OnMaintenance,
    OrderNotFound,
    OutcomeUnknown,
    RateLimitExceeded,
    RequestRefused,
)
from quantai.exchanges.execution import AmendOrder, CancelOrder, ExecType, ExecutionReport, SubmitOrder
from quantai.exchanges.order_outcomes import Command, OrderOutcomes

SUBMIT = SubmitOrder("c1", "BTC/USDT", Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(9), TimeInForce.GTC)
AMEND = AmendOrder("c1", "BTC/USDT", "77", Side.BUY, Decimal(2), Decimal(9))
CANCEL = CancelOrder("c1", "BTC/USDT", "77")

PROOFS = [RequestRefused, InsufficientFunds, OnMaintenance, RateLimitExceeded, OrderNotFound, NotSent, NoConnection]
DOUBTS = [OutcomeUnknown, MalformedReply, RuntimeError, KeyError, TimeoutError]


class Told:
    """Outcomes, and what they told."""

    def __init__(self) -> None:
        self.reports: list[ExecutionReport] = []
        self.outcomes = OrderOutcomes("venue", lambda: 1_000)
        self.outcomes.sink = self.reports.append

    @property
    def kinds(self) -> list[ExecType]:
        return [report.exec_type for report in self.reports]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.mark.parametrize("error", PROOFS)
@pytest.mark.parametrize(
    ("command", "kind"),
    [(SUBMIT, ExecType.REJECTED), (AMEND, ExecType.REPLACE_REJECTED), (CANCEL, ExecType.CANCEL_REJECTED)],
)
def test_what_was_certainly_not_done_is_refused(
    told: Told, command: Command, kind: ExecType, error: type[Exception]
) -> None:
    told.outcomes.refuse(command, error("the reason"))
    [report] = told.reports
    assert (report.exec_type, report.reason, report.client_order_id, report.symbol) == (
        kind, "the reason", "c1", "BTC/USDT",
    )  # fmt: skip
    assert report.venue_order_id == getattr(command, "venue_order_id", "")
    assert report.ts_event == 1_000


@pytest.mark.parametrize("error", DOUBTS)
@pytest.mark.parametrize("command", [SUBMIT, AMEND, CANCEL])
def test_what_may_have_been_done_is_unknown(told: Told, command: Command, error: type[Exception]) -> None:
    told.outcomes.refuse(command, error())
    [report] = told.reports
    assert report.exec_type is ExecType.UNKNOWN
    assert report.reason == error.__name__  # never empty


def test_an_error_of_ours_is_logged_with_its_traceback(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    told.outcomes.refuse(SUBMIT, ValueError("odd"))
    told.outcomes.refuse(SUBMIT, OutcomeUnknown("cut"))
    assert [(record.message, record.exc_info is not None) for record in caplog.records] == [
        ("a command to venue broke", True)
    ]


def test_a_new_order_of_a_known_id_may_be_the_order_itself(told: Told) -> None:
    told.outcomes.refuse(SUBMIT, DuplicateOrderId("an order of that id is there"))
    told.outcomes.refuse(CANCEL, DuplicateOrderId("that makes no sense, but it was refused"))
    assert told.kinds == [ExecType.UNKNOWN, ExecType.CANCEL_REJECTED]


@pytest.mark.parametrize("error", DOUBTS)
def test_an_order_that_the_stream_told_is_not_in_doubt_because_its_answer_is(
    told: Told, error: type[Exception]
) -> None:
    fill = ExecutionReport(exec_type=ExecType.TRADE, client_order_id="c1", ts_event=5, venue_order_id="77")
    told.outcomes.tell(fill)
    told.outcomes.refuse(SUBMIT, error("late"))
    assert told.kinds == [ExecType.TRADE]
    told.outcomes.refuse(CANCEL, error("late"))  # of its cancel nothing is known
    assert told.kinds == [ExecType.TRADE, ExecType.UNKNOWN]


def test_an_acceptance_is_told_once_whether_answer_or_stream_comes_first(told: Told) -> None:
    streamed = ExecutionReport(exec_type=ExecType.NEW, client_order_id="c1", ts_event=6, venue_order_id="77")
    told.outcomes.accept(SUBMIT, "77", 5)
    told.outcomes.tell(streamed)
    assert [(each.exec_type, each.venue_order_id, each.ts_event, each.side) for each in told.reports] == [
        (ExecType.NEW, "77", 5, Side.BUY)
    ]
    other = Told()
    other.outcomes.tell(streamed)
    other.outcomes.accept(SUBMIT, "77", 5)
    assert other.reports == [streamed]


def test_an_acceptance_without_a_time_has_the_time_at_the_venue(told: Told) -> None:
    told.outcomes.accept(SUBMIT, "77", 0)
    assert told.reports[0].ts_event == 1_000


def test_an_acceptance_without_an_id_proves_nothing(told: Told) -> None:
    told.outcomes.accept(SUBMIT, "", 5)
    assert told.kinds == [ExecType.UNKNOWN]
    assert "without an order id" in told.reports[0].reason
    told.outcomes.check_is_new(SUBMIT)  # it may be sent by nobody, but is not known to be there


def test_what_has_arrived_is_not_sent_again(told: Told) -> None:
    told.outcomes.check_is_new(SUBMIT)
    told.outcomes.refuse(SUBMIT, InsufficientFunds("no"))
    told.outcomes.check_is_new(SUBMIT)
    told.outcomes.accept(SUBMIT, "77", 5)
    with pytest.raises(DuplicateOrderId, match="order c1 has arrived at venue already"):
        told.outcomes.check_is_new(SUBMIT)


def test_without_a_listener_nothing_breaks_and_arrivals_are_known() -> None:
    outcomes = OrderOutcomes("venue", lambda: 1)
    outcomes.accept(SUBMIT, "77", 5)
    with pytest.raises(DuplicateOrderId):
        outcomes.check_is_new(SUBMIT)


async def test_a_refusal_can_be_told_after_the_call_and_an_order_error_proves_that_nothing_was_sent(
    told: Told,
) -> None:
    told.outcomes.refuse_later(SUBMIT, OrderError("the queue is full"))
    told.outcomes.refuse_later(CANCEL, OutcomeUnknown("cut"))
    assert told.reports == []
    await asyncio.sleep(0)
    assert [(each.exec_type, each.reason) for each in told.reports] == [
        (ExecType.REJECTED, "the queue is full"), (ExecType.UNKNOWN, "cut"),
    ]  # fmt: skip
