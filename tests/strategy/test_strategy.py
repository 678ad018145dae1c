"""What a strategy gets, what it can do, and what happens when it fails."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from quantai.core.component import import_dotted
from quantai.core.enums import OrderState, Side
from quantai.core.errors import ConfigError, NumberError, OrderError
from quantai.core.params import Duration, Positive
from quantai.events import (
    BarEvent,
    Event,
    FillEvent,
    OrderBookSnapshotEvent,
    OrderEvent,
    OrderFilledEvent,
    PositionEvent,
    TickEvent,
    TimerEvent,
    TradeEvent,
)
from quantai.oms.models import Order, OrderRequest
from quantai.oms.routing import Route
from quantai.strategy import BaseStrategy
from quantai.strategy.runner import handles, wanted_events
from tests.oms.world import BTC, PERP, SPOT, D, request, tick, trade
from tests.strategy.stage import LATENCY_NS, Stage


class Watcher(BaseStrategy):
    """Writes down all it is given."""

    def on_start(self) -> None:
        self.seen: list[Event] = []

    def on_tick(self, tick: TickEvent) -> None:
        self.seen.append(tick)

    async def on_trade(self, trade: TradeEvent) -> None:
        await asyncio.sleep(0)
        self.seen.append(trade)

    def on_bar(self, bar: BarEvent) -> None:
        self.seen.append(bar)

    def on_timer(self, timer: TimerEvent) -> None:
        self.seen.append(timer)


class Scripted(BaseStrategy):
    """Does on each tick what a test says."""

    def on_start(self) -> None:
        self.fills: list[FillEvent] = []
        self.order_events: list[OrderEvent] = []
        self.positions: list[PositionEvent] = []
        self.asked: list[Order] = []

    def on_tick(self, tick: TickEvent) -> None:
        self.asked.append(self.act(tick))

    def act(self, tick: TickEvent) -> Order:
        raise NotImplementedError

    async def on_fill(self, fill: FillEvent) -> None:
        self.fills.append(fill)

    def on_order(self, event: OrderEvent) -> None:
        self.order_events.append(event)

    def on_position(self, position: PositionEvent) -> None:
        self.positions.append(position)


def bar(interval_ns: int, symbol: str = "BTC/USDT") -> BarEvent:
    return BarEvent("binance", symbol, 1, 1, interval_ns, 1.0, 1.0, 1.0, 1.0, 1.0)


# The promise


class Promised(BaseStrategy):
    """The plan's example, to the letter."""

    async def on_tick(self, tick: TickEvent):  # type: ignore[no-untyped-def]
        await self.buy("BTC/USDT", quantity=0.001)

    async def on_fill(self, fill: OrderFilledEvent):  # type: ignore[no-untyped-def, override]
        self.logger.info(f"Filled at {fill.price}")


