"""What a strategy can ask for beside market and limit orders, against a venue that fills."""

from __future__ import annotations

from typing import Any

import pytest

from quantai.core.enums import OrderState, OrderType, Side
from quantai.core.errors import NumberError, OrderError
from quantai.events import OrderPendingReplaceEvent, OrderSuspendedEvent, TickEvent
from quantai.oms.models import OrderRequest
from quantai.strategy import BaseStrategy
from tests.oms.world import BTC, PERP, SPOT, D, tick
from tests.strategy.stage import Stage


class Plain(BaseStrategy):
    """Does what a test says."""


async def stage_of(*, executes: bool = True) -> tuple[Plain, Stage]:
    strategy = Plain()
    stage = await Stage(strategy, (SPOT, PERP), executes=executes).start()
    await stage.tick(99.9, 100)
    return strategy, stage


# Stops


async def test_a_stop_is_kept_until_the_market_is_there_then_it_trades() -> None:
    strategy, stage = await stage_of()
    stop = strategy.sell("BTC/USDT", 1, trigger_price=90.004)
    limited = strategy.buy("BTC/USDT", "2.0009", 111.004, trigger_price="110", reduce_only=True)
    assert (stop.order_type, stop.trigger_price, stop.price, stop.state) == (OrderType.STOP, D(90), None, "SUSPENDED")
    assert [limited.order_type, limited.trigger_price, limited.price, limited.quantity, limited.reduce_only] == [
        OrderType.STOP_LIMIT, 110, 111, 2, True,
    ]  # fmt: skip
    assert strategy.open_orders == [stop, limited]
    await stage.tick(90, 90.1)
    assert [stop.state, stop.average_price] == [OrderState.FILLED, 90]
    assert stage.portfolio.position("binance", "BTC/USDT", "alpha") == -1
    strategy.cancel(limited)
    assert limited.state is OrderState.CANCELED


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"quantity": 1, "trigger_price": 0}, "trigger_price 0 of binance:BTC/USDT is not positive"),
        ({"quantity": 1, "trigger_price": -90}, "trigger_price -90 of binance:BTC/USDT is not positive"),
        ({"quantity": 1, "trigger_price": 90, "price": 0}, "price 0 of binance:BTC/USDT is not positive"),
        ({"quantity": 0, "trigger_price": 90}, "quantity 0 of binance:BTC/USDT is not positive"),
        ({"quantity": 0.0004, "trigger_price": 90}, "quantity 0 of binance:BTC/USDT is not positive"),
        ({"quantity": -1, "trigger_price": 90}, "quantity -1 of binance:BTC/USDT is not positive"),
    ],
)
async def test_a_stop_of_senseless_numbers_is_refused(numbers: dict[str, Any], words: str) -> None:
    strategy, stage = await stage_of()
    for act in (strategy.buy, strategy.sell):
        with pytest.raises(OrderError, match=words):
            act("BTC/USDT", **numbers)
    with pytest.raises(NumberError, match="price of binance:BTC/USDT"):
        strategy.buy("BTC/USDT", 1, trigger_price=float("nan"))
    assert stage.topics("order") == []


# Amending


async def test_an_amendment_is_put_on_the_grid_and_confirmed_by_the_venue() -> None:
    strategy, stage = await stage_of()
    order = strategy.buy("BTC/USDT", 2, 90)
    await stage.show()
    strategy.amend(order, 3.0009, 91.004)
    [asked] = [event for event in stage.events if isinstance(event, OrderPendingReplaceEvent)]
    assert [asked.quantity, asked.price] == [3, 91]
    await stage.show()
    assert [order.state, order.quantity, order.price] == ["NEW", 3, 91]
    strategy.amend(order, price=92)
    await stage.show()
    assert [order.quantity, order.price] == [3, 92]
    strategy.amend(order, quantity="1")
    await stage.show()
    assert [order.quantity, order.price] == [1, 92]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"quantity": 0}, "on binance:BTC/USDT cannot be amended to a quantity of 0"),
        ({"quantity": "-1"}, "cannot be amended to a quantity of -1"),
        ({"price": 0}, "cannot be amended to a price of 0"),
        ({"price": -5.0}, "cannot be amended to a price of -5"),
    ],
)
async def test_an_amendment_to_nonsense_is_refused(change: dict[str, Any], words: str) -> None:
    strategy, stage = await stage_of()
    order = strategy.buy("BTC/USDT", 2, 90)
    await stage.show()
    with pytest.raises(OrderError, match=words):
        strategy.amend(order, **change)
    with pytest.raises(NumberError):
        strategy.amend(order, price=float("nan"))
    assert order.state is OrderState.NEW


