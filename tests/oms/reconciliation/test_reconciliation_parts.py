"""The parts of the reconciliation: mismatches, waits, doubts, questions."""

from __future__ import annotations

import asyncio

import pytest

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import BusClosed, VenueError
from quantai.events import Event
from quantai.exchanges.execution import OrderStatus
from quantai.oms.reconciliation import MismatchKind, Settings
from quantai.oms.reconciliation.asking import Backoff, VenueQueries
from quantai.oms.reconciliation.comparing import describe_status
from quantai.oms.reconciliation.doubts import Denial, Doubt
from quantai.oms.reconciliation.mismatches import Mismatches
from tests.oms.reconciliation.model import Core, idle
from tests.oms.world import D

S = NS_PER_SECOND


def told(events: list[Event], max_lines: int = 2) -> Mismatches:
    return Mismatches(SimulatedClock(5), events.append, max_lines)


def test_the_report_keeps_the_newest_lines() -> None:
    mismatches = told([])
    for subject in "abc":
        mismatches.tell("v", MismatchKind.ORDER, subject, 1, 2, "left")
    assert [line.subject for line in mismatches.report()] == ["b", "c"]
    assert mismatches.counts[MismatchKind.ORDER] == 3
    line = mismatches.report()[0]
    assert (line.ts_ns, line.venue, line.ours, line.theirs, line.action) == (5, "v", "1", "2", "left")


def test_what_was_told_once_is_forgotten_before_memory_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantai.oms.reconciliation.mismatches._MAX_TOLD", 2)
    mismatches = told([])
    for subject in ("a", "a", "b", "b", "c", "a"):
        mismatches.tell_once("v", MismatchKind.ORDER, subject, 1, 2, "left")
    assert mismatches.counts[MismatchKind.ORDER] == 4


def test_a_mismatch_that_cannot_be_published_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(event: Event) -> None:
        raise BusClosed("closed")

    mismatches = Mismatches(SimulatedClock(), refuse, 2)
    mismatches.tell("v", MismatchKind.ORDER, "a", 1, 2, "left")
    assert len(mismatches.report()) == 1
    assert "was not published" in caplog.text


@pytest.mark.parametrize(("tries", "longest_s"), [(0, 1), (1, 2), (4, 16), (5, 30), (1_000, 30)])
def test_waits_double_up_to_a_limit(tries: int, longest_s: int) -> None:
    backoff = Backoff(Settings(), "a")
    waits = [backoff.delay_ns(tries) for _ in range(200)]
    assert longest_s * S // 2 <= min(waits) < max(waits) <= longest_s * S


def test_the_same_seed_waits_the_same_time() -> None:
    def waits(seed: int, name: str) -> list[int]:
        backoff = Backoff(Settings(seed=seed), name)
        return [backoff.delay_ns(tries) for tries in range(9)]

    assert waits(1, "a") == waits(1, "a")
    assert waits(1, "a") != waits(2, "a")
    assert waits(1, "a") != waits(1, "b")


def test_a_scan_is_a_quarter_of_the_shorter_patience() -> None:
    assert Settings(answer_timeout_ns=8, settle_ns=20).scan_ns == 2
    assert Settings(answer_timeout_ns=80, settle_ns=20).scan_ns == 5
    assert Settings(answer_timeout_ns=1, settle_ns=1).scan_ns == 1


async def test_a_denial_counts_when_it_is_given_twice_after_the_order_must_have_arrived(core: Core) -> None:
    doubt = Doubt(core.submit(), None, arrived_ns=10, due_ns=0)
    assert not doubt.is_denied_twice(Denial.NOT_KNOWN, 9, 9, 5)
    assert doubt.due_ns == 10
    assert not doubt.is_denied_twice(Denial.NOT_KNOWN, 10, 12, 5)
    assert doubt.due_ns == 17
    assert not doubt.is_denied_twice(Denial.NOT_KNOWN, 16, 18, 5)
    assert not doubt.is_denied_twice(Denial.NOT_CHANGED, 17, 18, 5)
    assert doubt.due_ns == 23
    assert doubt.is_denied_twice(Denial.NOT_CHANGED, 23, 24, 5)


async def test_whatever_goes_wrong_with_a_question_is_no_answer(core: Core) -> None:
    queries = VenueQueries("binance", core.binance.model, core.clock, Settings())

    async def fail(account: object) -> None:
        raise KeyError("x")

    async def odd(account: object) -> None:
        raise asyncio.CancelledError

    with pytest.raises(VenueError, match="binance gave no answer: KeyError: 'x'"):
        await queries.ask(fail)
    with pytest.raises(asyncio.CancelledError):
        await queries.ask(odd)
    core.binance.model.is_silent = True
    with pytest.raises(VenueError, match=r"binance gave no answer within 5s \(reconciliation.query_timeout\)"):
        await core.finish(queries.ask(lambda account: account.open_orders()))
    assert queries.counts == {"queries": 3, "unanswered": 2}


async def test_who_asks_may_be_cancelled_and_the_question_with_it(core: Core) -> None:
    queries = VenueQueries("binance", core.binance.model, core.clock, Settings())
    core.binance.model.is_silent = True
    asking = asyncio.ensure_future(queries.ask(lambda account: account.open_orders()))
    await idle()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert core.binance.model.at_once == 0


async def test_an_order_that_is_changed_at_the_venue_and_ended_is_both(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.orders.amend(order, D(2), D(99))
    core.binance.end(core.binance.of(order), OrderState.CANCELED)
    core.binance.lose()
    await core.wait(8)
    assert (order.state, order.quantity, order.price) == (OrderState.CANCELED, D(2), D(99))


async def test_a_market_order_has_no_limit_to_differ_in(core: Core) -> None:
    order = core.submit(price=None)
    core.binance.deliver()
    core.binance.of(order).price = D(123)
    await core.reconcile()
    assert (order.price, core.mismatches) == (None, [])
    core.binance.of(order).quantity = D(3)
    await core.reconcile()
    assert (order.price, order.quantity) == (None, D(3))


def test_a_status_is_told_in_few_words() -> None:
    status = OrderStatus(
        client_order_id="a", venue_order_id="v", symbol="BTC/USDT", side=Side.BUY, order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC, quantity=D("2.50"), price=None, state=OrderState.NEW, filled_quantity=D("1E+0"),
        ts_event=1,
    )  # fmt: skip
    assert describe_status(status) == "NEW 1 of 2.5"