async def test_the_promised_example_runs_as_written(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stage = await Stage(Promised()).start()
    await stage.tick(99, 100)
    assert "Filled at 100" in caplog.text
    assert caplog.records[-1].name == "strategy.alpha"
    assert stage.portfolio.position("binance", "BTC/USDT", "alpha") == D("0.001")


# What it gets


async def test_a_strategy_gets_the_events_it_handles_of_its_own_instruments_only() -> None:
    strategy = Watcher()
    stage = await Stage(strategy, (SPOT, PERP), bar_interval_ns=60).start()
    wanted = [tick(SPOT, 99, 100), trade(PERP, 100, 1, Side.BUY), tick(PERP, 99, 100), bar(60)]
    for event in [*wanted, tick(BTC, 1, 2), trade(BTC, 1, 1, Side.SELL)]:
        await stage.show(event)
    assert strategy.seen == wanted


async def test_bars_of_another_interval_are_for_others() -> None:
    strategy = Watcher()
    stage = await Stage(strategy, bar_interval_ns=60).start()
    await stage.show(bar(3600))
    assert strategy.seen == []


def test_what_a_strategy_wants_is_what_it_defines_itself_or_inherits() -> None:
    class Child(Watcher):
        def on_book(self, book: OrderBookSnapshotEvent) -> None: ...

    assert wanted_events(BaseStrategy) == []
    assert wanted_events(Child) == [TickEvent, TradeEvent, BarEvent, OrderBookSnapshotEvent]
    assert handles(Child, "on_trade")
    assert not handles(Child, "on_fill")


async def test_only_the_own_orders_fills_and_positions_come_back() -> None:
    strategy = Scripted()
    strategy.act = lambda tick: strategy.buy("BTC/USDT", 1)  # type: ignore[method-assign]
    stage = await Stage(strategy).start()
    await stage.tick(99, 100)
    await stage.bus.publish(
        OrderFilledEvent(
            "x", "beta", "binance", "BTC/USDT", 1, 1, "", "1", Side.BUY, D(1), D(1), D(1), D(0), D(0), "USDT", "taker"  # type: ignore[arg-type]
        )
    )  # fmt: skip
    assert [event.topic_prefix for event in strategy.order_events] == [
        "order.submitted", "order.accepted", "order.filled",
    ]  # fmt: skip
    assert [fill.strategy for fill in strategy.fills] == ["alpha"]
    assert [position.quantity for position in strategy.positions] == [1]


async def test_a_timer_comes_at_whole_multiples_until_it_is_cancelled() -> None:
    strategy = Watcher()
    stage = await Stage(strategy).start()
    timer = strategy.every("10s", "beat")
    await stage.show(wait_ns=25 * 10**9)
    timer.cancel()
    await stage.show(wait_ns=25 * 10**9)
    beats = [event for event in strategy.seen if isinstance(event, TimerEvent)]
    assert [beat.ts_event % (10 * 10**9) for beat in beats] == [0, 0]
    assert {(beat.component, beat.name) for beat in beats} == {("alpha", "beat")}


# What it can do


async def test_price_and_quantity_are_put_on_the_grid_at_the_door() -> None:
    strategy = Scripted()
    await Stage(strategy).start()
    order = strategy.buy("BTC/USDT", 0.12399, 100.004)
    assert (order.quantity, order.price) == (D("0.123"), D("100.00"))
    assert strategy.sell("BTC/USDT", "0.1", Decimal("99.996")).price == 100
    assert strategy.sell("BTC/USDT", 1).price is None


@pytest.mark.parametrize("number", [float("nan"), float("inf"), "many", True, 1e300])
async def test_what_is_no_number_is_refused_at_the_door(number: Any) -> None:
    strategy = Scripted()
    stage = await Stage(strategy).start()
    with pytest.raises(NumberError, match="quantity of binance:BTC/USDT"):
        strategy.buy("BTC/USDT", number)
    with pytest.raises(NumberError, match="price of binance:BTC/USDT"):
        strategy.buy("BTC/USDT", 1, number)
    assert stage.topics("order") == []


async def test_a_strategy_trades_only_its_own_instruments_and_says_where_when_there_is_a_choice() -> None:
    strategy = Scripted()
    await Stage(strategy, (SPOT, BTC)).start()
    with pytest.raises(OrderError, match="pass venue="):
        strategy.buy("BTC/USDT", 1)
    with pytest.raises(OrderError, match="alpha may not trade BTC/USDT:USDT"):
        strategy.buy("BTC/USDT:USDT", 1)
    with pytest.raises(OrderError, match="may not trade"):
        strategy.buy("BTC/USDT", 1, venue="kraken")
    assert strategy.buy("BTC/USDT", 1, venue="okx").venue == "okx"
    with pytest.raises(OrderError, match="no time in force 'DAY'; there are GTC, IOC, FOK, POST_ONLY"):
        strategy.buy("BTC/USDT", 1, venue="okx", time_in_force="DAY")


async def test_a_rule_can_make_the_choice() -> None:
    strategy = Scripted()
    await Stage(strategy, (SPOT, BTC), routes=[Route("okx", strategy="alpha")]).start()
    assert strategy.buy("BTC/USDT", 1).venue == "okx"
    assert strategy.instrument("BTC/USDT") is BTC
    assert strategy.instrument("BTC/USDT", "binance") is SPOT


async def test_positions_ticks_and_balances_can_be_seen() -> None:
    strategy = Scripted()
    strategy.act = lambda tick: strategy.buy("BTC/USDT", 1, venue=tick.venue)  # type: ignore[method-assign]
    stage = await Stage(strategy, (SPOT, BTC)).start()
    assert strategy.tick("BTC/USDT", "okx") is None
    await stage.tick(99, 100, SPOT)
    await stage.tick(89, 90, BTC)
    assert strategy.position("BTC/USDT") == 2
    assert strategy.position("BTC/USDT", "okx") == 1
    assert strategy.balance("okx", "USDT") == 10**6 - 90
    newest = strategy.tick("BTC/USDT", "okx")
    assert newest is not None
    assert newest.ask_price == 90
    assert strategy.now_ns() == stage.clock.now_ns()
    assert strategy.open_orders == []


async def test_a_cancel_and_cancel_all_reach_the_own_orders_only() -> None:
    strategy = Scripted()
    stage = await Stage(strategy, (SPOT, PERP)).start()
    stage.market.update(tick(SPOT, 99, 100))
    stage.market.update(tick(PERP, 99, 100))
    first, second = strategy.buy("BTC/USDT", 1, 90), strategy.buy("BTC/USDT", 1, 91)
    perp = strategy.buy("BTC/USDT:USDT", 1, 90)
    await stage.show()
    strategy.cancel(first)
    await stage.show()
    assert [first.state, second.state, perp.state] == ["CANCELED", "NEW", "NEW"]
    strategy.cancel_all("BTC/USDT")
    await stage.show()
    assert (second.state, strategy.open_orders) == (OrderState.CANCELED, [perp])


async def test_a_venue_that_gives_no_clear_answer_leaves_the_order_unknown_to_the_strategy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    strategy = Scripted()
    stage = await Stage(strategy).start()

    def fail(command: object) -> None:
        raise TimeoutError("no answer in 10 s")

    monkeypatch.setattr(stage.venues["binance"], "submit", fail)
    order = await strategy.buy("BTC/USDT", 1)
    await stage.show()
    assert order.state is OrderState.UNKNOWN
    assert [event.topic_prefix for event in strategy.order_events] == ["order.submitted", "order.unknown"]
    assert strategy.open_orders == [order]


# Why it did it


async def test_one_can_walk_from_a_fill_back_to_the_tick_behind_it() -> None:
    class Chain(BaseStrategy):
        """Buys on the first tick, and sells what it bought."""

        def on_tick(self, tick: TickEvent) -> None:
            if not self.position("BTC/USDT") and not self.open_orders:
                self.buy("BTC/USDT", 1)

        def on_fill(self, fill: FillEvent) -> None:
            if fill.side is Side.BUY:
                self.sell("BTC/USDT", 1)

    stage = await Stage(Chain()).start()
    await stage.tick(99, 100)
    by_reference = {event.reference: event for event in stage.events}
    last = [event for event in stage.events if isinstance(event, FillEvent)][-1]
    assert last.side is Side.SELL
    bought = by_reference[last.cause]
    assert isinstance(bought, FillEvent)
    assert bought.side is Side.BUY
    assert isinstance(by_reference[bought.cause], TickEvent)


async def test_an_order_outside_any_event_has_no_cause() -> None:
    class Closing(BaseStrategy):
        """Sells when it is stopped."""

        def on_tick(self, tick: TickEvent) -> None: ...

        def on_stop(self) -> None:
            self.sell("BTC/USDT", 1)

    stage = await Stage(Closing()).start()
    assert stage.strategy.buy("BTC/USDT", 1).cause == ""
    await stage.tick(99, 100)
    await stage.runner.stop()
    submitted = [event for event in stage.events if isinstance(event, OrderEvent)]
    assert submitted[-1].cause == ""


# Parameters


class Tuned(BaseStrategy):
    """Has parameters, and attributes that are none."""

    size: Positive
    wait: Duration = 1_000
    levels: list[float] = [1.0]
    _memory = 0

    def on_start(self) -> None:
        self.count: int = 0


def test_annotated_attributes_are_parameters_and_each_strategy_has_its_own() -> None:
    one, other = Tuned(size="0.1"), Tuned(size=2, wait="5s", levels=[2])
    one.levels.append(5.0)
    assert (one.size, one.wait, other.size, other.wait) == (D("0.1"), 1_000, D(2), 5 * 10**9)
    assert (one.levels, other.levels, Tuned(size=1).levels) == ([1.0, 5.0], [2.0], [1.0])
    assert set(Tuned.params_model().model_fields) == {"size", "wait", "levels"}


@pytest.mark.parametrize(
    "params", [{}, {"size": 0}, {"size": "NaN"}, {"size": True}, {"size": 1, "sise": 2}, {"size": 1, "wait": 5}]
)
def test_wrong_parameters_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Tuned(**params)


@pytest.mark.parametrize("name", ["name", "position", "instruments", "open_orders", "buy"])
def test_a_parameter_cannot_hide_what_every_strategy_has(name: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot have a parameter '{name}'"):
        type("Hiding", (BaseStrategy,), {"__annotations__": {name: int}})


def test_the_strategies_that_come_with_it_can_be_named_in_yaml() -> None:
    assert issubclass(import_dotted("strategies.ema_cross.EmaCross"), BaseStrategy)


# When it fails


class Failing(BaseStrategy):
    """Orders, then fails; `sync` or not."""

    is_async: bool = False

    def on_start(self) -> None:
        self.handled = 0

    def on_tick(self, tick: TickEvent) -> Any:
        self.handled += 1
        self.buy("BTC/USDT", 1, 50)
        if self.is_async:
            return self.fail()
        raise ValueError("bad tick")

    async def fail(self) -> None:
        await asyncio.sleep(0)
        raise ValueError("bad tick")


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_strategy_that_fails_too_often_is_stopped_and_its_orders_are_cancelled(is_async: bool) -> None:
    strategy = Failing(is_async=is_async)
    stage = await Stage(strategy, max_errors=3).start()
    other = stage.orders.submit(stage_request("beta"))
    for _ in range(5):
        await stage.tick(99, 100)
    assert strategy.handled == 3
    assert (stage.runner.errors, stage.runner.failed) == (3, True)
    assert stage.orders.open_orders() == [other]
    assert stage.topics("order.canceled") == ["order.canceled.alpha"] * 3
    with pytest.raises(OrderError, match="alpha is stopped"):
        strategy.buy("BTC/USDT", 1)


def stage_request(strategy: str) -> OrderRequest:

    return request(Side.BUY, "1", "50", SPOT, strategy)


async def test_a_failed_strategy_keeps_no_timer_and_is_not_asked_to_stop() -> None:
    class FailingTimer(BaseStrategy):
        """Fails at its timer."""

        def on_start(self) -> None:
            self.beats = self.stops = 0
            self.every("1s")

        def on_timer(self, timer: TimerEvent) -> None:
            self.beats += 1
            raise RuntimeError("no")

        def on_stop(self) -> None:
            self.stops += 1

    strategy = FailingTimer()
    stage = await Stage(strategy, max_errors=2).start()
    await stage.show(wait_ns=10 * 10**9)
    await stage.runner.stop()
    assert (strategy.beats, strategy.stops) == (2, 0)


async def test_errors_of_others_do_not_count() -> None:
    strategy = Watcher()
    stage = await Stage(strategy, max_errors=1).start()

    def fail(event: Event) -> None:
        raise ValueError("not the strategy")

    await stage.bus.subscribe("market.tick.*", fail, name="somebody")
    await stage.tick(99, 100)
    assert (stage.runner.errors, len(strategy.seen)) == (0, 1)


async def test_stopping_cancels_open_orders_and_lets_on_stop_close_the_position() -> None:
    class Holder(BaseStrategy):
        """Holds one until it is stopped."""

        def on_tick(self, tick: TickEvent) -> None:
            if not self.open_orders:
                self.buy("BTC/USDT", 1)
                self.buy("BTC/USDT", 1, 50)

        def on_stop(self) -> None:
            self.sell("BTC/USDT", self.position("BTC/USDT"))

    stage = await Stage(Holder()).start()
    await stage.tick(99, 100)
    assert stage.portfolio.position("binance", "BTC/USDT") == 1
    await stage.runner.stop()
    await stage.show(wait_ns=10 * LATENCY_NS)
    assert stage.portfolio.position("binance", "BTC/USDT") == 0
    assert stage.orders.open_orders() == []
    before = len(stage.events)
    await stage.tick(99, 100)
    assert len(stage.events) == before + 1


async def test_an_error_in_on_stop_is_counted_and_the_orders_are_cancelled_anyway() -> None:
    class Clumsy(BaseStrategy):
        """Cannot stop."""

        def on_tick(self, tick: TickEvent) -> None:
            self.buy("BTC/USDT", 1, 50)

        async def on_stop(self) -> None:
            raise RuntimeError("no")

    stage = await Stage(Clumsy()).start()
    await stage.tick(99, 100)
    await stage.runner.stop()
    await stage.show()
    assert stage.runner.errors == 1
    assert stage.orders.open_orders() == []


async def test_a_strategy_that_cannot_start_is_neither_run_nor_stopped() -> None:
    class Stillborn(BaseStrategy):
        """Cannot start."""

        def on_start(self) -> None:
            raise RuntimeError("no data")

        def on_tick(self, tick: TickEvent) -> None:
            raise AssertionError("it must not run")

        def on_stop(self) -> None:
            raise AssertionError("it never started")

    stage = Stage(Stillborn())
    with pytest.raises(RuntimeError, match="no data"):
        await stage.start()
    await stage.tick(99, 100)
    await stage.runner.stop()
    assert stage.runner.errors == 0
