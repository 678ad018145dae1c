"""The two exits of a bracket: together they never trade more than the entry filled."""

from __future__ import annotations

from quantai.core.enums import OrderState, OrderType, Side
from quantai.exchanges.execution import ExecType
from tests.oms.contingent.world import Bench, filled, states

# The exits


async def test_what_the_take_profit_trades_the_stop_trades_less() -> None:
    world = await Bench().start()
    _, limit, stop = await filled(world)
    await world.trade(limit, 4)
    assert [limit.state, stop.state, stop.quantity] == ["PARTIALLY_FILLED", "SUSPENDED", 6]
    await world.trade(limit, 6)
    assert states(limit, stop) == ["FILLED", "CANCELED"]
    assert world.venue.cancels == []


async def test_a_stop_waits_until_the_venue_confirms_that_the_take_profit_is_off() -> None:
    world = await Bench().start()
    _, limit, stop = await filled(world)
    await world.quote_at(90)
    assert states(limit, stop) == ["PENDING_CANCEL", "SUSPENDED"]
    assert [command.client_order_id for command in world.venue.cancels] == [limit.client_order_id]
    await world.quote_at(85)
    assert stop.state is OrderState.SUSPENDED
    assert len(world.venue.cancels) == 1
    await world.say(limit, ExecType.CANCELED)
    command = world.sent()[-1]
    assert [stop.state, command.order_type, command.side, command.quantity] == [
        "PENDING_NEW", OrderType.MARKET, Side.SELL, 10,
    ]  # fmt: skip
    await world.trade(stop, 10)
    assert states(limit, stop) == ["CANCELED", "FILLED"]


async def test_what_the_take_profit_trades_while_it_is_being_cancelled_the_stop_does_not() -> None:
    world = await Bench().start()
    _, limit, stop = await filled(world)
    await world.quote_at(90)
    await world.trade(limit, 7)
    await world.say(limit, ExecType.CANCELED)
    assert world.sent()[-1].quantity == 3
    assert stop.state is OrderState.PENDING_NEW


async def test_a_take_profit_that_fills_before_its_cancel_ends_the_stop() -> None:
    world = await Bench().start()
    _, limit, stop = await filled(world)
    await world.quote_at(90)
    await world.trade(limit, 10)
    await world.say(limit, ExecType.CANCEL_REJECTED)
    assert states(limit, stop) == ["FILLED", "CANCELED"]
    assert len(world.sent()) == 2


async def test_a_cancel_without_an_answer_keeps_the_stop_until_something_is_proven() -> None:
    world = await Bench().start()
    _, limit, stop = await filled(world)
    await world.quote_at(90)
    await world.say(limit, ExecType.UNKNOWN)
    await world.wait(5)
    assert states(limit, stop) == ["PENDING_CANCEL", "SUSPENDED"]
    assert len(world.venue.cancels) == 1
    await world.say(limit, ExecType.CANCELED)
    assert stop.state is OrderState.PENDING_NEW


async def test_a_cancel_that_is_refused_is_asked_for_again_after_a_second() -> None:
    world = await Bench().start()
    _, limit, stop = await filled(world)
    await world.quote_at(90)
    await world.say(limit, ExecType.CANCEL_REJECTED, reason="busy")
    await world.quote_at(89)
    assert states(limit, stop) == ["NEW", "SUSPENDED"]
    await world.wait(0.999)
    assert len(world.venue.cancels) == 1
    await world.wait(0.001)
    assert len(world.venue.cancels) == 2
    await world.say(limit, ExecType.CANCELED)
    assert stop.state is OrderState.PENDING_NEW
    await world.wait(5)
    assert len(world.venue.cancels) == 2


async def test_a_stop_that_triggered_stays_triggered_when_the_market_comes_back() -> None:
    world = await Bench().start()
    _, limit, stop = await filled(world)
    await world.quote_at(90)
    await world.quote_at(100)
    await world.say(limit, ExecType.CANCELED)
    assert stop.state is OrderState.PENDING_NEW


async def test_a_late_fill_of_the_cancelled_take_profit_makes_the_stop_smaller_while_it_is_here() -> None:
    world = await Bench().start()
    _, limit, stop = await filled(world)
    world.orders.cancel(limit)
    await world.say(limit, ExecType.CANCELED)
    assert [stop.state, stop.quantity] == ["SUSPENDED", 10]
    await world.trade(limit, 4)
    assert stop.quantity == 6
    await world.trade(limit, 6)
    assert stop.state is OrderState.CANCELED


async def test_a_strategy_that_cancels_one_exit_keeps_the_other() -> None:
    world = await Bench().start()
    _, limit, stop = await filled(world)
    world.orders.cancel(stop)
    await world.bus.join()
    await world.trade(limit, 1)
    assert states(limit, stop) == ["PARTIALLY_FILLED", "CANCELED"]


async def test_a_take_profit_that_the_venue_rejects_leaves_the_stop() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.trade(placed.entry, 10)
    await world.say(placed.take_profit, ExecType.REJECTED)
    assert states(placed.take_profit, placed.stop_loss) == ["REJECTED", "SUSPENDED"]
    await world.quote_at(90)
    assert placed.stop_loss.state is OrderState.PENDING_NEW


async def test_the_other_way_round_it_works_as_well() -> None:
    world = await Bench().start()
    _, limit, stop = await filled(world, side=Side.SELL)
    await world.quote_at(110)
    await world.say(limit, ExecType.CANCELED)
    command = world.sent()[-1]
    assert [command.side, command.quantity, stop.state] == [Side.BUY, 10, "PENDING_NEW"]


async def test_a_take_profit_that_is_unknown_is_cancelled_once_until_the_venue_proves_something() -> None:
    """Whoever asks for it would have to begin anew with each cancel, and the stop would wait for ever."""
    world = await Bench().start()
    placed = await world.bracket()
    await world.trade(placed.entry, 10)
    limit = placed.take_profit
    await world.quote_at(80)
    for _ in range(5):
        if limit.state is OrderState.PENDING_CANCEL:
            await world.say(limit, ExecType.CANCEL_REJECTED, reason="unknown order")
        await world.wait(1)
    assert limit.state is OrderState.UNKNOWN
    assert [command.client_order_id for command in world.venue.cancels] == [limit.client_order_id] * 2
    await world.accept(limit)
    await world.wait(1)
    assert len(world.venue.cancels) == 3
    await world.say(limit, ExecType.CANCELED)
    assert world.sent()[-1].client_order_id == placed.stop_loss.client_order_id
