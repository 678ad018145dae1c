"""The books become what the venues say: at start, after reconnects, when nobody can explain a report."""

from __future__ import annotations

import asyncio

import pytest

from quantai.config.schema.reconciliation import ReconciliationSection
from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import OrderState, Side
from quantai.core.errors import StartupError
from quantai.exchanges.execution import ExecType, ExecutionReport
from quantai.oms.models import EXTERNAL
from tests.oms.reconciliation.model import Core, state_of
from tests.oms.world import D, World

# Start


async def test_a_start_where_everything_agrees_changes_nothing(core: Core) -> None:
    assert core.mismatches == []
    assert core.binance.model.asked == ["fills", "open_orders", "positions", "balances"]
    assert core.reconciler.counts["rounds"] == 2


async def test_venues_that_cannot_be_asked_are_left_out() -> None:
    core = Core()
    for venue in (core.binance, core.okx):
        venue.account = None
    core.restart()
    await core.reconciler.start()
    await core.reconciler.reconcile("binance")
    core.reconciler.request()
    assert core.clock.next_due_ns > core.clock.now_ns() + 10**18
    core.binance.sink(ExecutionReport(exec_type=ExecType.NEW, client_order_id="x", ts_event=1))
    assert core.orders.counts["alarms"] == 1
    await core.reconciler.stop()


async def test_nothing_is_asked_where_it_is_switched_off() -> None:
    core = Core(section=ReconciliationSection(enabled=False))
    await core.reconciler.start()
    assert core.binance.model.asked == []


async def test_a_start_fails_and_says_why_where_a_venue_does_not_answer() -> None:
    core = Core()
    core.okx.model.is_down = True
    with pytest.raises(StartupError) as error:
        await core.start()
    assert str(error.value) == ("not reconciled within 25s (reconciliation.start_timeout): okx: the model is down")
    assert core.clock.now_ns() == World().clock.now_ns() + 25 * NS_PER_SECOND
    await core.reconciler.stop()


async def test_a_start_without_proof_can_be_allowed_and_goes_on_in_the_background() -> None:
    core = Core(section=ReconciliationSection(may_start_unproven=True))
    core.okx.model.is_silent = True
    await core.start()
    assert core.mismatches == ["unproven_start"]
    core.okx.model.is_silent = False
    core.okx.balances["USDT"] = D(900)
    await core.wait(60)
    assert core.portfolio.balance("okx", "USDT") == 900
    await core.reconciler.stop()


async def test_a_start_waits_for_orders_that_an_earlier_run_left_without_an_answer() -> None:
    core = Core()
    order = core.submit()
    lost = core.submit()
    core.binance.orders.pop()
    core.binance.lose()
    core.restart()
    core.orders.recover([order, lost])
    await core.start()
    assert (order.state, lost.state) == (OrderState.NEW, OrderState.REJECTED)
    assert core.clock.now_ns() >= World().clock.now_ns() + 7 * NS_PER_SECOND
    await core.reconciler.stop()


async def test_a_failed_start_names_the_orders_that_are_not_proven() -> None:
    core = Core()
    order = core.submit()
    core.binance.lose()
    core.restart()

    async def fail(*names: str) -> None:
        raise RuntimeError("boom")

    core.binance.model.find_order = fail  # type: ignore[method-assign,assignment]
    with pytest.raises(StartupError, match=f"binance: order {order.client_order_id} is UNKNOWN .*RuntimeError: boom"):
        await core.start()
    await core.reconciler.stop()


# Orders and fills


async def test_an_order_that_is_gone_at_the_venue_is_closed_with_its_fills(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "0.3")
    core.binance.end(core.binance.of(order), OrderState.CANCELED)
    core.binance.lose()
    await core.reconcile()
    assert (order.state, order.filled_quantity) == (OrderState.CANCELED, D("0.3"))
    assert core.mismatches == ["missed_fill", "order"]


async def test_an_order_that_the_venue_changed_by_itself_is_taken_over(core: Core) -> None:
    order = core.submit(quantity="2")
    core.binance.deliver()
    core.binance.of(order).quantity = D(1)
    await core.reconcile()
    assert (order.state, order.quantity) == (OrderState.NEW, D(1))
    assert core.reconciler.report()[0].ours == "NEW 0 of 2 at 100"
    assert core.reconciler.report()[0].theirs == "NEW 0 of 1 at 100"


