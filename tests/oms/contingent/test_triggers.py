"""When a stop that is kept here goes out, and when not."""

from __future__ import annotations

from math import inf, nan

import pytest

from quantai.core.enums import OrderState, OrderType, Side
from quantai.events import BarEvent, OrderTriggeredEvent
from tests.oms.contingent.world import TOPICS, Bench, D, asked, states
from tests.oms.world import SPOT

SECOND = 10**9


@pytest.mark.parametrize(
    ("side", "bid", "ask", "is_triggered"),
    [
        (Side.SELL, 90.01, 91.0, False),
        (Side.SELL, 90.0, 91.0, True),
        (Side.SELL, 80.0, 91.0, True),
        (Side.BUY, 88.0, 89.99, False),
        (Side.BUY, 88.0, 90.0, True),
        (Side.BUY, 88.0, 99.0, True),
        (Side.SELL, 90.0, 90.0, True),
    ],
)
async def test_a_sell_stop_looks_at_the_bid_and_a_buy_stop_at_the_ask(
    side: Side, bid: float, ask: float, is_triggered: bool
) -> None:
    world = await Bench().start()
    stop = await world.stop(side)
    await world.quote_at(bid, ask)
    assert (stop.state is OrderState.PENDING_NEW) is is_triggered
    assert [command.order_type for command in world.sent()] == [OrderType.MARKET] * is_triggered


@pytest.mark.parametrize(
    ("side", "price", "is_triggered"),
    [
        (Side.SELL, 90.01, False), (Side.SELL, 90.0, True), (Side.BUY, 89.99, False), (Side.BUY, 90.0, True),
    ],
)  # fmt: skip
async def test_a_trade_triggers_as_well_as_a_quote(side: Side, price: float, is_triggered: bool) -> None:
    world = await Bench().start()
    stop = await world.stop(side)
    await world.print_at(price)
    assert (stop.state is OrderState.PENDING_NEW) is is_triggered


@pytest.mark.parametrize(
    ("bid", "ask"),
    [(nan, 91.0), (80.0, nan), (0.0, 91.0), (-1.0, 91.0), (89.0, 88.0), (80.0, inf), (nan, nan), (-inf, 80.0)],
)
async def test_what_is_crossed_or_no_price_triggers_nothing(bid: float, ask: float) -> None:
    world = await Bench().start()
    stops = [await world.stop(Side.SELL), await world.stop(Side.BUY, "70")]
    await world.quote_at(bid, ask)
    assert states(*stops) == ["SUSPENDED", "SUSPENDED"]
    assert world.bus.errors == 0


@pytest.mark.parametrize(("age_ns", "is_triggered"), [(SECOND, True), (SECOND + 1, False)])
async def test_an_old_quote_triggers_nothing(age_ns: int, is_triggered: bool) -> None:
    world = await Bench(max_age_ns=SECOND).start()
    stop = await world.stop()
    await world.quote_at(80, age_ns=age_ns)
    assert (stop.state is OrderState.PENDING_NEW) is is_triggered


async def test_the_reason_has_the_numbers() -> None:
    world = await Bench().start()
    await world.stop()
    await world.stop(trigger="89.5")
    await world.quote_at(89.75, 90.25)
    await world.print_at(89.0)
    told = [event for event in world.events if isinstance(event, OrderTriggeredEvent)]
    assert [event.reason for event in told] == [
        "the market is at 89.75 to 90.25, the trigger price is 90.0", "the market is at 89.0, the trigger price is 89.5"
    ]  # fmt: skip


async def test_a_stop_limit_goes_out_with_its_limit() -> None:
    world = await Bench().start()
    await world.stop(price="89")
    await world.quote_at(90)
    assert [(command.order_type, command.price) for command in world.sent()] == [(OrderType.LIMIT, D(89))]


async def test_a_stop_goes_out_once_however_often_it_is_reached() -> None:
    world = await Bench().start()
    await world.stop()
    for price in (90, 89, 95, 88):
        await world.quote_at(price)
    assert len(world.sent()) == 1


# When it is placed


async def test_a_stop_that_is_reached_when_it_is_placed_goes_out_at_once() -> None:
    world = await Bench().start()
    await world.quote_at(80, 81)
    stop = await world.stop()
    assert stop.state is OrderState.PENDING_NEW
    second = await world.stop(trigger="80.5")
    assert second.state is OrderState.PENDING_NEW


async def test_it_is_not_judged_by_a_quote_from_long_ago() -> None:
    world = await Bench(max_age_ns=SECOND).start()
    await world.quote_at(80, 81)
    await world.wait(2)
    stop = await world.stop()
    assert stop.state is OrderState.SUSPENDED
    await world.quote_at(80, 81)
    assert states(stop) == ["PENDING_NEW"]


async def test_a_trade_before_it_was_placed_counts_only_where_nothing_is_quoted() -> None:
    world = await Bench().start()
    await world.print_at(80)
    assert (await world.stop()).state is OrderState.PENDING_NEW
    await world.quote_at(100, 101)
    assert (await world.stop()).state is OrderState.SUSPENDED


# Bars


def bar(world: Bench, low: float, high: float, close: float, started_ns: int) -> BarEvent:
    now = world.clock.now_ns()
    return BarEvent(SPOT.venue, SPOT.symbol, now, now, now - started_ns, close, high, low, close, 1.0)


