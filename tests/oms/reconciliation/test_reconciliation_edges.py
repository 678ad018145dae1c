"""What is rare: venues that say odd things, commands that cannot be sent, a bus that is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import BusClosed, VenueError
from quantai.events import Event
from quantai.exchanges.execution import CancelOrder, ExecType, OrderStatus, VenuePosition
from quantai.oms.models import EXTERNAL
from quantai.oms.reconciliation import MismatchKind, Settings
from quantai.oms.reconciliation.asking import Backoff, VenueQueries
from quantai.oms.reconciliation.comparing import describe_status
from quantai.oms.reconciliation.doubts import Denial, Doubt
from quantai.oms.reconciliation.mismatches import Mismatches
from tests.oms.reconciliation.model import Core, idle, state_of
from tests.oms.world import INVERSE, PERP, D

S = NS_PER_SECOND


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core()
    await core.start()
    yield core
    await core.reconciler.stop()


# Odd things that venues say


async def test_a_venue_that_keeps_no_account_is_compared_by_orders_only(core: Core) -> None:
    async def nothing() -> None:
        return None

    core.binance.model.balances = core.binance.model.positions = nothing  # type: ignore[method-assign]
    core.binance.balances["USDT"] = D(1)
    await core.reconcile()
    assert core.portfolio.balance("binance", "USDT") == 1000


async def test_a_position_in_what_is_not_configured_is_told_of_and_left_out(core: Core) -> None:
    core.okx.positions["DOGE/USDT:USDT"] = D(5)
    await core.reconcile("okx")
    assert core.mismatches == ["unconfigured_instrument"]


async def test_long_and_short_kept_apart_count_as_their_net_at_the_price_of_the_larger(core: Core) -> None:
    async def positions() -> list[VenuePosition]:
        return [VenuePosition(PERP.symbol, D(-1), D(90)), VenuePosition(PERP.symbol, D(4), D(110))]

    core.okx.model.positions = positions  # type: ignore[method-assign]
    await core.reconcile("okx")
    assert core.portfolio.position("okx", PERP.symbol, EXTERNAL) == 3
    assert core.reconciler.report()[0].action == "booked 3 at 110 to external"


async def test_a_position_without_any_price_is_told_of_once_and_left(core: Core) -> None:
    async def positions() -> list[VenuePosition]:
        return [VenuePosition(PERP.symbol, D(4), D(0))]

    core.okx.model.positions = positions  # type: ignore[method-assign]
    await core.reconcile("okx")
    await core.reconcile("okx")
    assert core.portfolio.position("okx", PERP.symbol) == 0
    assert [line.action for line in core.reconciler.report()] == ["left as it is: it has no price"]


async def test_an_inverse_position_that_is_gone_is_closed_at_what_it_cost(core: Core) -> None:
    order = core.submit(quantity="2", price="80", instrument=INVERSE)
    core.okx.trade(core.okx.of(order), "2", "80", fee="0")
    core.okx.deliver()
    core.okx.positions.clear()
    await core.reconcile("okx")
    assert core.portfolio.position("okx", INVERSE.symbol) == 0
    assert core.reconciler.report()[0].action == "booked -2 at 80 to external"


async def test_a_listed_fill_without_id_is_not_booked(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "0.5")
    core.binance.fills = [msgspec.structs.replace(fill, trade_id="") for fill in core.binance.fills]
    core.binance.lose()
    core.reconciler.request()
    await core.wait(1)
    assert order.filled_quantity == 0
    assert core.mismatches[0] == "unsound_fill"


async def test_a_listed_fill_that_cannot_be_booked_is_no_missed_fill(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "0.5")
    core.binance.fills = [msgspec.structs.replace(fill, quantity=D("NaN")) for fill in core.binance.fills]
    core.binance.lose()
    core.reconciler.request()
    await core.wait(1)
    assert (order.filled_quantity, order.trade_ids) == (D(0), set())
    assert core.mismatches == []
    assert core.orders.counts["alarms"] >= 1


async def test_a_fill_without_any_price_is_not_inferred() -> None:
    core = Core()
    core.market.__init__()  # type: ignore[misc]
    await core.start()
    core.binance.model.hides_fills = True
    order = core.submit(price=None)
    core.binance.trade(core.binance.of(order), "1")
    core.binance.lose()
    await core.wait(200)
    assert (order.state, order.filled_quantity) == (OrderState.UNKNOWN, D(0))
    assert core.mismatches == ["unsound_fill"]
    core.binance.model.hides_fills = False
    await core.reconcile()
    assert order.filled_quantity == 1
    await core.reconciler.stop()


async def test_more_traded_here_than_there_is_told_of_and_left(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.fill(order, "0.5", trade_id="ours")
    core.reconciler.request()
    await core.wait(10)
    core.reconciler.request()
    await core.wait(10)
    assert order.filled_quantity == D("0.5")
    assert core.mismatches.count("excess_fill") == 1


async def test_a_rejection_of_an_order_that_was_accepted_is_taken_all_the_same(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.of(order).state = OrderState.REJECTED
    await core.reconcile()
    assert state_of(order) is OrderState.REJECTED
    assert order.reason == "the venue says so, and its reports do not explain it"


@pytest.mark.parametrize(
    ("time_in_force", "state"),
    [
        (TimeInForce.IOC, OrderState.EXPIRED),
        (TimeInForce.FOK, OrderState.EXPIRED),
        (TimeInForce.GTC, OrderState.CANCELED),
        (TimeInForce.POST_ONLY, OrderState.CANCELED),
    ],
)
async def test_an_order_the_venue_forgot_ends_as_its_time_in_force_says(
    core: Core, time_in_force: TimeInForce, state: OrderState
) -> None:
    order = core.submit(time_in_force=time_in_force)
    core.binance.deliver()
    core.binance.of(order).state = OrderState.CANCELED
    core.binance.model.forgotten.add(order.client_order_id)
    await core.reconcile()
    assert state_of(order) is state


async def test_a_fill_that_proves_an_unaccepted_order_keeps_it_from_being_rejected(core: Core) -> None:
    order = core.submit()
    core.binance.trade(core.binance.of(order), "0.5")
    core.binance.lose()
    core.binance.of(order).state = OrderState.CANCELED
    core.binance.model.forgotten.add(order.client_order_id)
    await core.wait(30)
    assert (order.state, order.filled_quantity) == (OrderState.CANCELED, D("0.5"))


# Commands that come between


async def test_a_cancel_that_is_sent_meanwhile_is_another_question(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.reconciler._rounds["binance"].resolver.suspect(order)
    core.orders.cancel(order)
    await core.wait(1)
    assert core.binance.model.asked.count("find_order") == 0
    assert state_of(order) is OrderState.PENDING_CANCEL
    core.binance.deliver()
    assert state_of(order) is OrderState.CANCELED


async def test_nothing_is_asked_before_the_start_and_after_the_stop() -> None:
    core = Core()
    await core.reconciler.stop()
    core.reconciler.request()
    await core.reconciler.reconcile("binance")
    await core.start()
    await core.reconciler.stop()
    asked = len(core.binance.model.asked)
    core.reconciler.request()
    core.binance.connection(True)
    await core.reconciler.reconcile("binance")
    await core.wait(60)
    assert len(core.binance.model.asked) == asked == 4


async def test_a_closed_order_that_the_venue_does_not_know_either_is_left(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.report(order, ExecType.CANCELED)
    core.binance.model.forgotten.add(order.client_order_id)
    await core.reconcile()
    assert state_of(order) is OrderState.CANCELED
    assert core.mismatches == []


async def test_a_cancel_that_cannot_be_sent_again_is_tried_later(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.loses_commands = True
    core.orders.cancel(order)
    tried: list[CancelOrder] = []

    def refuse(command: CancelOrder) -> None:
        tried.append(command)
        raise ConnectionError("no line")

    core.reconciler._rounds["binance"].resolver._send_cancel = refuse
    await core.wait(20)
    assert state_of(order) is OrderState.PENDING_CANCEL
    assert len(tried) >= 2
    assert {each.client_order_id for each in tried} == {order.client_order_id}
    assert any("could not be sent again" in message for message in caplog.messages)


async def test_an_error_of_our_own_is_logged_and_the_order_asked_for_again(
    core: Core, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = core.submit()
    core.binance.lose()
    corrector = core.reconciler._rounds["binance"].resolver._corrector

    def boom(*arguments: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(corrector, "correct", boom)
    await core.wait(6)
    assert state_of(order) is OrderState.UNKNOWN
    assert f"binance: order {order.client_order_id} could not be resolved" in caplog.messages
    monkeypatch.undo()
    await core.wait(5)
    assert order.state.is_open
    assert order.venue_order_id == "v1"


async def test_an_error_of_our_own_does_not_end_the_rounds(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = core.reconciler._rounds["binance"]

    async def boom() -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(rounds._account, "compare", boom)
    core.reconciler.request()
    await core.wait(0.1)
    assert rounds.unproven == "boom"
    monkeypatch.undo()
    await core.wait(5)
    assert (rounds.error, rounds.counts["failed_rounds"], rounds.proven_ns > 0) == ("", 1, True)


async def test_orders_in_doubt_are_asked_for_at_once_when_the_stream_stands_again(core: Core) -> None:
    order = core.submit()
    core.binance.lose()
    core.binance.model.is_down = True
    await core.wait(200)
    core.binance.model.is_down = False
    core.binance.connection(True)
    await core.wait(0.1)
    assert state_of(order) is OrderState.NEW


async def test_stopping_ends_every_question_and_timer(core: Core) -> None:
    orders = [core.submit(quantity="0.001") for _ in range(8)]
    core.binance.lose()
    core.binance.model.is_silent = True
    core.binance.place("x1", "BTC/USDT", Side.BUY, D(1), D(100))
    core.binance.deliver()
    await core.wait(5.4)
    core.reconciler.request()
    await core.wait(0.1)
    core.binance.place("x2", "BTC/USDT", Side.BUY, D(1), D(100))
    core.binance.deliver()
    await core.reconciler.stop()
    await idle()
    assert {order.state for order in orders} == {OrderState.UNKNOWN}
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert core.clock.next_due_ns > core.clock.now_ns() + 10**18
    core.binance.connection(True)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_is_found_is_kept_though_the_bus_is_closed(core: Core) -> None:
    await core.bus.close()
    core.binance.balances["USDT"] = D(900)
    await core.reconcile()
    assert core.portfolio.balance("binance", "USDT") == 900
    assert [line.kind for line in core.reconciler.report()] == [MismatchKind.BALANCE]


# Parts


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


# What is counted and told, to the letter


async def test_everything_is_counted(core: Core) -> None:
    lost = core.submit()
    core.binance.lose()
    await core.wait(6)
    counts = core.reconciler.counts
    assert (counts["asked"], counts["resolved"], counts["cancels_resent"]) == (1, 1, 0)
    assert (counts["queries"], counts["unanswered"], counts["lost_answer"]) == (9, 0, 1)
    core.binance.loses_commands = True
    core.orders.cancel(lost)
    await core.wait(6)
    counts = core.reconciler.counts
    assert (counts["asked"], counts["resolved"], counts["cancels_resent"]) == (2, 1, 1)


async def test_orders_that_wait_for_an_answer_are_not_asked_for_by_a_comparison(core: Core) -> None:
    core.submit()
    core.binance.lose()
    core.reconciler.request()
    await core.wait(1)
    counts = core.reconciler.counts
    assert (counts["asked"], counts["resolved"]) == (0, 0)


async def test_an_adopted_order_is_told_of_by_name(core: Core) -> None:
    core.binance.place("x1", "BTC/USDT", Side.BUY, D(2), D(100))
    core.binance.place("", "BTC/USDT", Side.SELL, D(3), D(101))
    core.binance.lose()
    await core.reconcile()
    found = [(line.kind, line.subject, line.ours, line.theirs, line.action) for line in core.reconciler.report()]
    assert found == [
        ("external_order", "x1", "not known", "NEW 0 of 2 at 100", "adopted as x1"),
        ("external_order", "v2", "not known", "NEW 0 of 3 at 101", "adopted as ext-binance-v2"),
    ]


async def test_every_correction_is_told_with_what_both_say(core: Core) -> None:
    order = core.submit()
    core.binance.trade(core.binance.of(order), "0.5", "99")
    core.binance.lose()
    await core.wait(8)
    name = order.client_order_id
    found = [(line.kind, line.subject, line.ours, line.theirs, line.action) for line in core.reconciler.report()]
    assert found == [
        ("missed_fill", f"{name} t1", "0 traded", "0.5 more at 99", "booked"),
        (
            "order", name, "PARTIALLY_FILLED 0.5 of 1 at 100", "PARTIALLY_FILLED 0.5 of 1 at 100",
            "now PARTIALLY_FILLED 0.5 of 1 at 100",
        ),
    ]  # fmt: skip
    assert order.is_accepted


async def test_an_order_of_that_name_at_another_venue_is_another_order(core: Core) -> None:
    ours = core.submit(instrument=PERP)
    core.okx.deliver()
    known = core.reconciler._rounds["binance"].known
    assert known.in_memory(ours.client_order_id, "") is None
    assert await known.find(ours.client_order_id, ours.venue_order_id) is None
    assert core.reconciler._rounds["okx"].known.in_memory("", ours.venue_order_id) is ours


async def test_questions_are_spaced_by_the_backoff(core: Core) -> None:
    core.submit()
    core.binance.lose()
    core.binance.model.is_down = True
    await core.wait(5 + 1 + 2 + 4 + 8 + 16 + 30)
    assert 5 <= core.reconciler.counts["asked"] <= 10


async def test_rounds_that_fail_are_spaced_by_the_backoff(core: Core) -> None:
    core.binance.model.is_down = True
    core.reconciler.request(["binance"])
    await core.wait(1.1)
    assert core.reconciler.counts["failed_rounds"] in (2, 3)
    await core.wait(60)
    assert core.reconciler.counts["failed_rounds"] <= 10
    core.binance.model.is_down = False
    await core.wait(31)
    core.binance.model.is_down = True
    failed = core.reconciler.counts["failed_rounds"]
    core.reconciler.request(["binance"])
    await core.wait(1.1)
    assert core.reconciler.counts["failed_rounds"] - failed in (2, 3)


async def test_an_order_is_asked_for_once_at_a_time(core: Core) -> None:
    core.submit()
    core.binance.lose()
    core.binance.model.is_silent = True
    await core.wait(9.9)
    assert core.reconciler.counts["asked"] == 1


async def test_a_refused_change_is_resolved(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.loses_commands = True
    core.orders.amend(order, D(2), D(98))
    await core.wait(9)
    assert core.reconciler.counts["resolved"] == 1


async def test_an_accepted_order_of_which_a_command_was_lost_is_new_again(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.report(order, ExecType.UNKNOWN)
    assert state_of(order) is OrderState.UNKNOWN
    await core.wait(1)
    assert state_of(order) is OrderState.NEW


async def test_a_comparison_waits_for_orders_that_became_unknown_just_before(core: Core) -> None:
    order = core.submit()
    core.binance.lose()
    core.report(order, ExecType.UNKNOWN)
    waiting = asyncio.ensure_future(core.reconciler.reconcile("binance"))
    await idle()
    await idle()
    assert state_of(order) is OrderState.NEW
    await core.finish(waiting)


async def test_when_everything_was_proven_last_is_told_by_venue(core: Core) -> None:
    begun_ns = core.clock.now_ns()
    assert core.reconciler.proven_ns == {"binance": begun_ns, "okx": begun_ns}
    await core.wait(10)
    await core.reconcile("okx")
    assert core.reconciler.proven_ns == {"binance": begun_ns, "okx": begun_ns + 10 * S}


async def test_after_the_stop_an_unmatched_report_is_an_alarm_again() -> None:
    core = Core()
    await core.start()
    await core.reconciler.stop()
    core.binance.place("x1", "BTC/USDT", Side.BUY, D(1), D(100))
    core.binance.deliver()
    assert core.orders.counts["alarms"] == 1
    assert core.clock.next_due_ns > core.clock.now_ns() + 10**18
