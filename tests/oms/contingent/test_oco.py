"""A limit and a stop of which one cancels the other."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.exchanges.execution import ExecType
from quantai.oms.contingent.legs import Legs
from quantai.oms.models import Order, OrderRequest
from tests.oms.contingent.world import Bench, D, asked, states


async def test_the_limit_rests_at_the_venue_and_the_stop_here() -> None:
    world = await Bench().start()
    limit, stop = await world.oco()
    assert states(limit, stop) == ["PENDING_NEW", "SUSPENDED"]
    assert [stop.parent_order_id, stop.side, stop.quantity] == [limit.client_order_id, Side.SELL, 10]
    assert [stop.order_type, stop.price, stop.trigger_price] == [OrderType.STOP, None, 90]
    assert limit.parent_order_id == ""
    assert [command.client_order_id for command in world.sent()] == [limit.client_order_id]


async def test_a_post_only_limit_has_an_ordinary_stop() -> None:
    world = await Bench().start()
    request = replace(asked(Side.SELL, "1", "110"), time_in_force=TimeInForce.POST_ONLY, reduce_only=True)
    limit, stop = world.contingent.oco(request, D(90))
    assert (limit.time_in_force, stop.time_in_force) == (TimeInForce.POST_ONLY, TimeInForce.GTC)
    assert stop.reduce_only


@pytest.mark.parametrize(
    ("side", "price", "trigger", "words"),
    [
        (Side.SELL, "90", "90", "to sell binance:BTC/USDT, price 90 must be above trigger_price 90"),
        (Side.SELL, "90", "100", "price 90 must be above trigger_price 100"),
        (Side.BUY, "100", "90", "to buy binance:BTC/USDT, price 100 must be below trigger_price 90"),
        (Side.BUY, None, "90", "an OCO pair on binance:BTC/USDT needs a limit price"),
        (Side.BUY, "0", "90", "price 0 of binance:BTC/USDT is not positive"),
        (Side.SELL, "1", "0", "trigger_price 0 of binance:BTC/USDT is not positive"),
    ],
)
async def test_pairs_that_make_no_sense_are_refused(side: Side, price: str | None, trigger: str, words: str) -> None:
    world = await Bench().start()
    with pytest.raises(OrderError, match=words):
        world.contingent.oco(asked(side, "1", price), D(trigger))
    assert world.events == []


async def test_what_one_trades_the_other_trades_less() -> None:
    world = await Bench().start()
    limit, stop = await world.oco()
    await world.trade(limit, 3)
    assert stop.quantity == 7
    await world.trade(limit, 7)
    assert states(limit, stop) == ["FILLED", "CANCELED"]


async def test_the_stop_goes_out_when_the_limit_is_proven_to_be_off() -> None:
    world = await Bench().start()
    limit, stop = await world.oco()
    await world.trade(limit, 3)
    await world.quote_at(90)
    assert states(limit, stop) == ["PENDING_CANCEL", "SUSPENDED"]
    await world.trade(limit, 2)
    await world.say(limit, ExecType.CANCELED)
    assert world.sent()[-1].quantity == 5
    await world.trade(stop, 5)
    assert states(limit, stop) == ["CANCELED", "FILLED"]
    assert len(world.sent()) == 2


async def test_cancelling_one_leaves_the_other() -> None:
    world = await Bench().start()
    limit, stop = await world.oco()
    world.orders.cancel(limit)
    await world.say(limit, ExecType.CANCELED)
    assert states(limit, stop) == ["CANCELED", "SUSPENDED"]
    second, other = await world.oco()
    world.orders.cancel(other)
    await world.bus.join()
    assert states(second, other) == ["PENDING_NEW", "CANCELED"]


async def test_an_amended_limit_takes_its_stop_along() -> None:
    world = await Bench().start()
    limit, stop = await world.oco()
    await world.accept(limit)
    world.orders.amend(limit, D(15))
    await world.say(limit, ExecType.REPLACED)
    assert stop.quantity == 15


async def test_a_late_fill_of_the_limit_makes_a_stop_limit_that_rests_smaller() -> None:
    world = await Bench().start()
    limit = world.submit(Side.SELL, "10", "110")
    stop = world.orders.suspend(
        OrderRequest(
            "alpha", limit.instrument, Side.SELL, OrderType.STOP_LIMIT, D(10), D(89), trigger_price=D(90),
            parent_order_id=limit.client_order_id,
        )
    )  # fmt: skip
    await world.bus.join()
    await world.accept(limit)
    await world.quote_at(90)
    await world.say(limit, ExecType.CANCELED)
    await world.accept(stop)
    assert world.venue.amends == []
    await world.trade(stop, 1)
    await world.trade(limit, 2)
    [change] = world.venue.amends
    assert [change.client_order_id, change.quantity] == [stop.client_order_id, 8]
    await world.say(stop, ExecType.REPLACED)
    await world.trade(limit, 7)
    assert stop.state is OrderState.PENDING_CANCEL  # nothing is left for it
    assert world.venue.cancels[-1].client_order_id == stop.client_order_id


async def test_after_a_restart_the_pair_is_still_a_pair() -> None:
    world = await Bench().start()
    limit, _ = await world.oco()
    await world.accept(limit)
    again = await world.restarted()
    known = again.cache.get(limit.client_order_id)
    assert known is not None
    [stop] = again.exits(known)
    await again.trade(known, 10)
    assert stop.state is OrderState.CANCELED


# Where nothing can be sent


class Stubborn:
    """Releases nothing while it is down, as an order manager whose journal is."""

    def __init__(self, world: Bench) -> None:
        self.world = world
        self.is_down = True
        self.asked = 0
        self.suspend, self.resize, self.amend, self.cancel = (
            world.orders.suspend, world.orders.resize, world.orders.amend, world.orders.cancel,
        )  # fmt: skip

    def release(self, order: Order, reason: str) -> None:
        self.asked += order.state is OrderState.SUSPENDED
        if not self.is_down:
            self.world.orders.release(order, reason)


async def test_a_stop_that_cannot_be_sent_now_is_tried_again() -> None:
    world = Bench()
    keeper = Stubborn(world)
    world.contingent._legs = Legs(keeper, world.clock, world.contingent._settle)
    await world.start()
    stop = await world.stop()
    await world.quote_at(90)
    assert (stop.state, keeper.asked) == ("SUSPENDED", 1)
    await world.wait(1)
    assert (stop.state, keeper.asked) == ("SUSPENDED", 2)
    keeper.is_down = False
    await world.wait(1)
    assert (stop.state, keeper.asked) == ("PENDING_NEW", 3)
    await world.wait(3)
    assert keeper.asked == 3


async def test_a_take_profit_that_cannot_be_sent_yet_does_not_hold_up_the_stop() -> None:
    world = Bench()
    keeper = Stubborn(world)
    world.contingent._legs = Legs(keeper, world.clock, world.contingent._settle)
    await world.start()
    placed = await world.bracket()
    await world.trade(placed.entry, 10)
    assert placed.take_profit.state is OrderState.SUSPENDED
    keeper.is_down = False
    await world.quote_at(90)
    assert states(placed.take_profit, placed.stop_loss) == ["CANCELED", "PENDING_NEW"]


async def test_what_happens_meanwhile_does_not_make_it_ask_more_often() -> None:
    world = Bench()
    keeper = Stubborn(world)
    world.contingent._legs = Legs(keeper, world.clock, world.contingent._settle)
    await world.start()
    placed = await world.bracket()
    await world.trade(placed.entry, 10)
    await world.trade(placed.entry, 1)
    assert [placed.stop_loss.quantity, placed.take_profit.quantity] == [11, 11]
    keeper.is_down = False
    asked_before = keeper.asked
    await world.wait(1)
    assert placed.take_profit.state is OrderState.PENDING_NEW
    await world.wait(3)
    assert keeper.asked == asked_before + 1


async def test_a_stop_that_ended_meanwhile_is_not_triggered() -> None:
    world = await Bench().start()
    stop = await world.stop()
    world.orders.cancel(stop)
    world.contingent._on_trigger(stop, "late")
    await world.bus.join()
    assert stop.state is OrderState.CANCELED
    assert world.contingent._legs._triggered == {}
