"""Brackets after a restart: everything is in the orders."""

from __future__ import annotations

from msgspec.structs import replace

from quantai.core.enums import OrderState, Side
from quantai.events import OrderPendingCancelEvent
from quantai.exchanges.execution import ExecType
from tests.oms.contingent.world import Bench, asked, filled, states

# Restart


async def test_after_a_restart_everything_goes_on() -> None:
    world = await Bench().start()
    entry, limit, _ = await filled(world)
    await world.trade(limit, 4)
    again = await world.restarted()
    limit2, stop2 = again.exits(entry)
    assert [limit2 is not limit, stop2.quantity, stop2.state] == [True, 6, "SUSPENDED"]
    await again.quote_at(70)
    assert states(limit2, stop2) == ["PENDING_CANCEL", "SUSPENDED"]
    await again.say(limit2, ExecType.CANCELED)
    assert again.sent()[-1].quantity == 6


async def test_a_restart_before_the_entry_was_filled_changes_nothing() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.accept(placed.entry)
    again = await world.restarted()
    entry = again.cache.get(placed.entry.client_order_id)
    assert entry is not None
    await again.trade(entry, 10)
    limit, stop = again.exits(entry)
    assert [limit.state, stop.state, stop.quantity] == ["PENDING_NEW", "SUSPENDED", 10]


async def test_legs_whose_entry_never_came_to_be_end_at_the_start() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    for legs in ([placed.take_profit, placed.stop_loss], [placed.take_profit]):
        for leg in legs:
            leg.state = OrderState.SUSPENDED
        await Bench().start(legs)
        assert {leg.state for leg in legs} == {OrderState.CANCELED}


async def test_exits_whose_entry_is_not_remembered_still_cancel_each_other() -> None:
    world = await Bench().start()
    _, limit, stop = await filled(world)
    again = await Bench().start([limit, stop])
    await again.trade(limit, 4)
    assert stop.quantity == 6
    await again.quote_at(80)
    assert states(limit, stop) == ["PENDING_CANCEL", "SUSPENDED"]
    await again.say(limit, ExecType.CANCELED)
    assert again.sent()[-1].quantity == 6
    second = await Bench().start()
    _, limit, stop = await filled(second)
    third = await Bench().start([limit, stop])
    await third.trade(limit, 10)
    assert stop.state is OrderState.CANCELED


async def test_a_stop_whose_take_profit_is_not_remembered_follows_its_entry() -> None:
    world = await Bench().start()
    entry, _, stop = await filled(world)
    again = await Bench().start([entry, stop])
    await again.trade(entry, 1)
    assert (stop.state, str(stop.quantity)) == ("SUSPENDED", "11")


async def test_a_take_profit_that_is_left_alone_is_left_alone() -> None:
    world = await Bench().start()
    _, limit, _ = await filled(world)
    again = await Bench().start([limit])
    await again.trade(limit, 1)
    assert limit.state is OrderState.PARTIALLY_FILLED


async def test_nothing_is_asked_for_after_the_end() -> None:
    world = await Bench().start()
    _, limit, _ = await filled(world)
    await world.quote_at(90)
    await world.say(limit, ExecType.CANCEL_REJECTED)
    await world.contingent.close()
    await world.wait(5)
    assert len([event for event in world.events if isinstance(event, OrderPendingCancelEvent)]) == 1


async def test_children_of_a_routed_order_are_not_its_exits() -> None:
    world = await Bench().start()
    parent = world.orders.open_parent(asked(Side.BUY, "1", "100"))
    order = world.orders.submit(replace(asked(Side.BUY, "1", "100"), parent_order_id=parent.client_order_id))
    await world.bus.join()
    await world.trade(order, 1)
    assert states(parent, order) == ["PENDING_NEW", "FILLED"]