async def test_what_cannot_be_amended_is_refused() -> None:
    strategy, stage = await stage_of()
    done = strategy.buy("BTC/USDT", 2)
    await stage.show()
    assert done.state is OrderState.FILLED
    with pytest.raises(OrderError, match="cannot be amended|no limit"):
        strategy.amend(done, price=90)
    placed = strategy.bracket("buy", "BTC/USDT", 1, 99, take_profit=110, stop_loss=90)
    with pytest.raises(OrderError, match=f"follows from {placed.entry.client_order_id}"):
        strategy.amend(placed.take_profit, quantity=2)
    strategy.amend(placed.take_profit, price=120)
    assert placed.take_profit.price == 120


# Several at once


async def test_several_orders_go_out_together() -> None:
    strategy, stage = await stage_of()
    first, second, stop = strategy.submit_all(
        [
            strategy.request("buy", "BTC/USDT", 1, 90),
            strategy.request(Side.SELL, "BTC/USDT", "2.0005", 110, time_in_force="POST_ONLY"),
            strategy.request("sell", "BTC/USDT", 1, trigger_price=80),
        ]
    )
    await stage.show()
    assert [first.state, second.state, stop.state] == ["NEW", "NEW", "SUSPENDED"]
    assert [second.quantity, second.time_in_force, first.side] == [2, "POST_ONLY", Side.BUY]
    with pytest.raises(OrderError, match="side 'buy' or 'sell', not 'long'"):
        strategy.request("long", "BTC/USDT", 1)
    with pytest.raises(OrderError, match="not <Side.UNKNOWN"):
        strategy.request(Side.UNKNOWN, "BTC/USDT", 1)


async def test_an_order_is_found_by_its_id_if_it_is_the_strategys() -> None:
    strategy, stage = await stage_of()
    mine = strategy.buy("BTC/USDT", 1, 90)
    other = stage.orders.submit(OrderRequest("beta", SPOT, Side.BUY, OrderType.LIMIT, D(1), D(90)))
    assert strategy.order(mine.client_order_id) is mine
    assert strategy.order(other.client_order_id) is None
    assert strategy.order("x") is None


# Brackets and pairs


async def test_a_bracket_takes_its_profit() -> None:
    strategy, stage = await stage_of()
    placed = strategy.bracket(Side.BUY, "BTC/USDT", 1, take_profit=110.004, stop_loss="90")
    assert [placed.take_profit.price, placed.stop_loss.trigger_price] == [110, 90]
    await stage.show()
    assert (placed.entry.state, placed.take_profit.state) == ("FILLED", "NEW")
    await stage.tick(110, 111)
    assert [order.state for order in (placed.take_profit, placed.stop_loss)] == ["FILLED", "CANCELED"]
    assert stage.portfolio.position("binance", "BTC/USDT", "alpha") == 0
    assert strategy.open_orders == []


async def test_a_bracket_stops_its_loss() -> None:
    strategy, stage = await stage_of()
    placed = strategy.bracket("sell", "BTC/USDT", 1, 99, take_profit=90, stop_loss=110)
    await stage.show()
    assert placed.entry.average_price == D("99.9")
    await stage.tick(110, 111)
    assert [order.state for order in (placed.take_profit, placed.stop_loss)] == ["CANCELED", "FILLED"]
    assert stage.portfolio.position("binance", "BTC/USDT", "alpha") == 0


async def test_a_pair_trades_one_of_its_two() -> None:
    strategy, stage = await stage_of()
    limit, stop = strategy.oco("sell", "BTC/USDT", 1, price=110, trigger_price=90)
    await stage.show()
    assert [limit.price, stop.trigger_price] == [110, 90]
    await stage.tick(110, 111)
    assert [limit.state, stop.state] == ["FILLED", "CANCELED"]


@pytest.mark.parametrize("number", [float("nan"), "much", True])
async def test_what_is_no_number_is_refused_in_brackets_and_pairs(number: Any) -> None:
    strategy, stage = await stage_of()
    for numbers in ({"take_profit": number, "stop_loss": 90}, {"take_profit": 110, "stop_loss": number}):
        with pytest.raises(NumberError, match="price of binance"):
            strategy.bracket("buy", "BTC/USDT", 1, 100, **numbers)
    with pytest.raises(NumberError, match="price of binance"):
        strategy.oco("sell", "BTC/USDT", 1, price=110, trigger_price=number)
    with pytest.raises(NumberError, match="quantity of binance"):
        strategy.oco("sell", "BTC/USDT", number, price=110, trigger_price=90)
    assert stage.topics("order") == []


