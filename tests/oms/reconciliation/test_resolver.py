"""What becomes of orders without an answer."""

from __future__ import annotations

import pytest

from quantai.core.enums import OrderState, Side
from quantai.exchanges.execution import ExecType
from tests.oms.reconciliation.model import Core, state_of
from tests.oms.world import D


async def test_an_order_that_is_not_answered_in_time_becomes_unknown(core: Core) -> None:
    core.binance.model.is_down = True
    order = core.submit()
    await core.wait(4.9)
    assert state_of(order) is OrderState.PENDING_NEW
    await core.wait(1)
    assert state_of(order) is OrderState.UNKNOWN
    assert order.reason == "the venue did not answer in time"


async def test_an_order_whose_acceptance_was_lost_is_found_by_its_client_id(core: Core) -> None:
    order = core.submit()
    core.binance.lose()
    await core.wait(6)
    assert (order.state, order.venue_order_id, order.is_accepted) == (OrderState.NEW, "v1", True)
    assert core.mismatches == ["lost_answer"]


async def test_an_order_that_never_arrived_is_rejected_after_two_reads(core: Core) -> None:
    core.binance.loses_commands = True
    order = core.submit()
    await core.wait(6.9)
    assert state_of(order) is OrderState.UNKNOWN
    await core.wait(1.6)
    assert (order.state, order.reason) == (OrderState.REJECTED, "the venue never had it")
    assert core.mismatches == ["missing_order"]


async def test_an_order_that_arrives_between_two_reads_is_not_rejected(core: Core) -> None:
    core.binance.loses_commands = True
    order = core.submit()
    await core.wait(6)
    core.binance.place(order.client_order_id, order.symbol, order.side, order.quantity, order.price)
    core.binance.lose()
    await core.wait(5)
    assert state_of(order) is OrderState.NEW


async def test_questions_without_an_answer_prove_nothing(core: Core) -> None:
    core.binance.loses_commands = True
    order = core.submit()
    core.binance.model.is_down = True
    await core.wait(300)
    assert state_of(order) is OrderState.UNKNOWN
    assert core.reconciler.counts["unanswered"] > 10
    core.binance.model.is_down = False
    await core.wait(40)
    assert state_of(order) is OrderState.REJECTED


async def test_a_question_that_hangs_is_given_up_and_asked_again(core: Core) -> None:
    order = core.submit()
    core.binance.lose()
    core.binance.model.is_silent = True
    await core.wait(12)
    assert state_of(order) is OrderState.UNKNOWN
    core.binance.model.is_silent = False
    await core.wait(20)
    assert state_of(order) is OrderState.NEW
    assert core.reconciler.counts["unanswered"] >= 1


async def test_a_fill_that_was_lost_with_everything_else_is_booked_before_the_order_closes(core: Core) -> None:
    order = core.submit()
    core.binance.trade(core.binance.of(order), "0.4")
    core.binance.end(core.binance.of(order), OrderState.CANCELED)
    core.binance.lose()
    await core.wait(8)
    assert (order.state, order.filled_quantity) == (OrderState.CANCELED, D("0.4"))
    assert core.portfolio.position("binance", "BTC/USDT") == D("0.4")
    assert core.portfolio.balance("binance", "USDT") == core.binance.balances["USDT"]


async def test_an_order_that_the_venue_forgot_is_closed_with_what_it_traded(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "0.4")
    core.binance.lose()
    core.orders.cancel(order)
    core.binance.lose()
    core.binance.model.forgotten.add(order.client_order_id)
    await core.wait(15)
    assert (order.state, order.filled_quantity) == (OrderState.CANCELED, D("0.4"))
    assert order.reason == "the venue does not know it any more"


async def test_fills_that_the_venue_never_lists_are_inferred_once(core: Core) -> None:
    core.binance.model.hides_fills = True
    order = core.submit(price="99")
    core.binance.trade(core.binance.of(order), "1", "98")
    core.binance.lose()
    await core.wait(120)
    assert (order.state, order.filled_quantity, order.average_price) == (OrderState.FILLED, D(1), D(99))
    (name,) = order.trade_ids
    assert name.startswith("inferred-1-1-")
    assert name.endswith("-v1")
    assert core.mismatches == ["inferred_fill"]


