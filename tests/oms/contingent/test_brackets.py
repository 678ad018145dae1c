"""An entry and its two exits: how they are placed, and what the entry makes of the exits."""

from __future__ import annotations

import pytest

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.events import OrderSuspendedEvent, OrderTriggeredEvent
from quantai.exchanges.execution import ExecType
from quantai.oms.models import Order
from quantai.oms.risk import RiskCheck, RiskView
from tests.oms.contingent.world import Bench, D, asked, states
from tests.oms.world import SPOT

# Placing


async def test_the_legs_are_kept_here_until_the_entry_trades() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    entry, limit, stop = placed.entry, placed.take_profit, placed.stop_loss
    assert [command.client_order_id for command in world.sent()] == [entry.client_order_id]
    assert states(entry, limit, stop) == ["PENDING_NEW", "SUSPENDED", "SUSPENDED"]
    assert [limit.order_type, limit.side, limit.quantity, limit.price] == [OrderType.LIMIT, Side.SELL, 10, 110]
    assert [stop.order_type, stop.side, stop.quantity, stop.trigger_price] == [OrderType.STOP, Side.SELL, 10, 90]
    assert (limit.trigger_price, stop.price) == (None, None)
    assert {limit.parent_order_id, stop.parent_order_id} == {entry.client_order_id}
    assert (limit.strategy, limit.cause, limit.time_in_force, limit.reduce_only) == ("alpha", "why@1", "GTC", False)
    assert [event.client_order_id for event in world.events if isinstance(event, OrderSuspendedEvent)] == [
        limit.client_order_id, stop.client_order_id,
    ]  # fmt: skip
    await world.quote_at(80)
    assert states(limit, stop) == ["SUSPENDED", "SUSPENDED"]  # there is nothing to get out of


async def test_exits_are_good_till_cancelled_and_may_be_reduce_only() -> None:
    world = await Bench().start()
    entry = asked(Side.SELL, "1")
    placed = world.contingent.bracket(entry, D(90), D(110), reduce_only=True)
    legs = (placed.take_profit, placed.stop_loss)
    assert [(leg.side, leg.reduce_only, leg.time_in_force) for leg in legs] == [(Side.BUY, True, TimeInForce.GTC)] * 2
    assert not placed.entry.reduce_only


@pytest.mark.parametrize(
    ("side", "price", "target", "stop", "words"),
    [
        (Side.BUY, "100", 110, 100, "to buy binance:BTC/USDT, stop_loss 100 must be below entry 100"),
        (Side.BUY, "100", 100, 90, "to buy binance:BTC/USDT, entry 100 must be below take_profit 100"),
        (Side.SELL, "100", 110, 120, "to sell binance:BTC/USDT, entry 100 must be above take_profit 110"),
        (Side.SELL, "100", 90, 95, "to sell binance:BTC/USDT, stop_loss 95 must be above entry 100"),
        (Side.BUY, None, 90, 95, "stop_loss 95 must be below take_profit 90"),
        (Side.BUY, "100", 110, 0, "stop_loss 0 of binance:BTC/USDT is not positive"),
        (Side.BUY, "-1", 110, 90, "entry -1 of binance:BTC/USDT is not positive"),
        (Side.SELL, "100", -1, 110, "take_profit -1 of binance:BTC/USDT is not positive"),
    ],
)
async def test_prices_that_make_no_sense_are_refused(
    side: Side, price: str | None, target: int, stop: int, words: str
) -> None:
    world = await Bench().start()
    with pytest.raises(OrderError, match=words):
        world.contingent.bracket(asked(side, "1", price), D(target), D(stop))
    assert world.events == []


@pytest.mark.parametrize(("side", "target", "stop"), [(Side.BUY, "110", "94"), (Side.SELL, "90", "96")])
async def test_a_market_entry_is_held_against_the_quote(side: Side, target: str, stop: str) -> None:
    world = await Bench().start()
    world.quote(SPOT, 95, 95.5)
    assert world.contingent.bracket(asked(side, "1"), D(target), D(stop)).entry.is_open
    at_quote = D("95.5") if side is Side.BUY else D(95)
    with pytest.raises(OrderError, match=f"stop_loss {at_quote} must be|entry {at_quote} must be"):
        world.contingent.bracket(asked(side, "1"), D(target), at_quote)
    with pytest.raises(OrderError, match=f"entry {at_quote} must be"):
        world.contingent.bracket(asked(side, "1"), at_quote, D(stop))


