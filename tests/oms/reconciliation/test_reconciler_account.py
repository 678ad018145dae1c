"""Balances and positions become what the venues say."""

from __future__ import annotations

import pytest
from msgspec import structs

from quantai.config.schema.reconciliation import ReconciliationSection
from quantai.core.enums import OrderState, Side
from quantai.events import BalanceAdjustedEvent
from quantai.oms.models import EXTERNAL
from tests.oms.reconciliation.model import Core, state_of
from tests.oms.world import PERP, D


async def test_a_balance_that_differs_twice_is_adjusted(core: Core) -> None:
    core.binance.balances |= {"USDT": D("1005.5"), "BTC": D("0.1")}
    await core.reconcile()
    adjusted = [event for event in core.events if isinstance(event, BalanceAdjustedEvent)]
    assert [(each.currency, each.before, each.after) for each in adjusted] == [
        ("BTC", D(0), D("0.1")),
        ("USDT", D(1000), D("1005.5")),
    ]
    assert core.portfolio.balance("binance", "USDT") == D("1005.5")
    assert core.mismatches == ["balance", "balance"]
    await core.reconcile()
    assert core.mismatches == ["balance", "balance"]


async def test_a_difference_that_a_fill_explains_is_no_mismatch_of_the_balance(core: Core) -> None:
    """The fill is booked at the venue after the fills were asked for, and told only after the balances were."""
    order = core.submit()
    core.binance.deliver()
    balances = core.binance.model.balances

    async def trade_then_answer() -> object:
        core.binance.model.balances = balances  # type: ignore[method-assign]
        core.binance.trade(core.binance.of(order), "1")
        return await balances()

    core.binance.model.balances = trade_then_answer  # type: ignore[method-assign,assignment]
    await core.reconcile()
    assert state_of(order) is OrderState.FILLED
    assert core.mismatches == ["missed_fill"]
    assert core.portfolio.balance("binance", "USDT") == core.binance.balances["USDT"]


async def test_a_balance_is_not_touched_while_an_order_is_in_flight(core: Core) -> None:
    core.binance.balances["USDT"] = D(900)
    core.section = ReconciliationSection(answer_timeout="1h")
    await core.reconciler.stop()
    core.restart()
    await core.start()
    core.binance.balances["USDT"] = D(800)
    order = core.submit()
    core.reconciler.request()
    await core.wait(60)
    assert state_of(order) is OrderState.PENDING_NEW
    assert core.portfolio.balance("binance", "USDT") == 900
    core.binance.deliver()
    await core.wait(60)
    assert core.portfolio.balance("binance", "USDT") == 800


async def test_dust_is_left_as_it_is() -> None:
    core = Core(section=ReconciliationSection(dust={"USDT": D(1)}))
    core.binance.balances["USDT"] = D(1001)
    core.okx.balances["USDT"] = D("1001.01")
    await core.start()
    assert core.portfolio.balance("binance", "USDT") == 1000
    assert core.portfolio.balance("okx", "USDT") == D("1001.01")
    await core.reconciler.stop()


@pytest.mark.parametrize(("theirs", "side"), [("3", Side.BUY), ("-2", Side.SELL)])
async def test_a_position_that_no_fill_explains_is_booked_to_nobody_here(core: Core, theirs: str, side: Side) -> None:
    core.okx.positions[PERP.symbol] = D(theirs)
    await core.reconcile("okx")
    assert core.portfolio.position("okx", PERP.symbol, EXTERNAL) == D(theirs)
    (order,) = core.cache.closed_orders()
    assert (order.strategy, order.state, order.side) == (EXTERNAL, OrderState.FILLED, side)
    assert (order.quantity, order.average_price) == (abs(D(theirs)), D(100))
    assert order.client_order_id.startswith("ext-okx-adjust-")
    assert core.mismatches == ["position"]
    assert core.portfolio.balance("okx", "USDT") == 1000
    await core.reconcile("okx")
    assert core.mismatches == ["position"]


async def test_a_position_that_is_gone_at_the_venue_is_closed_at_what_it_cost(core: Core) -> None:
    order = core.submit(quantity="3", price="90", instrument=PERP)
    core.okx.trade(core.okx.of(order), "3", "90", fee="0")
    core.okx.deliver()
    core.okx.positions.clear()
    await core.reconcile("okx")
    assert core.portfolio.position("okx", PERP.symbol) == 0
    assert core.portfolio.position("okx", PERP.symbol, "alpha") == 3
    assert core.reconciler.report()[0].action == "booked -3 at 90 to external"


async def test_the_same_difference_is_booked_again_when_it_comes_again(core: Core) -> None:
    for theirs in ("3", "0", "3"):
        core.okx.positions[PERP.symbol] = D(theirs)
        await core.reconcile("okx")
        assert core.portfolio.position("okx", PERP.symbol) == D(theirs)
    assert len(list(core.cache.closed_orders())) == 3


async def test_the_books_are_adjusted_under_the_same_names_by_anyone_who_finds_the_same() -> None:
    names = set[str]()
    for _ in range(2):
        core = Core()
        core.okx.positions[PERP.symbol] = D(3)
        await core.start()
        names |= {order.client_order_id for order in core.cache.closed_orders()}
        await core.reconciler.stop()
    assert len(names) == 1


async def test_two_runs_do_the_same_things_at_the_same_times() -> None:
    def story(core: Core) -> list[tuple[str, str]]:
        return [(event.reference, repr(event)) for event in core.events]

    async def run() -> list[tuple[str, str]]:
        core = Core()
        await core.start()
        core.binance.model.is_down = True
        orders = [core.submit(quantity="0.001") for _ in range(10)]
        core.binance.lose()
        await core.wait(20)
        core.binance.model.is_down = False
        await core.wait(60)
        assert {order.state for order in orders} == {OrderState.NEW}
        await core.reconciler.stop()
        return story(core)

    assert await run() == await run()


async def test_a_fill_that_names_the_venues_order_only_is_booked_to_ours_whose_acceptance_was_lost() -> None:
    core = Core()
    await core.start()
    order = core.submit(Side.BUY, "3", "100")
    core.binance.trade(core.binance.of(order), "3")
    core.binance.lose()
    core.binance.fills = [structs.replace(fill, client_order_id="") for fill in core.binance.fills]
    await core.reconcile()
    assert (order.state, order.trade_ids, order.venue_order_id) == (OrderState.FILLED, {"t1"}, "v1")
    assert core.portfolio.balance("binance", "USDT") == core.binance.balances["USDT"]
    assert not {"external_order", "inferred_fill", "balance"} & set(core.mismatches)
    await core.reconciler.stop()
