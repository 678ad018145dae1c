"""What happens to stops and brackets between a crash and the start: while the account is reconciled nobody listens."""

from __future__ import annotations

import copy

import pytest

from quantai.core.enums import OrderState
from quantai.events import ErrorEvent
from quantai.exchanges.execution import ExecType
from quantai.oms.models import Order
from tests.oms.contingent.world import Bench, D, filled, states
from tests.oms.world import SPOT, request, tick


async def begun() -> Bench:
    """A first run, whose ids are others than those of the second."""
    world = Bench()
    for _ in range(20):
        world.orders.deny(request(), "", "NO", "")
    return await world.start()


async def reborn(world: Bench) -> Bench:
    """A new process that knows the orders, and has not started contingent orders yet."""
    again = Bench(tag="d")
    known = (*world.cache.open_orders(), *world.cache.closed_orders())
    left = [copy.copy(order) for order in known if order.state is not OrderState.DENIED]
    for order in left:
        order.trade_ids = set(order.trade_ids)
    again.orders.recover(sorted(left, key=lambda order: order.client_order_id))
    return again


def of(world: Bench, order: Order) -> Order:
    found = world.cache.get(order.client_order_id)
    assert found is not None
    return found


def alarms(world: Bench) -> list[str]:
    return [event.message for event in world.events if isinstance(event, ErrorEvent)]


@pytest.mark.parametrize("end", [ExecType.REJECTED, ExecType.EXPIRED, ExecType.CANCELED])
async def test_a_stop_that_turns_out_not_to_have_been_carried_out_raises_the_alarm(end: ExecType) -> None:
    world = await begun()
    stop = await world.stop()
    await world.quote_at(80)
    again = await reborn(world)
    await again.say(of(again, stop), end, reason="the venue never had it")
    assert alarms(again) == []
    await again.start()
    [message] = alarms(again)
    assert message == (
        f"stop {stop.client_order_id} of alpha is {of(again, stop).state} (the venue never had it): 1 of "
        "binance:BTC/USDT is not protected"
    )


async def test_a_stop_that_did_its_work_or_was_cancelled_here_raises_no_alarm() -> None:
    world = await begun()
    first, second, third = await world.stop(), await world.stop(), await world.stop(trigger="50")
    await world.quote_at(80)
    world.orders.cancel(second)
    again = await reborn(world)
    await again.trade(of(again, first), 1)
    await again.say(of(again, second), ExecType.CANCELED)
    again.orders.cancel(of(again, third))
    await again.start()
    assert alarms(again) == []


async def test_a_cancel_of_the_run_before_excuses_an_end_in_this_one() -> None:
    world = await begun()
    stop = await world.stop()
    await world.quote_at(80)
    world.orders.cancel(stop)
    again = await (await reborn(world)).start()
    await again.say(of(again, stop), ExecType.CANCELED)
    assert alarms(again) == []


async def test_what_an_old_run_was_told_is_not_told_again() -> None:
    world = await begun()
    stop = await world.stop()
    await world.quote_at(80)
    await world.say(stop, ExecType.REJECTED, reason="so")
    again = await (await reborn(world)).start()
    assert alarms(again) == []


async def test_what_the_entry_filled_meanwhile_gets_a_stop_where_the_other_went_out() -> None:
    world = await begun()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    await world.quote_at(80)
    await world.trade(placed.stop_loss, 4)
    again = await reborn(world)
    entry = of(again, placed.entry)
    await again.trade(entry, 6)
    await again.start()
    [new] = [leg for leg in again.exits(entry) if leg.state is OrderState.SUSPENDED]
    assert (new.order_type.has_trigger, new.quantity, new.trigger_price) == (True, D(6), D(90))
    await again.quote_at(80)
    assert again.sent()[-1].quantity == 6


async def test_a_new_stop_that_a_crash_kept_from_being_made_is_made_at_the_start() -> None:
    """The fill is durable, and the daemon died before its stop was."""
    world = await begun()
    placed = await world.bracket()
    await world.trade(placed.entry, 4)
    await world.quote_at(80)
    await world.contingent.close()
    await world.trade(placed.entry, 6)
    again = await (await reborn(world)).start()
    made = [leg for leg in again.exits(placed.entry) if leg.state is OrderState.SUSPENDED]
    assert [leg.quantity for leg in made if leg.order_type.has_trigger] == [6]


async def test_an_entry_that_was_held_for_dead_and_filled_gets_a_stop() -> None:
    world = await begun()
    placed = await world.bracket()
    await world.say(placed.entry, ExecType.REJECTED)
    assert states(placed.take_profit, placed.stop_loss) == ["CANCELED", "CANCELED"]
    again = await reborn(world)
    await again.trade(of(again, placed.entry), 10)
    await again.start()
    [new] = again.cache.open_orders()
    assert (new.state, new.quantity, new.trigger_price) == (OrderState.SUSPENDED, D(10), D(90))


async def test_a_stop_that_the_strategy_cancelled_is_not_made_again() -> None:
    world = await begun()
    entry, limit, stop = await filled(world)
    world.orders.cancel(stop)
    again = await (await reborn(world)).start()
    assert [order.client_order_id for order in again.cache.open_orders()] == [limit.client_order_id]
    assert len(again.exits(entry)) == 2


async def test_a_bracket_whose_stop_was_passed_before_the_start_is_stopped_out_once() -> None:
    world = await begun()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    again = await reborn(world)
    again.market.update(tick(SPOT, 80, 80))
    await again.start()
    entry, limit, stop = (of(again, order) for order in (placed.entry, placed.take_profit, placed.stop_loss))
    assert states(entry, limit, stop) == ["PENDING_CANCEL", "CANCELED", "PENDING_NEW"]
    assert [(command.client_order_id, command.quantity) for command in again.sent()] == [(stop.client_order_id, D(4))]


async def test_what_a_failed_stop_was_there_for_is_not_taken_up_again() -> None:
    world = await begun()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    await world.quote_at(80)
    await world.trade(placed.entry, 6)
    [_, first, second] = world.exits(placed.entry)
    await world.trade(second, 6)
    await world.say(first, ExecType.EXPIRED)
    assert (states(first, second), second.quantity) == (["EXPIRED", "FILLED"], D(6))
    again = await (await reborn(world)).start()
    assert len(again.exits(placed.entry)) == 3