@pytest.mark.parametrize(("bid", "ask"), [(0.0, 1.0), (float("nan"), 1.0), (95.0, 94.0)])
async def test_a_quote_that_is_none_refuses_nothing(bid: float, ask: float) -> None:
    world = await Bench().start()
    world.quote(SPOT, bid, ask)
    assert world.contingent.bracket(asked(Side.BUY, "1"), D(110), D(90)).entry.is_open


@pytest.mark.parametrize("quantity", ["0", "-1"])
async def test_a_quantity_that_is_not_positive_is_refused(quantity: str) -> None:
    world = await Bench().start()
    with pytest.raises(
        OrderError, match=f"quantity {quantity} of binance:BTC/USDT is not positive on the lot grid of 0.001"
    ):
        world.contingent.bracket(asked(Side.BUY, quantity, "100"), D(110), D(90))
    with pytest.raises(OrderError, match="not positive on the lot grid"):
        world.contingent.oco(asked(Side.SELL, quantity, "110"), D(90))


async def test_a_bracket_placed_while_nothing_is_delivered_keeps_its_legs() -> None:
    world = await Bench().start()
    assert not world.bus.is_busy
    placed = world.contingent.bracket(asked(Side.BUY, "1", "100"), D(110), D(90))
    assert states(placed.entry, placed.take_profit, placed.stop_loss) == ["PENDING_NEW", "SUSPENDED", "SUSPENDED"]


# The entry


async def test_the_stop_is_armed_for_what_the_entry_filled() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 3)
    assert [placed.stop_loss.quantity, placed.take_profit.quantity] == [3, 10]
    await world.trade(placed.entry, 2)
    assert placed.stop_loss.quantity == 5
    assert states(placed.take_profit, placed.stop_loss) == ["SUSPENDED", "SUSPENDED"]


async def test_the_take_profit_goes_out_when_the_entry_is_filled() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.trade(placed.entry, 10)
    assert states(placed.take_profit, placed.stop_loss) == ["PENDING_NEW", "SUSPENDED"]
    command = world.sent()[-1]
    assert [command.order_type, command.side, command.quantity, command.price] == [OrderType.LIMIT, Side.SELL, 10, 110]
    [told] = [event for event in world.events if isinstance(event, OrderTriggeredEvent)]
    assert told.reason == "the entry is closed"


@pytest.mark.parametrize("end", [ExecType.CANCELED, ExecType.EXPIRED])
async def test_an_entry_that_ends_in_part_leaves_exits_for_what_filled(end: ExecType) -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    await world.say(placed.entry, end)
    assert [placed.take_profit.state, placed.take_profit.quantity] == ["PENDING_NEW", 4]
    assert [placed.stop_loss.state, placed.stop_loss.quantity] == ["SUSPENDED", 4]


@pytest.mark.parametrize("end", [ExecType.CANCELED, ExecType.EXPIRED, ExecType.REJECTED])
async def test_an_entry_that_ends_unfilled_ends_its_legs(end: ExecType) -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.say(placed.entry, end)
    assert states(placed.take_profit, placed.stop_loss) == ["CANCELED", "CANCELED"]
    assert len(world.sent()) == 1


async def test_an_entry_that_is_denied_ends_its_legs() -> None:
    class No(RiskCheck):
        def evaluate(self, order: Order, view: RiskView) -> str | None:
            return "no"

    world = await Bench([No()]).start()
    placed = await world.bracket()
    assert states(placed.entry, placed.take_profit, placed.stop_loss) == ["DENIED", "CANCELED", "CANCELED"]


async def test_cancelling_an_entry_leaves_the_stop_of_what_filled() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    world.orders.cancel(placed.entry)
    await world.bus.join()
    assert states(placed.entry, placed.take_profit, placed.stop_loss) == ["PENDING_CANCEL", "SUSPENDED", "SUSPENDED"]
