"""What is rare: venues that say odd things, commands that cannot be sent, a bus that is closed."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import OrderState, Side, TimeInForce
from quantai.exchanges.execution import CancelOrder, ExecType, VenuePosition
from quantai.oms.models import EXTERNAL
from quantai.oms.reconciliation import MismatchKind
from tests.oms.reconciliation.model import Core, idle, state_of
from tests.oms.world import INVERSE, PERP, D

S = NS_PER_SECOND


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