@pytest.mark.parametrize(("early_ns", "is_triggered"), [(0, True), (1, False)])
async def test_the_low_of_a_bar_counts_if_it_began_after_the_stop_was_placed(early_ns: int, is_triggered: bool) -> None:
    world = await Bench().start()
    stop = await world.stop()
    placed_ns = world.clock.now_ns()
    await world.wait(10)
    await world.publish(bar(world, 85, 101, 100, placed_ns - early_ns))
    assert (stop.state is OrderState.PENDING_NEW) is is_triggered
    await world.publish(bar(world, 85, 101, 90, placed_ns - early_ns))
    assert stop.state is OrderState.PENDING_NEW


async def test_the_high_of_a_bar_triggers_a_buy() -> None:
    world = await Bench().start()
    stop = await world.stop(Side.BUY, "110")
    placed_ns = world.clock.now_ns()
    await world.wait(10)
    await world.publish(bar(world, 85, 110, 100, placed_ns))
    assert stop.state is OrderState.PENDING_NEW


@pytest.mark.parametrize(
    ("low", "high", "close"), [(nan, 101, 100), (85, nan, 100), (0, 101, 100), (85, inf, 100), (95, 90, 92)]
)
async def test_a_bar_that_is_none_triggers_nothing(low: float, high: float, close: float) -> None:
    world = await Bench().start()
    stops = [await world.stop(), await world.stop(Side.BUY, "99")]
    placed_ns = world.clock.now_ns()
    await world.wait(10)
    await world.publish(bar(world, low, high, close, placed_ns))
    assert states(*stops) == ["SUSPENDED", "SUSPENDED"]


@pytest.mark.parametrize("close", [nan, inf, 85.0, 102.0])
async def test_a_close_outside_its_bar_triggers_nothing(close: float) -> None:
    world = await Bench().start()
    stops = [await world.stop(), await world.stop(Side.BUY, "101.5")]
    await world.wait(10)
    await world.publish(bar(world, 90, 101, close, 0))
    assert states(*stops) == ["SUSPENDED", "SUSPENDED"]


# Listening


async def test_the_market_is_listened_to_only_while_a_stop_waits() -> None:
    world = await Bench().start()
    topics = TOPICS[SPOT.venue, SPOT.symbol]
    subscribed = world.bus._table._subscriptions
    assert not [s for s in subscribed if s.name == "stops"]
    first, second = await world.stop(), await world.stop()
    assert [s.patterns for s in subscribed if s.name == "stops"] == [(topic,) for topic in topics]
    world.orders.cancel(first)
    await world.bus.join()
    assert len([s for s in subscribed if s.name == "stops"]) == 3
    world.orders.cancel(second)
    await world.bus.join()
    assert not [s for s in subscribed if s.name == "stops"]


async def test_a_stop_in_place_of_the_last_one_is_watched_as_well() -> None:
    world = await Bench().start()
    first = await world.stop()
    world.orders.cancel(first)
    second = world.orders.submit(asked(Side.SELL, "1", None, "95"))
    await world.bus.join()
    assert len([s for s in world.bus._table._subscriptions if s.name == "stops"]) == 3
    await world.quote_at(95)
    assert states(first, second) == ["CANCELED", "PENDING_NEW"]


async def test_of_several_stops_just_those_that_are_reached_go_out() -> None:
    world = await Bench().start()
    stops = [await world.stop(side, level) for side in (Side.SELL, Side.BUY) for level in ("90", "95", "99")]
    for stop in stops[3:]:
        world.orders.cancel(stop)
    stops[3:] = [await world.stop(Side.BUY, level) for level in ("110", "105")]
    await world.bus.join()
    await world.quote_at(95, 100)
    assert states(*stops) == ["SUSPENDED", "PENDING_NEW", "PENDING_NEW", "SUSPENDED", "SUSPENDED"]
    await world.print_at(105)
    assert states(*stops) == ["SUSPENDED", "PENDING_NEW", "PENDING_NEW", "SUSPENDED", "PENDING_NEW"]
    await world.quote_at(90, 110)
    assert {stop.state.value for stop in stops} == {"PENDING_NEW"}


async def test_a_cancelled_stop_does_not_go_out() -> None:
    world = await Bench().start()
    first, second = await world.stop(), await world.stop()
    world.orders.cancel(first)
    await world.bus.join()
    await world.quote_at(80)
    assert states(first, second) == ["CANCELED", "PENDING_NEW"]


async def test_an_instrument_that_nothing_shows_keeps_its_stop() -> None:
    world = await Bench().start()
    world.contingent._triggers._topics = {}
    stop = await world.stop()
    await world.quote_at(80)
    assert stop.state is OrderState.SUSPENDED
    assert world.bus.errors == 0


async def test_after_the_end_nothing_goes_out_any_more() -> None:
    world = await Bench().start()
    stop = await world.stop()
    await world.contingent.close()
    await world.quote_at(80)
    assert stop.state is OrderState.SUSPENDED
    await world.stop()
    assert [s.name for s in world.bus._table._subscriptions if s.name == "stops"] == []
    await Bench().contingent.close()  # one that never started
