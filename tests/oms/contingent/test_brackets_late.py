"""Brackets that are stopped while the entry works, and fills that come when nobody expects them."""

from __future__ import annotations

from quantai.core.enums import OrderState, OrderType, Side
from quantai.exchanges.execution import ExecType
from quantai.oms.models import Order
from quantai.oms.risk import RiskCheck, RiskView
from tests.oms.contingent.world import Bench, states


class NoStops(RiskCheck):
    """Lets no stop pass."""

    code = "NO_STOPS"

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        return "no" if order.trigger_price is not None else None


# Stopped while the entry works


async def test_a_stop_while_the_entry_works_ends_the_bracket() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    await world.quote_at(90)
    assert states(placed.entry, placed.take_profit, placed.stop_loss) == ["PENDING_CANCEL", "CANCELED", "PENDING_NEW"]
    assert world.sent()[-1].quantity == 4
    await world.say(placed.entry, ExecType.CANCELED)
    await world.trade(placed.stop_loss, 4)
    assert len(world.exits(placed.entry)) == 2


async def test_what_the_entry_fills_after_the_stop_went_gets_a_stop_of_its_own() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    await world.quote_at(90)
    await world.trade(placed.entry, 3)
    second = world.exits(placed.entry)[2]
    assert [second.state, second.quantity, second.trigger_price] == ["PENDING_NEW", 3, 90]
    assert [command.quantity for command in world.sent()] == [10, 4, 3]
    await world.trade(placed.stop_loss, 4)
    await world.trade(second, 3)
    await world.trade(placed.entry, 3)
    third = world.exits(placed.entry)[3]
    assert [third.quantity, third.order_type, third.side, third.cause] == [3, OrderType.STOP, Side.SELL, "why@1"]


async def test_the_new_stop_waits_where_the_market_came_back() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    await world.quote_at(90)
    await world.quote_at(95)
    await world.trade(placed.entry, 3)
    assert world.exits(placed.entry)[2].state is OrderState.SUSPENDED
    await world.quote_at(89)
    assert world.exits(placed.entry)[2].state is OrderState.PENDING_NEW


async def test_a_cancel_of_the_entry_that_is_refused_is_asked_for_again() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    await world.quote_at(90)
    await world.say(placed.entry, ExecType.CANCEL_REJECTED)
    assert placed.entry.state is OrderState.PARTIALLY_FILLED
    await world.wait(1)
    assert states(placed.entry) == ["PENDING_CANCEL"]


async def test_nobody_enters_what_cannot_be_stopped() -> None:
    world = await Bench([NoStops()]).start()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    await world.quote_at(90)
    assert states(placed.entry, placed.stop_loss) == ["PENDING_CANCEL", "DENIED"]
    await world.say(placed.entry, ExecType.CANCELED)
    assert len(world.exits(placed.entry)) == 2


# Late fills of the entry


async def test_late_fills_of_the_entry_make_the_legs_larger() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    await world.say(placed.entry, ExecType.CANCELED)
    await world.accept(placed.take_profit)
    await world.trade(placed.entry, 2)
    assert placed.stop_loss.quantity == 6
    [change] = world.venue.amends
    assert [change.client_order_id, change.quantity, change.price] == [placed.take_profit.client_order_id, 6, 110]
    await world.say(placed.take_profit, ExecType.REPLACED)
    assert placed.take_profit.quantity == 6
    await world.trade(placed.take_profit, 6)
    assert states(placed.take_profit, placed.stop_loss) == ["FILLED", "CANCELED"]


async def test_a_venue_that_does_not_make_the_take_profit_larger_is_asked_once_and_the_stop_covers_the_rest() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    await world.say(placed.entry, ExecType.CANCELED)
    await world.accept(placed.take_profit)
    await world.trade(placed.entry, 2)
    await world.say(placed.take_profit, ExecType.REPLACE_REJECTED)
    assert len(world.venue.amends) == 1
    await world.trade(placed.take_profit, 4)
    assert states(placed.take_profit, placed.stop_loss) == ["FILLED", "SUSPENDED"]
    assert placed.stop_loss.quantity == 2
    await world.quote_at(90)
    assert [world.sent()[-1].quantity, placed.stop_loss.state] == [2, "PENDING_NEW"]


async def test_a_fill_that_comes_when_all_was_over_gets_a_stop() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.say(placed.entry, ExecType.CANCELED)
    await world.trade(placed.entry, 3)
    stop = world.exits(placed.entry)[2]
    assert [stop.state, stop.quantity, stop.trigger_price, stop.parent_order_id] == [
        "SUSPENDED", 3, 90, placed.entry.client_order_id,
    ]  # fmt: skip
    await world.trade(placed.entry, 2)
    assert stop.quantity == 5
    await world.quote_at(89)
    assert world.sent()[-1].quantity == 5


async def test_a_fill_after_the_take_profit_closed_everything_gets_a_stop() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    await world.say(placed.entry, ExecType.CANCELED)
    await world.trade(placed.take_profit, 4)
    assert placed.stop_loss.state is OrderState.CANCELED
    await world.trade(placed.entry, 1)
    assert [world.exits(placed.entry)[2].state, world.exits(placed.entry)[2].quantity] == ["SUSPENDED", 1]


async def test_a_stop_that_the_strategy_cancelled_is_not_replaced() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    world.orders.cancel(placed.stop_loss)
    await world.bus.join()
    await world.trade(placed.entry, 3)
    assert len(world.exits(placed.entry)) == 2
