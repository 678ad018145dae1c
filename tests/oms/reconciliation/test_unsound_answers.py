"""Numbers that no order, balance or position has are told, and never put on the books."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from quantai.core.enums import OrderState, Side
from quantai.exchanges.execution import OrderStatus, VenuePosition
from quantai.oms.reconciliation.comparing import describe_order
from tests.oms.reconciliation.model import Core, Resting, state_of
from tests.oms.world import PERP, D

UNSOUND = [D("NaN"), D("sNaN"), D("Infinity"), D("1E+999999")]


@pytest.mark.parametrize("quantity", [*UNSOUND, D(-1), D(0)])
async def test_an_order_nobody_here_placed_is_left_out_and_told_of_once(core: Core, quantity: Decimal) -> None:
    core.binance.place("x1", "BTC/USDT", Side.BUY, quantity, D(100))
    core.binance.lose()
    await core.reconcile()
    await core.reconcile()
    assert core.cache.get("x1") is None
    assert core.mismatches == ["unsound_answer"]
    told = core.reconciler.report()[0]
    assert (told.venue, told.subject, told.ours) == ("binance", "x1", "not known")
    assert told.action == "left out: no order can be that"


@pytest.mark.parametrize("filled", [*UNSOUND, D(-1)])
async def test_an_unsound_answer_proves_nothing_of_an_order(core: Core, filled: Decimal) -> None:
    order = core.submit()
    core.binance.deliver()
    there = core.binance.of(order)
    status = core.binance.status

    def lying(order: Resting) -> OrderStatus:
        return structs.replace(status(order), filled_quantity=filled)

    core.binance.status = lying  # type: ignore[method-assign]
    core.reconciler.request()
    await core.wait(10)
    assert (state_of(order), order.filled_quantity) == (OrderState.NEW, D(0))
    assert core.mismatches == ["unsound_answer"]
    told = core.reconciler.report()[0]
    assert (told.subject, told.ours) == (order.client_order_id, describe_order(order))
    assert f"filled_quantity={filled!r}" in told.theirs
    assert told.action == "left as it is, and asked for again"
    assert "says numbers that no order has" in core.reconciler._rounds["binance"].unproven
    core.binance.status = status  # type: ignore[method-assign]
    core.binance.end(there, OrderState.CANCELED)
    core.binance.lose()
    await core.reconcile()
    assert state_of(order) is OrderState.CANCELED


@pytest.mark.parametrize("amount", UNSOUND)
async def test_a_balance_that_is_no_amount_leaves_ours_as_it_is(core: Core, amount: Decimal) -> None:
    core.binance.balances |= {"USDT": amount, "BTC": D("0.5")}
    await core.reconcile()
    await core.reconcile()
    assert core.portfolio.balance("binance", "USDT") == 1000
    assert core.portfolio.balance("binance", "BTC") == D("0.5")
    assert core.mismatches == ["unsound_answer", "balance"]
    told = core.reconciler.report()[0]
    assert (told.venue, told.subject, told.ours, told.theirs, told.action) == (
        "binance", "USDT", "not compared", str(amount), "left as it is",
    )  # fmt: skip


async def test_a_debt_is_a_balance(core: Core) -> None:
    core.binance.balances["USDT"] = D(-5)
    await core.reconcile()
    assert core.portfolio.balance("binance", "USDT") == -5


@pytest.mark.parametrize(("quantity", "price"), [*((number, D(100)) for number in UNSOUND), (D(1), D("NaN"))])
async def test_a_position_that_is_no_number_leaves_ours_as_it_is(core: Core, quantity: Decimal, price: Decimal) -> None:
    order = core.submit(quantity="2", instrument=PERP)
    core.okx.trade(core.okx.of(order), "2")
    core.okx.deliver()

    async def positions() -> list[VenuePosition]:
        return [VenuePosition(PERP.symbol, quantity, price)]

    core.okx.model.positions = positions  # type: ignore[method-assign]
    await core.reconcile("okx")
    assert core.portfolio.position("okx", PERP.symbol) == 2
    assert core.mismatches == ["unsound_answer"]
