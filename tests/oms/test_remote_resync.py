"""What strategies in another daemon missed, before they began and while events were lost, is made good."""

from __future__ import annotations

import pytest

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import OrderState
from quantai.core.errors import StartupError
from quantai.events import StartedEvent
from quantai.exchanges.execution import ExecType
from quantai.oms import gateway
from tests.oms.remote_world import Here, There
from tests.oms.world import SPOT, D


@pytest.fixture
def there() -> There:
    return There()


@pytest.fixture
async def here(there: There) -> Here:
    return await Here(there).start()


async def test_a_restarted_daemon_knows_its_orders_positions_and_balances(there: There) -> None:
    before = await Here(there).start()
    filled, resting = before.submit(quantity="2"), before.submit(quantity="5", price="90")
    before.exchange()
    there.world.report(there.order(resting), ExecType.NEW, venue_order_id="v9")
    there.world.fill(there.order(filled), "2", "100")
    there.world.fill(there.order(resting), "1", "90", trade_id="7")
    after = await Here(there, session=2).start()
    [order] = after.orders.open_orders("alpha")
    assert order.client_order_id == resting.client_order_id
    assert (order.state, order.filled_quantity, order.venue_order_id) == (OrderState.PARTIALLY_FILLED, D(1), "v9")
    assert after.portfolio.position(SPOT.venue, SPOT.symbol, "alpha") == 3
    assert after.portfolio.balances() == there.world.portfolio.balances()
    assert after.orders.execution == "simulated"
    there.world.fill(there.order(resting), "4", "90", trade_id="8")
    after.exchange()
    assert order.state == "FILLED"
    assert after.portfolio.position(SPOT.venue, SPOT.symbol, "alpha") == 7
    made = dict(after.portfolio.positions())["alpha", SPOT.venue, SPOT.symbol]
    assert made.cost == dict(there.world.portfolio.positions())["alpha", SPOT.venue, SPOT.symbol].cost


async def test_a_restarted_daemon_can_cancel_what_it_finds(there: There) -> None:
    order = there.world.submit()
    here = await Here(there).start()
    [found] = here.orders.open_orders()
    here.orders.cancel(found)
    here.exchange()
    assert found.client_order_id == order.client_order_id
    assert order.state == "PENDING_CANCEL"


async def test_fills_that_were_missed_are_made_good_by_a_gap(here: Here, there: There) -> None:
    order = here.submit(quantity="5")
    here.exchange()
    there.world.fill(there.order(order), "2", trade_id="1")
    here.lose_answers()
    here.exchange()
    here.pass_time(2)
    assert here.portfolio.position(SPOT.venue, SPOT.symbol, "alpha") == 2
    assert order.filled_quantity == 2
    there.world.fill(there.order(order), "3", trade_id="2")
    here.exchange()
    assert order.state == "FILLED"
    assert here.portfolio.position(SPOT.venue, SPOT.symbol, "alpha") == 5


async def test_fills_that_were_missed_show_in_the_next_one(here: Here, there: There) -> None:
    order = here.submit(quantity="5")
    here.exchange()
    there.world.fill(there.order(order), "2", trade_id="1")
    here.back.drop()
    there.world.fill(there.order(order), "3", trade_id="2")
    here.pass_time(2)
    assert order.filled_quantity == 5
    assert here.portfolio.balances() == there.world.portfolio.balances()


async def test_an_order_that_closed_unheard_is_found_closed_with_its_fills(here: Here, there: There) -> None:
    order = here.submit(quantity="5")
    here.exchange()
    there.world.fill(there.order(order), "5")
    here.lose_answers()
    here.pass_time(3)
    assert (order.state, order.filled_quantity, order.average_price) == (OrderState.FILLED, D(5), D(100))
    assert here.portfolio.position(SPOT.venue, SPOT.symbol, "alpha") == 5


async def test_fills_of_other_daemons_move_the_balances(here: Here, there: There) -> None:
    others = there.world.submit(strategy="beta")
    there.world.fill(others, "1")
    here.exchange()
    assert here.portfolio.balances() == there.world.portfolio.balances()
    assert here.portfolio.position(SPOT.venue, SPOT.symbol, "alpha") == 0
    assert here.orders.open_orders() == []


async def test_an_execution_daemon_that_began_anew_is_asked_for_everything(here: Here, there: There) -> None:
    resyncs = here.orders.counts["resyncs"]
    now_ns = here.clock.now_ns()
    there.world.bus.post(StartedEvent(gateway.COMPONENT, now_ns, now_ns))
    here.pass_time(2)
    assert here.orders.counts["resyncs"] == resyncs + 1


async def test_without_an_answer_it_does_not_start(there: There) -> None:
    with pytest.raises(
        StartupError, match=r"no execution daemon answered within 0.001 s: is one running, with gateway"
    ):
        await Here(there).orders.start(NS_PER_SECOND // 1_000)


async def test_a_cancel_that_was_lost_survives_a_whole_answer(here: Here, there: There) -> None:
    order = here.submit()
    here.exchange()
    there.world.report(there.order(order), ExecType.NEW)
    here.lose_answers()
    here.orders.cancel(order)
    here.out.drop()
    here.pass_time(2)
    assert order.state == "PENDING_CANCEL"
    here.pass_time(7)
    assert there.order(order).state == "PENDING_CANCEL"


async def test_an_order_that_a_new_execution_daemon_does_not_know_is_not_carried_out_again(
    here: Here, there: There
) -> None:
    order = here.submit()
    here.exchange()
    there.world.cache._open.clear()  # as that of a daemon that was killed and is back at once
    now_ns = here.clock.now_ns()
    there.world.bus.post(StartedEvent(gateway.COMPONENT, now_ns, now_ns))
    here.pass_time(10)
    assert order.state == "DENIED"
    assert there.venue_ids == [order.client_order_id]