async def test_an_order_stays_pending_cancel_and_the_cancel_is_sent_again(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.loses_commands = True
    core.orders.cancel(order)
    await core.wait(8)
    assert state_of(order) is OrderState.PENDING_CANCEL
    assert len(core.binance.cancels) >= 2
    assert len({cancel.client_order_id for cancel in core.binance.cancels}) == 1
    core.binance.loses_commands = False
    await core.wait(30)
    core.binance.deliver()
    assert state_of(order) is OrderState.CANCELED
    assert len(core.binance.orders) == 1


@pytest.mark.parametrize("is_accepted", [True, False])
async def test_a_cancel_whose_answer_was_lost_is_resolved(core: Core, is_accepted: bool) -> None:
    order = core.submit()
    core.binance.deliver() if is_accepted else core.binance.lose()
    core.orders.cancel(order)
    core.binance.lose()
    await core.wait(8)
    assert state_of(order) is OrderState.CANCELED
    assert order.reason == "told when asked"


async def test_a_change_that_arrived_is_taken_from_the_venue(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.orders.amend(order, D(2), D(98))
    core.binance.lose()
    await core.wait(8)
    assert (order.state, order.quantity, order.price) == (OrderState.NEW, D(2), D(98))


async def test_a_change_that_was_lost_is_refused_after_two_reads(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.loses_commands = True
    core.orders.amend(order, D(2), D(98))
    await core.wait(6.9)
    assert state_of(order) is OrderState.PENDING_REPLACE
    await core.wait(2)
    assert (order.state, order.quantity, order.price, order.change) == (OrderState.NEW, D(1), D(100), None)
    assert core.reconciler.report()[-1].kind == "lost_answer"


async def test_a_rejection_that_was_lost_is_told_with_its_reason(core: Core) -> None:
    order = core.submit()
    core.binance.of(order).state = OrderState.REJECTED
    core.binance.lose()
    await core.wait(8)
    assert state_of(order) is OrderState.REJECTED


async def test_the_answer_is_thrown_away_when_the_order_changed_meanwhile(core: Core) -> None:
    """The question finds it open; before the answer is here, the stream tells of a fill and the end."""
    order = core.submit()
    core.binance.lose()
    await core.wait(4.9)
    status = core.binance.status(core.binance.of(order))
    asked = core.binance.model.find_order

    async def stale(symbol: str, client_order_id: str, venue_order_id: str = "") -> object:
        core.binance.model.find_order = asked  # type: ignore[method-assign]
        await asked(symbol, client_order_id, venue_order_id)
        core.binance.trade(core.binance.of(order), "1")
        core.binance.deliver()
        return status

    core.binance.model.find_order = stale  # type: ignore[method-assign,assignment]
    await core.wait(5)
    assert (order.state, order.filled_quantity) == (OrderState.FILLED, D(1))
    assert core.orders.counts["illegal"] == 0


async def test_only_so_many_questions_are_asked_at_a_time(core: Core) -> None:
    orders = [core.submit(quantity="0.001") for _ in range(30)]
    core.binance.lose()
    await core.wait(8)
    assert {order.state for order in orders} == {OrderState.NEW}
    assert 1 < core.binance.model.most_at_once <= 4


async def test_an_order_that_waits_for_the_journal_is_not_asked_for(core: Core) -> None:
    order = core.submit()
    order.is_sent = False
    core.binance.lose()
    await core.wait(20)
    assert state_of(order) is OrderState.PENDING_NEW


async def test_nothing_is_asked_of_a_quiet_venue(core: Core) -> None:
    before = len(core.binance.model.asked)
    order = core.submit()
    core.binance.deliver()
    await core.wait(60)
    assert state_of(order) is OrderState.NEW
    assert len(core.binance.model.asked) == before


async def test_a_report_after_the_answer_changes_nothing(core: Core) -> None:
    order = core.submit(Side.BUY)
    core.binance.trade(core.binance.of(order), "1")
    await core.wait(8)
    assert state_of(order) is OrderState.FILLED
    core.binance.deliver()
    assert (order.filled_quantity, core.orders.counts["fills"], core.orders.counts["duplicates"]) == (D(1), 1, 1)
    assert core.portfolio.position("binance", "BTC/USDT") == 1
    core.report(order, ExecType.NEW, venue_order_id="v1")
    assert state_of(order) is OrderState.FILLED