async def test_an_order_that_is_closed_here_and_open_there_is_opened_again_after_two_reads(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.report(order, ExecType.CANCELED)
    asked_ns = core.clock.now_ns()
    await core.reconcile()
    assert state_of(order) is OrderState.NEW
    assert core.clock.now_ns() >= asked_ns + 2 * NS_PER_SECOND
    assert core.mismatches == ["reopened_order"]


async def test_an_order_nobody_here_placed_is_adopted_with_its_fills(core: Core) -> None:
    stranger = core.binance.place("", "BTC/USDT", Side.BUY, D(2), D(100))
    core.binance.trade(stranger, "0.5")
    core.binance.lose()
    await core.reconcile()
    order = core.cache.get("ext-binance-v1")
    assert order is not None
    assert (order.strategy, order.state, order.filled_quantity) == (EXTERNAL, OrderState.PARTIALLY_FILLED, D("0.5"))
    assert core.portfolio.position("binance", "BTC/USDT", EXTERNAL) == D("0.5")
    assert core.portfolio.balance("binance", "USDT") == core.binance.balances["USDT"]
    before = len(core.events)
    await core.reconcile()
    assert len(core.events) == before


async def test_an_order_adopted_by_the_venues_name_is_asked_for_by_that_name(core: Core) -> None:
    stranger = core.binance.place("", "BTC/USDT", Side.BUY, D(2), D(100))
    core.binance.lose()
    await core.reconcile()
    core.binance.end(stranger, OrderState.CANCELED)
    core.binance.lose()
    await core.reconcile()
    order = core.cache.get("ext-binance-v1")
    assert order is not None
    assert state_of(order) is OrderState.CANCELED


async def test_a_fill_of_an_order_that_the_venue_forgot_is_booked_to_nobody_here(core: Core) -> None:
    stranger = core.binance.place("x1", "BTC/USDT", Side.SELL, D(2), D(100))
    core.binance.trade(stranger, "0.5")
    core.binance.trade(stranger, "0.25")
    core.binance.end(stranger, OrderState.CANCELED)
    core.binance.model.forgotten.add("x1")
    core.binance.lose()
    await core.reconcile()
    order = core.cache.get("x1")
    assert order is not None
    assert (order.state, order.quantity) == (OrderState.FILLED, D("0.75"))
    assert core.portfolio.position("binance", "BTC/USDT") == D("-0.75")


async def test_a_report_nobody_can_explain_makes_it_ask_once_the_venue_has_settled(core: Core) -> None:
    stranger = core.binance.place("x1", "BTC/USDT", Side.BUY, D(2), D(100))
    core.binance.trade(stranger, "1")
    asked = len(core.binance.model.asked)
    core.binance.deliver()
    await core.wait(1.9)
    assert core.binance.model.asked[asked:] == []
    await core.wait(0.2)
    assert core.binance.model.asked[asked:] == ["fills", "find_order", "open_orders"]
    assert core.portfolio.position("binance", "BTC/USDT", EXTERNAL) == 1
    assert core.orders.counts["alarms"] == 0


async def test_what_is_not_configured_is_told_of_once(core: Core) -> None:
    core.binance.orders.append(core.okx.place("x1", "DOGE/USDT", Side.BUY, D(2), D(1)))
    core.okx.orders.clear()
    core.okx.deliver()
    await core.reconcile()
    await core.reconcile()
    assert core.mismatches == ["unconfigured_instrument", "unconfigured_instrument"]
    assert {line.venue for line in core.reconciler.report()} == {"binance", "okx"}
    assert core.cache.get("x1") is None


async def test_after_a_reconnect_everything_is_compared(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.connection(False)
    core.binance.trade(core.binance.of(order), "1")
    core.binance.lose()
    await core.wait(1)
    assert state_of(order) is OrderState.NEW
    core.binance.connection(True)
    await core.wait(1)
    assert state_of(order) is OrderState.FILLED


async def test_a_round_that_fails_is_run_again(core: Core) -> None:
    core.binance.balances["USDT"] = D(900)
    core.binance.model.is_down = True
    core.reconciler.request(["binance", "nowhere"])
    await core.wait(3)
    assert core.reconciler.counts["failed_rounds"] >= 1
    core.binance.model.is_down = False
    await core.wait(30)
    assert core.portfolio.balance("binance", "USDT") == 900


async def test_rounds_that_are_wanted_while_one_runs_are_one(core: Core) -> None:
    asked = len(core.binance.model.asked)
    for _ in range(10):
        core.reconciler.request(["binance"])
    await core.wait(1)
    assert len(core.binance.model.asked) == asked + 4
    assert core.okx.model.asked.count("fills") == 1


async def test_who_waits_when_it_stops_is_let_go(core: Core) -> None:
    core.binance.model.is_silent = True
    waiting = asyncio.ensure_future(core.reconciler.reconcile("binance"))
    await core.wait(1)
    await core.reconciler.stop()
    with pytest.raises(asyncio.CancelledError):
        await waiting
