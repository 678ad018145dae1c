"""Contingent orders to the letter: prices below one, what a new stop is, who is watched, what is remembered."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce, TradingState
from quantai.core.errors import OrderError
from quantai.events import BarEvent, ErrorEvent, OrderSuspendedEvent, TradingStateEvent
from quantai.exchanges.execution import ExecType
from quantai.oms.contingent.group import group_of
from quantai.oms.contingent.manager import COMPONENT
from quantai.oms.contingent.triggers import Triggers
from quantai.oms.models import Order, OrderRequest
from tests.oms.contingent.test_missed import begun, of, reborn
from tests.oms.contingent.test_stops_that_fail import alarms
from tests.oms.contingent.world import TOPICS, Bench, D, asked, filled, states
from tests.oms.world import SPOT, tick

# Prices


@pytest.mark.parametrize(("side", "trigger", "price"), [(Side.SELL, "0.5", 0.4), (Side.BUY, "0.5", 0.6)])
async def test_a_market_below_one_triggers_as_any_other(side: Side, trigger: str, price: float) -> None:
    world = await Bench().start()
    stop = await world.stop(side, trigger)
    await world.quote_at(price)
    assert stop.state is OrderState.PENDING_NEW


@pytest.mark.parametrize(("bid", "ask"), [(0.5, 0.75), (0.75, 0.75), (1.0, 1.0)])
async def test_a_market_entry_is_held_against_every_quote_that_is_one(bid: float, ask: float) -> None:
    """Also below one, and where bid and ask are the same."""
    world = await Bench().start()
    world.quote(SPOT, bid, ask)
    with pytest.raises(OrderError, match=f"entry {ask:g} must be below take_profit {ask:g}"):
        world.contingent.bracket(asked(Side.BUY, "1"), D(f"{ask:g}"), D("0.1"))


# What is made


async def test_exits_are_good_till_cancelled_whatever_the_entry_is() -> None:
    world = await Bench().start()
    entry = replace(asked(Side.BUY, "1", "100"), time_in_force=TimeInForce.IOC)
    placed = world.contingent.bracket(entry, D(110), D(90))
    orders = (placed.entry, placed.take_profit, placed.stop_loss)
    assert [order.time_in_force for order in orders] == [TimeInForce.IOC, TimeInForce.GTC, TimeInForce.GTC]


async def test_a_stop_that_is_made_anew_is_like_the_one_before() -> None:
    world = await Bench().start()
    placed = await world.bracket(reduce_only=True)
    await world.say(placed.entry, ExecType.CANCELED)
    await world.trade(placed.entry, 3)
    told = [event for event in world.events if isinstance(event, OrderSuspendedEvent)]
    assert [event.quantity for event in told] == [10, 10, 3]
    before, after = told[1:]
    now = world.clock.now_ns()
    assert after == replace_event(before, world.exits(placed.entry)[2].client_order_id, now)
    assert after.reduce_only


def replace_event(event: OrderSuspendedEvent, client_order_id: str, now_ns: int) -> OrderSuspendedEvent:
    """The same of another order, for 3."""
    return OrderSuspendedEvent(
        client_order_id, event.strategy, event.venue, event.symbol, now_ns, now_ns, event.cause, event.side,
        event.order_type, event.time_in_force, D(3), event.price, event.trigger_price, event.reduce_only,
        event.parent_order_id,
    )  # fmt: skip


async def test_two_take_profits_that_become_larger_are_both_asked_for() -> None:
    world = await Bench().start()
    brackets = [await world.bracket() for _ in range(2)]
    for placed in brackets:
        await world.accept(placed.entry)
        await world.trade(placed.entry, 4)
        await world.say(placed.entry, ExecType.CANCELED)
        await world.accept(placed.take_profit)
    for placed in brackets:
        await world.trade(placed.entry, 2)
    assert [(change.client_order_id, change.quantity) for change in world.venue.amends] == [
        (placed.take_profit.client_order_id, D(6)) for placed in brackets
    ]


async def test_an_entry_that_was_held_for_dead_and_filled_one_gets_a_stop_for_it() -> None:
    world = await begun()
    placed = await world.bracket("1")
    await world.say(placed.entry, ExecType.REJECTED)
    again = await reborn(world)
    await again.trade(of(again, placed.entry), 1)
    await again.start()
    [new] = again.cache.open_orders()
    assert (new.state, new.quantity, new.trigger_price) == (OrderState.SUSPENDED, D(1), D(90))


# Who belongs to nobody


async def test_a_limit_whose_parent_is_not_known_waits_for_nothing() -> None:
    world = await Bench().start()
    request = OrderRequest("alpha", SPOT, Side.SELL, OrderType.LIMIT, D(1), D(110), parent_order_id="gone")
    child = world.orders.submit(request)
    await world.bus.join()
    assert group_of(child, world.cache) is None


async def test_an_order_that_belongs_to_nothing_trades_without_a_word() -> None:
    world = await Bench().start()
    order = world.submit()
    await world.trade(order, "0.5")
    await world.trade(order, "0.5")
    assert (order.state, world.bus.errors) == (OrderState.FILLED, 0)


async def test_a_part_of_a_routed_entry_is_not_its_take_profit() -> None:
    world = await Bench().start()
    entry = world.submit(quantity="10")
    parts = [
        world.orders.submit(replace(asked(Side.BUY, "5", "100"), parent_order_id=entry.client_order_id))
        for _ in range(2)
    ]
    stop = world.orders.suspend(replace(asked(Side.SELL, "10", None, "90"), parent_order_id=entry.client_order_id))
    group = group_of(entry, world.cache)
    assert group is not None
    assert (group.entry, group.limit, group.stops) == (entry, None, [stop])
    assert group_of(parts[1], world.cache) == group


# What is told


async def test_the_alarm_says_how_much_of_the_stop_did_not_trade(caplog: pytest.LogCaptureFixture) -> None:
    world = await Bench().start()
    stop = await world.stop()
    await world.quote_at(80)
    await world.trade(stop, "0.4")
    await world.say(stop, ExecType.EXPIRED, reason="so")
    message = f"stop {stop.client_order_id} of alpha is EXPIRED (so): 0.6 of binance:BTC/USDT is not protected"
    now_ns = world.clock.now_ns()
    assert [event for event in world.events if isinstance(event, ErrorEvent)] == [
        ErrorEvent(COMPONENT, now_ns, now_ns, "StopFailed", message)
    ]
    assert message in caplog.messages


@pytest.mark.parametrize("whose", ["all", "alpha", "beta"])
async def test_a_stop_that_is_cancelled_after_a_resume_raises_no_alarm(whose: str) -> None:
    world = await Bench().start()
    stop = await world.stop()
    for state in (TradingState.HALTED, TradingState.ACTIVE):
        await world.publish(TradingStateEvent(whose, 1, 1, state, ""))
    world.orders.cancel(stop)
    await world.bus.join()
    assert (stop.state, alarms(world)) == (OrderState.CANCELED, [])


@pytest.mark.parametrize(("whose", "is_alarmed"), [("all", True), ("alpha", True), ("beta", False)])
async def test_a_stop_that_is_cancelled_in_a_halt_of_its_own_raises_the_alarm(whose: str, is_alarmed: bool) -> None:
    world = await Bench().start()
    stop = await world.stop()
    await world.publish(TradingStateEvent(whose, 1, 1, TradingState.HALTED, ""))
    world.orders.cancel(stop)
    await world.bus.join()
    assert len(alarms(world)) == is_alarmed


async def test_who_listens_is_named() -> None:
    world = await Bench().start()
    assert [s.patterns for s in world.bus._table._subscriptions if s.name == COMPONENT] == [
        ("order.*",), ("system.trading_state.*",),
    ]  # fmt: skip


# What is remembered


async def test_nothing_is_remembered_of_legs_that_ended() -> None:
    world = await Bench().start()
    entry, limit, stop = await filled(world)
    await world.quote_at(90)
    assert list(world.contingent._legs._triggered) == [stop.client_order_id]
    await world.trade(limit, 10)  # before its cancel
    assert states(entry, limit, stop) == ["FILLED", "FILLED", "CANCELED"]
    assert world.contingent._legs._triggered == {}


async def test_nothing_is_remembered_of_an_amendment_of_what_ended() -> None:
    world = await Bench().start()
    placed = await world.bracket()
    await world.accept(placed.entry)
    await world.trade(placed.entry, 4)
    await world.say(placed.entry, ExecType.CANCELED)
    await world.accept(placed.take_profit)
    await world.trade(placed.entry, 2)
    await world.say(placed.take_profit, ExecType.REPLACED)
    assert world.contingent._legs._fitted == {placed.take_profit.client_order_id: D(6)}
    await world.trade(placed.take_profit, 6)
    assert world.contingent._legs._fitted == {}


async def test_what_comes_after_the_start_was_not_missed() -> None:
    world = await Bench().start()
    world.submit()
    assert world.contingent._missed._found == {}


# Who is watched


async def test_a_stop_beside_one_that_waits_already_is_judged_by_what_is_shown() -> None:
    world = await Bench().start()
    await world.quote_at(80)
    far = await world.stop(trigger="50")
    near = await world.stop(trigger="90")
    assert states(far, near) == ["SUSPENDED", "PENDING_NEW"]


class Watched:
    """Triggers alone, and what they said."""

    def __init__(self) -> None:
        self.world = Bench()
        self.went: list[Order] = []
        self.triggers = Triggers(
            bus=self.world.bus, clock=self.world.clock, market=self.world.market, topics=TOPICS,
            on_trigger=lambda order, reason: self.went.append(order),
        )  # fmt: skip


async def test_what_is_watched_no_longer_is_not_judged_any_more() -> None:
    watched = Watched()
    stops = [await watched.world.stop() for _ in range(2)]
    for stop in stops:
        watched.triggers.arm(stop)
    watched.triggers.disarm(stops[0])
    watched.world.market.update(tick(SPOT, 80, 80))
    await watched.triggers.follow()
    assert watched.went == stops[1:]


async def test_who_listens_already_has_nothing_to_catch_up_with() -> None:
    watched = Watched()
    assert not watched.triggers.is_behind
    first, second = [await watched.world.stop() for _ in range(2)]
    watched.triggers.arm(first)
    assert watched.triggers.is_behind
    await watched.triggers.follow()
    watched.triggers.arm(first)  # it waits since it was armed first
    assert not watched.triggers.is_behind
    watched.triggers.arm(second)
    assert watched.triggers.is_behind


@pytest.mark.parametrize(("low", "high", "close"), [(85, 101, 85), (85, 90, 90), (85, 85, 85)])
async def test_a_bar_that_closes_at_its_low_or_its_high_is_one(low: float, high: float, close: float) -> None:
    world = await Bench().start()
    stop = await world.stop()
    now_ns = world.clock.now_ns()
    await world.wait(10)
    end_ns = world.clock.now_ns()
    await world.publish(
        BarEvent(SPOT.venue, SPOT.symbol, end_ns, end_ns, end_ns - now_ns, close, high, low, close, 1.0)
    )
    assert stop.state is OrderState.PENDING_NEW


async def test_a_stop_limit_that_is_made_anew_keeps_its_limit() -> None:
    world = await Bench().start()
    entry = world.submit(quantity="10")
    first = world.orders.suspend(replace(asked(Side.SELL, "10", "89", "90"), parent_order_id=entry.client_order_id))
    await world.accept(entry)
    await world.trade(entry, 4)
    await world.quote_at(80)
    assert first.state is OrderState.PENDING_NEW
    await world.trade(entry, 3)
    second = world.exits(entry)[1]
    assert (second.order_type, second.price, second.quantity) == (OrderType.STOP_LIMIT, D(89), D(3))