async def test_brackets_and_pairs_need_a_daemon_that_executes() -> None:
    strategy, _ = await stage_of(executes=False)
    with pytest.raises(OrderError, match="alpha runs in a daemon that does not execute orders"):
        strategy.bracket("buy", "BTC/USDT", 1, 99, take_profit=110, stop_loss=90)
    with pytest.raises(OrderError, match="run the strategy there, or place a stop"):
        strategy.oco("sell", "BTC/USDT", 1, price=110, trigger_price=90)


async def test_a_stopped_strategy_may_cancel_and_nothing_else() -> None:
    strategy, stage = await stage_of()
    order = strategy.buy("BTC/USDT", 2, 90)
    await stage.show()
    await stage.runner.stop()
    attempts: list[Any] = [
        lambda: strategy.amend(order, price=91),
        lambda: strategy.request("buy", "BTC/USDT", 1),
        lambda: strategy.buy("BTC/USDT", 1, trigger_price=110),
        lambda: strategy.bracket("buy", "BTC/USDT", 1, 99, take_profit=110, stop_loss=90),
    ]
    for attempt in attempts:
        with pytest.raises(OrderError, match="alpha is stopped"):
            attempt()
    strategy.cancel(order)


async def test_the_cause_of_a_bracket_is_what_the_strategy_was_handling() -> None:
    class OnTick(BaseStrategy):
        """Enters on the first tick."""

        def on_tick(self, tick: TickEvent) -> None:
            if not self.open_orders:
                self.bracket("buy", "BTC/USDT", 1, 99, take_profit=110, stop_loss=90)

    stage = await Stage(OnTick(), (SPOT,)).start()
    shown = tick(SPOT, 99.5, 100, ts_ns=stage.clock.now_ns())
    await stage.show(shown)
    told = [event for event in stage.events if isinstance(event, OrderSuspendedEvent)]
    assert [event.cause for event in told] == [shown.reference] * 2


# What only a venue knows


async def test_options_are_texts_of_what_the_strategy_says() -> None:
    strategy, stage = await stage_of()
    order = strategy.buy("BTC/USDT", 1, 99, options={"icebergQty": D("0.10"), "flag": True})
    assert order.options == (("flag", "true"), ("icebergQty", "0.1"))
    [other] = strategy.submit_all([strategy.request("sell", "BTC/USDT", 1, 120, options={"a": "b"})])
    assert other.options == (("a", "b"),)
    with pytest.raises(OrderError, match="plain text"):
        strategy.sell("BTC/USDT", 1, 120, options={"a": ""})
    assert stage.topics("order.denied") == []


async def test_a_stop_for_the_venue_is_kept_here_where_the_venue_is_simulated() -> None:
    strategy, stage = await stage_of()
    stop = strategy.sell("BTC/USDT", 1, trigger_price=90, at_venue=True)
    limited = strategy.sell("BTC/USDT", 1, 89, trigger_price=90, at_venue=True)
    assert [stop.order_type, limited.order_type] == [OrderType.STOP, OrderType.STOP_LIMIT]
    assert (stop.state, stop.at_venue) == (OrderState.SUSPENDED, False)
    await stage.tick(90, 90.1)
    assert stop.state is OrderState.FILLED
    with pytest.raises(OrderError, match="a stop order needs a trigger price"):
        strategy.sell("BTC/USDT", 1, at_venue=True)


@pytest.mark.parametrize("fields", [{"options": {"a": "1"}}, {"at_venue": True, "options": {"a": "1"}}])
async def test_options_are_one_venues_so_the_venue_must_be_named(fields: dict[str, Any]) -> None:
    strategy = Plain()
    stage = await Stage(strategy, (SPOT, BTC)).start()
    await stage.tick(99.9, 100)
    with pytest.raises(OrderError, match="alpha can trade BTC/USDT at binance, okx: pass venue="):
        strategy.buy("BTC/USDT", 1, 99, **fields)
    if "at_venue" not in fields:
        assert strategy.buy("BTC/USDT", 1, 99, venue="okx", **fields).venue == "okx"
