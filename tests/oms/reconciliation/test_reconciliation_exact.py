"""What a reconciliation counts and tells, to the letter."""

from __future__ import annotations

import asyncio

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import OrderState, Side
from quantai.exchanges.execution import ExecType
from tests.oms.reconciliation.model import Core, idle, state_of
from tests.oms.world import PERP, D

S = NS_PER_SECOND


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
