"""Fills that come late: after they were inferred, or after their order ended."""

from __future__ import annotations

import pytest

from quantai.core.enums import OrderState, Side
from quantai.exchanges.execution import ExecType
from quantai.oms.models import Order
from tests.oms.reconciliation.model import Core, idle
from tests.oms.world import D


def held(core: Core) -> object:
    return core.portfolio.position("binance", "BTC/USDT")


async def inferred(core: Core, quantity: str = "1", price: str = "98") -> Order:
    """An order that traded, of which the venue lists nothing; its report is in the outbox."""
    core.binance.model.hides_fills = True
    order = core.submit(price="99", quantity="2")
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), quantity, price)
    core.reconciler.request()
    await core.wait(120)
    assert order.is_inferred
    return order


async def test_a_live_fill_after_it_was_inferred_leaves_the_position_right_and_the_cash_exact(core: Core) -> None:
    order = await inferred(core)
    core.binance.deliver()
    assert (order.filled_quantity, held(core)) == (D(1), D(1))
    await core.reconcile()
    assert (order.filled_quantity, held(core)) == (D(1), D(1))
    assert core.portfolio.balance("binance", "USDT") == core.binance.balances["USDT"]
    assert "position" not in core.mismatches


async def test_a_fill_that_is_listed_after_it_was_inferred_confirms_it_and_that_is_told(core: Core) -> None:
    order = await inferred(core)
    core.binance.lose()
    core.binance.model.hides_fills = False
    await core.reconcile()
    assert (order.filled_quantity, held(core)) == (D(1), D(1))
    assert core.orders.counts["confirmed"] == 1
    line = next(line for line in core.reconciler.report() if line.kind == "missed_fill")
    assert line.action == "1 of it were inferred before"


async def test_what_an_order_trades_after_a_fill_was_inferred_is_booked_live_and_listed(core: Core) -> None:
    order = await inferred(core)
    core.binance.lose()
    core.binance.trade(core.binance.of(order), "0.5")
    core.binance.deliver()
    assert (order.filled_quantity, held(core)) == (D("1.5"), D("1.5"))
    core.binance.trade(core.binance.of(order), "0.25")
    core.binance.lose()
    core.binance.model.hides_fills = False
    await core.reconcile()
    assert (order.filled_quantity, held(core)) == (D("1.75"), D("1.75"))


async def test_an_order_that_ends_before_its_last_fill_is_told_is_asked_for_at_once(core: Core) -> None:
    order = core.submit(quantity="2")
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "1")
    core.binance.lose()
    core.binance.cancel_by_itself(core.binance.of(order))
    core.binance.lose()
    asked = len(core.binance.model.asked)
    core.report(order, ExecType.CANCELED, filled_quantity=D(1))
    await idle()
    assert core.binance.model.asked[asked : asked + 2] == ["find_order", "fills"]
    assert (order.state, order.filled_quantity, held(core)) == (OrderState.CANCELED, D(1), D(1))
    core.binance.deliver()
    assert held(core) == 1


async def test_an_end_that_is_told_twice_makes_it_ask_once(core: Core) -> None:
    order = core.submit(quantity="2")
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "1")
    core.binance.end(core.binance.of(order), OrderState.CANCELED)
    core.binance.lose()
    asked = core.reconciler.counts["asked"]
    for _ in range(2):
        core.report(order, ExecType.CANCELED, filled_quantity=D(1))
    await idle()
    assert core.reconciler.counts["asked"] == asked + 1


async def test_a_fill_that_was_on_its_way_is_booked_once_though_it_is_fetched_too(core: Core) -> None:
    order = core.submit(quantity="2")
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "1")
    core.report(order, ExecType.EXPIRED, filled_quantity=D(1))
    core.binance.deliver()
    await core.wait(30)
    assert (order.filled_quantity, held(core)) == (D(1), D(1))


@pytest.mark.parametrize("filled", [None, D(1), D("0.5"), D("NaN"), D("Infinity")])
async def test_nothing_is_asked_where_no_more_has_traded_than_is_booked(core: Core, filled: object) -> None:
    order = core.submit(quantity="2")
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "1")
    core.binance.deliver()
    asked = len(core.binance.model.asked)
    core.report(order, ExecType.CANCELED, filled_quantity=filled)
    await idle()
    assert core.binance.model.asked[asked:] == []


async def test_an_acceptance_that_tells_of_fills_makes_it_ask_for_them(core: Core) -> None:
    order = core.submit(quantity="2")
    core.binance.trade(core.binance.of(order), "1")
    core.binance.lose()
    core.report(order, ExecType.NEW, venue_order_id="v1", filled_quantity=D(1))
    await idle()
    assert (order.filled_quantity, held(core)) == (D(1), D(1))


async def test_an_order_whose_cancel_was_refused_is_asked_for_while_it_is_open_here(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "1")
    core.binance.lose()
    core.orders.cancel(order)
    core.binance.deliver()
    await core.wait(1)
    assert (order.state, order.filled_quantity) == (OrderState.FILLED, D(1))


async def test_a_cancel_that_was_refused_of_an_order_that_is_closed_is_nothing(core: Core) -> None:
    order = core.submit()
    core.binance.trade(core.binance.of(order), "1")
    core.orders.cancel(order)
    asked = len(core.binance.model.asked)
    core.binance.deliver()
    await idle()
    assert (order.state, core.binance.model.asked[asked:]) == (OrderState.FILLED, [])


async def test_nothing_is_asked_after_the_stop() -> None:
    core = Core()
    await core.start()
    order = core.submit()
    await core.reconciler.stop()
    asked = len(core.binance.model.asked)
    core.report(order, ExecType.CANCELED, filled_quantity=D(1))
    await idle()
    assert core.binance.model.asked[asked:] == []


async def test_a_change_that_the_answers_own_acceptance_began_is_not_settled_by_it(core: Core) -> None:
    order = core.submit(Side.BUY, "2", "99")
    core.binance.lose()
    core.subscribe("order.accepted.*", lambda event: core.orders.amend(order, D(3)))
    core.binance.loses_commands = True
    await core.wait(6)
    assert (order.state, order.change is not None, order.quantity) == (OrderState.PENDING_REPLACE, True, D(2))


async def test_an_order_that_is_asked_for_is_not_forgotten_before_it_is_answered(core: Core) -> None:
    core.cache._max_closed = 0
    order = core.submit(quantity="2")
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "1")
    core.binance.end(core.binance.of(order), OrderState.CANCELED)
    core.binance.lose()
    core.report(order, ExecType.CANCELED, filled_quantity=D(1))
    core.report(core.submit(), ExecType.REJECTED)
    assert core.cache.get(order.client_order_id) is order
    await core.wait(30)
    assert (order.state, order.filled_quantity, held(core)) == (OrderState.CANCELED, D(1), D(1))
    core.report(core.submit(), ExecType.REJECTED)
    assert core.cache.get(order.client_order_id) is None


async def test_what_is_asked_for_at_the_stop_may_be_forgotten_after_it() -> None:
    core = Core()
    await core.start()
    core.cache._max_closed = 0
    order = core.submit()
    core.report(order, ExecType.CANCELED, filled_quantity=D(1))
    await core.reconciler.stop()
    core.report(core.submit(), ExecType.REJECTED)
    assert core.cache.get(order.client_order_id) is None
