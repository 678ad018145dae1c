"""Flattening: never doubled, never assumed, always told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal

import pytest

from quantai.core.enums import OrderState, OrderType, Side, TradingState
from quantai.core.errors import OrderError
from quantai.exchanges.execution import ExecType
from quantai.oms.models import EXTERNAL
from quantai.ops.control.views import FlattenReport
from tests.oms.world import BTC, INVERSE, PERP, SPOT, request
from tests.ops.control.world import WHO, Controlled, settle

D = Decimal


@pytest.fixture
def world() -> Controlled:
    return Controlled()


def flatten(world: Controlled, strategy: str | None = None, symbol: str | None = None) -> asyncio.Task[FlattenReport]:
    return asyncio.create_task(world.control.flatten(strategy, symbol, "", WHO))


async def test_what_is_open_is_cancelled_before_a_position_is_closed(world: Controlled) -> None:
    world.traded(Side.BUY, "2")
    resting = world.accepted(side=Side.BUY, quantity="1", price="90")
    flattening = flatten(world)
    await settle()
    assert world.states.of("alpha")[0] is TradingState.HALTED
    assert resting.state is OrderState.PENDING_CANCEL
    assert world.orders.open_orders() == [resting]
    world.confirm_cancels()
    await settle()
    closing = world.newest()
    assert (closing.side, closing.order_type, closing.quantity) == (Side.SELL, OrderType.MARKET, D(2))
    assert (closing.strategy, closing.reduce_only, closing.cause) == ("alpha", False, f"flatten, by {WHO}")
    world.fill(closing, "2")
    report = await flattening
    assert report.is_flat
    assert report.canceled == (resting.client_order_id,)
    [line] = report.lines
    assert (line.before, line.after, line.orders, line.problem) == (D(2), D(0), (closing.client_order_id,), "")


async def test_nothing_open_and_nothing_held_is_flat_at_once(world: Controlled) -> None:
    report = await world.control.flatten(None, None, "", WHO)
    assert report.is_flat
    assert (report.lines, report.canceled, report.left_open) == ((), (), ())
    assert not world.flattener.is_running


async def test_a_short_position_is_bought_back_and_reduces_only(world: Controlled) -> None:
    world.traded(Side.SELL, "3", instrument=PERP)
    flattening = flatten(world, "alpha")
    await settle()
    closing = world.newest()
    assert (closing.side, closing.quantity, closing.reduce_only) == (Side.BUY, D(3), True)
    world.fill(closing, "3")
    assert (await flattening).is_flat


async def test_what_the_account_does_not_hold_in_all_is_not_marked_as_reducing(world: Controlled) -> None:
    """The venue sees 1 long in all, and would refuse to «reduce» it by 3, or a buy of 2."""
    world.traded(Side.BUY, "3", instrument=PERP, strategy="alpha")
    world.traded(Side.SELL, "2", instrument=PERP, strategy="beta")
    flattening = flatten(world)
    await settle()
    sell, buy = world.orders.open_orders()
    assert (sell.strategy, sell.quantity, sell.reduce_only) == ("alpha", D(3), False)
    assert (buy.strategy, buy.quantity, buy.reduce_only) == ("beta", D(2), False)
    world.fill(sell, "3", trade_id="a")
    world.fill(buy, "2", trade_id="b")
    assert (await flattening).is_flat


async def test_only_the_strategy_and_the_symbol_that_were_named_are_touched(world: Controlled) -> None:
    world.traded(Side.BUY, "1", strategy="alpha")
    world.traded(Side.BUY, "1", strategy="alpha", instrument=PERP)
    world.traded(Side.BUY, "1", strategy="beta")
    other = world.accepted(strategy="beta", side=Side.BUY, price="90")
    flattening = flatten(world, "alpha", SPOT.symbol)
    await settle()
    closing = world.newest()
    assert (closing.strategy, closing.symbol) == ("alpha", SPOT.symbol)
    assert other.state is OrderState.NEW
    assert world.states.of("beta")[0] is TradingState.ACTIVE
    world.fill(closing, "1")
    report = await flattening
    assert report.is_flat
    assert [line.strategy for line in report.lines] == ["alpha"]


async def test_positions_that_nobody_here_made_are_closed_with_everything(world: Controlled) -> None:
    world.traded(Side.BUY, "1", strategy=EXTERNAL)
    flattening = flatten(world)
    await settle()
    assert world.newest().strategy == EXTERNAL
    world.fill(world.newest(), "1")
    assert (await flattening).is_flat


async def test_who_asks_twice_gets_the_same_report_and_no_second_order(world: Controlled) -> None:
    world.traded(Side.BUY, "1")
    first, second = flatten(world), flatten(world)
    await settle()
    third = flatten(world)
    await settle()
    assert len(world.orders.open_orders()) == 1
    world.fill(world.newest(), "1")
    assert await first is await second
    assert await first is await third


async def test_a_wider_flatten_does_not_double_or_cancel_what_a_narrower_one_sent(world: Controlled) -> None:
    world.traded(Side.BUY, "1")
    narrow = flatten(world, "alpha")
    await settle()
    closing = world.newest()
    wide = flatten(world)
    await settle()
    assert world.orders.open_orders() == [closing]
    assert closing.state is OrderState.PENDING_CANCEL  # the halt of all cancels all that is open: it may trade yet
    world.fill(closing, "1")
    assert (await narrow).is_flat
    assert (await wide).is_flat


async def test_it_goes_on_when_whoever_asked_is_gone(world: Controlled) -> None:
    world.traded(Side.BUY, "1")
    asking = flatten(world)
    await settle()
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    assert world.flattener.is_running
    world.fill(world.newest(), "1")
    await settle()
    assert not world.flattener.is_running


async def test_a_part_that_came_back_is_sent_again_only_when_it_is_closed(world: Controlled) -> None:
    world.traded(Side.BUY, "3")
    flattening = flatten(world)
    await settle()
    first = world.newest()
    world.fill(first, "1")
    await settle()
    assert world.orders.open_orders() == [first]
    world.report(first, ExecType.EXPIRED)
    await settle()
    second = world.newest()
    assert second.quantity == D(2)
    world.fill(second, "2", trade_id="2")
    report = await flattening
    assert report.is_flat
    assert report.lines[0].orders == (first.client_order_id, second.client_order_id)


async def test_an_order_that_did_nothing_is_not_tried_again(world: Controlled) -> None:
    world.traded(Side.BUY, "1")
    flattening = flatten(world)
    await settle()
    closing = world.newest()
    world.report(closing, ExecType.REJECTED, reason="no margin")
    report = await flattening
    assert not report.is_flat
    assert report.lines[0].problem == f"{closing.client_order_id} is REJECTED: no margin"
    assert len(world.venues["binance"].submitted) == 2


async def test_a_closing_order_of_unknown_outcome_is_told_and_never_sent_twice(world: Controlled) -> None:
    world.traded(Side.BUY, "1")
    flattening = flatten(world)
    await settle()
    closing = world.newest()
    world.report(closing, ExecType.UNKNOWN, reason="no answer")
    await settle()
    world.pass_time(59)
    await settle()
    assert not flattening.done()
    world.pass_time(1)
    report = await flattening
    assert not report.is_flat
    assert "UNKNOWN: it may still trade, nothing is sent a second time" in report.lines[0].problem
    assert [order.client_order_id for order in report.left_open] == [closing.client_order_id]
    assert len(world.venues["binance"].submitted) == 2


async def test_asked_again_after_that_it_waits_for_the_order_and_sends_nothing(world: Controlled) -> None:
    world.traded(Side.BUY, "1")
    first = flatten(world)
    await settle()
    closing = world.newest()
    world.report(closing, ExecType.UNKNOWN)
    world.pass_time(60)
    await first
    second = flatten(world)
    await settle()
    world.pass_time(60)
    report = await second
    assert len(world.venues["binance"].submitted) == 2
    assert not report.is_flat
    assert "may still trade as much: nothing is sent a second time" in report.lines[0].problem


async def test_a_cancel_without_an_answer_holds_closing_up_for_a_while_only(world: Controlled) -> None:
    world.traded(Side.BUY, "2")
    resting = world.accepted(side=Side.BUY, price="90")
    flattening = flatten(world)
    await settle()
    world.pass_time(9)
    await settle()
    assert world.orders.open_orders() == [resting]
    world.pass_time(1)
    await settle()
    closing = world.newest()
    assert (closing.side, closing.quantity) == (Side.SELL, D(2))
    world.fill(closing, "2")
    await settle()
    assert not flattening.done()
    world.pass_time(50)
    report = await flattening
    assert not report.is_flat
    assert report.lines[0].after == 0
    assert [order.client_order_id for order in report.left_open] == [resting.client_order_id]


async def test_what_may_still_trade_on_the_closing_side_is_taken_off(world: Controlled) -> None:
    world.traded(Side.BUY, "5")
    resting = world.accepted(side=Side.SELL, quantity="2", price="110")
    flattening = flatten(world)
    await settle()
    world.pass_time(10)
    await settle()
    closing = world.newest()
    assert closing.quantity == D(3)
    world.fill(closing, "3")
    await settle()
    assert world.orders.open_orders() == [resting]
    world.report(resting, ExecType.CANCELED)
    await settle()
    last = world.newest()
    assert last.quantity == D(2)
    world.fill(last, "2", trade_id="9")
    assert (await flattening).is_flat


async def test_a_fill_that_comes_with_the_cancel_is_closed_too(world: Controlled) -> None:
    resting = world.accepted(side=Side.BUY, quantity="2", price="90")
    flattening = flatten(world)
    await settle()
    world.fill(resting, "1", price="90")
    world.report(resting, ExecType.CANCELED)
    await settle()
    assert world.newest().quantity == D(1)
    world.fill(world.newest(), "1")
    assert (await flattening).is_flat


async def test_a_refused_cancel_is_asked_for_three_times(world: Controlled) -> None:
    resting = world.accepted(side=Side.BUY, price="90")
    flattening = flatten(world)
    await settle()
    for _ in range(6):
        world.report(resting, ExecType.CANCEL_REJECTED, reason="busy")
        await settle()
    assert len(world.venues["binance"].cancels) == 4  # the halt's, and three
    world.pass_time(60)
    report = await flattening
    assert not report.is_flat
    assert report.canceled == ()


async def test_fees_that_were_taken_out_of_a_purchase_leave_dust_that_is_told(world: Controlled) -> None:
    bought = world.submit(Side.BUY, "1", None)
    world.report(bought, ExecType.TRADE, trade_id="1", quantity=D(1), price=D(100), fee=D("0.0015"), fee_currency="BTC")
    flattening = flatten(world)
    await settle()
    closing = world.newest()
    assert closing.quantity == D("0.998")
    world.fill(closing, "0.998")
    report = await flattening
    assert not report.is_flat
    assert report.lines[0].after == D("0.0005")
    assert report.lines[0].problem == "too little to close: the lot is 0.001, and 0.0005 BTC is held at binance"


async def test_two_strategies_do_not_sell_the_same_coin_twice(world: Controlled) -> None:
    for strategy in ("alpha", "beta"):
        bought = world.submit(Side.BUY, "1", None, strategy=strategy)
        world.report(
            bought, ExecType.TRADE, trade_id=strategy, quantity=D(1), price=D(100), fee=D("0.1"), fee_currency="BTC"
        )
    flattening = flatten(world)
    await settle()
    assert [order.quantity for order in world.orders.open_orders()] == [D("0.9"), D("0.9")]
    for order in world.orders.open_orders():
        world.fill(order, str(order.quantity), trade_id=order.strategy)
    report = await flattening
    assert [line.after for line in report.lines] == [D(0), D(0)]


async def test_a_coin_at_one_venue_is_not_held_up_by_a_cancel_at_another(world: Controlled) -> None:
    world.traded(Side.BUY, "1", instrument=BTC)
    world.accepted(side=Side.BUY, price="90", instrument=SPOT)
    flattening = flatten(world)
    await settle()
    assert world.newest().venue == BTC.venue
    world.fill(world.newest(), "1")
    world.confirm_cancels()
    assert (await flattening).is_flat


async def test_what_becomes_open_meanwhile_is_cancelled_too(world: Controlled) -> None:
    world.traded(Side.BUY, "1", instrument=INVERSE)
    flattening = flatten(world)
    await settle()
    closing = world.newest()
    late = world.accepted(side=Side.SELL, quantity="1", price="110", instrument=INVERSE)
    await settle()
    assert late.state is OrderState.PENDING_CANCEL
    world.fill(closing, "1")
    world.confirm_cancels()
    report = await flattening
    assert report.is_flat
    assert report.canceled == (late.client_order_id,)


async def test_orders_that_are_kept_here_are_cancelled(world: Controlled) -> None:
    kept = world.orders.suspend(request(Side.SELL, "1", "90"))
    report = await world.control.flatten("alpha", None, "", WHO)
    assert kept.state is OrderState.CANCELED
    assert report.is_flat
    assert report.canceled == (kept.client_order_id,)


async def test_trading_is_not_resumed_while_positions_are_flattened(world: Controlled) -> None:
    world.traded(Side.BUY, "1")
    flattening = flatten(world)
    await settle()
    with pytest.raises(OrderError, match="being flattened"):
        await world.control.set_state(TradingState.ACTIVE, None, "", WHO)
    world.fill(world.newest(), "1")
    await flattening
    assert (await world.control.set_state(TradingState.ACTIVE, None, "", WHO)).states == ()


async def test_a_name_nobody_has_is_refused_before_anything_is_done(world: Controlled) -> None:
    world.traded(Side.BUY, "1")
    with pytest.raises(OrderError, match="no strategy 'alfa' runs here; did you mean 'alpha'"):
        await world.control.flatten("alfa", None, "", WHO)
    with pytest.raises(OrderError, match="nothing is held or open of 'BTC/USD'; did you mean"):
        await world.control.flatten(None, "BTC/USD", "", WHO)
    assert world.states.all() == {}


async def test_a_daemon_that_stops_leaves_off_and_says_so(world: Controlled, caplog: pytest.LogCaptureFixture) -> None:
    world.traded(Side.BUY, "1")
    flattening = flatten(world)
    await settle()
    await world.flattener.stop()
    assert not world.flattener.is_running
    assert "look at what is open" in caplog.text
    with pytest.raises(asyncio.CancelledError):
        await flattening


async def test_a_failure_is_told_to_whoever_asked_and_logged(
    world: Controlled, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.traded(Side.BUY, "1")
    monkeypatch.setattr(world.orders, "submit", _fail)
    with pytest.raises(ZeroDivisionError):
        await world.control.flatten(None, None, "", WHO)
    assert "flattening" in caplog.text
    assert world.states.of("alpha")[0] is TradingState.HALTED


def _fail(*_: object) -> Iterator[None]:
    raise ZeroDivisionError


async def test_large_positions_are_closed_in_pieces_that_the_venue_takes(world: Controlled) -> None:
    limited = type(SPOT)(
        venue="binance", symbol="BTC/USDT", tick_size=D("0.01"), lot_size=D("0.001"), max_quantity=D(2)
    )
    world.catalogue.add(limited)
    world.traded(Side.BUY, "5", instrument=limited)
    flattening = flatten(world)
    for expected in (D(2), D(2), D(1)):
        await settle()
        assert world.newest().quantity == expected
        world.fill(world.newest(), str(expected), trade_id=world.newest().client_order_id)
    assert (await flattening).is_flat
