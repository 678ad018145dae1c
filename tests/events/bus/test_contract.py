"""The contract of `quantai.events.bus.base`, held by every implementation: subscribing, order, errors."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable
from typing import Any

import pytest

from quantai.core.errors import BusClosed, BusError
from quantai.core.numbers import ZERO
from quantai.events import ErrorEvent, Event, PortfolioValueEvent, StartedEvent, StoppedEvent, TimerEvent
from quantai.events.bus import EventBus, QueuePolicy, Subscription
from tests.events.bus.conftest import Gate, numbers, trade, turns
from tests.events.bus.tasks import publish_in_task


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


async def test_a_handler_gets_the_very_event(bus: EventBus) -> None:
    seen: list[Event] = []
    await bus.subscribe("market.trade.binance.BTC/USDT", seen.append)
    event = trade()
    await bus.publish(event)
    assert seen == [event]
    assert seen[0] is event


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("*", True),
        ("market.*", True),
        ("market.trade.*", True),
        ("market.*.binance.*", True),
        ("*.BTC/USDT", True),
        ("market.trade.binance.BTC/USDT", True),
        ("market.trade.binance.BTC/USDT*", True),
        ("market.tick.*", False),
        ("market.trade.binance.BTC", False),
        ("trade", False),
        ("market.*.okx.*", False),
    ],
)
async def test_a_pattern_says_which_topics(bus: EventBus, pattern: str, matches: bool) -> None:
    seen: list[Event] = []
    await bus.subscribe(pattern, seen.append)
    await bus.publish(trade())
    assert bool(seen) == matches
    assert bus.is_wanted(trade().topic) == matches


async def test_events_of_every_family_find_their_way(bus: EventBus) -> None:
    value = PortfolioValueEvent(1, 1, "USDT", ZERO, ZERO, ZERO)
    timer = TimerEvent("ema", 1, 1, "daily")
    seen: dict[str, list[Event]] = {"portfolio.value": [], "system.timer.ema": [], "system.timer.other": []}
    for pattern, events in seen.items():
        await bus.subscribe(pattern, events.append)
    for event in (value, timer, trade(), value):
        await bus.publish(event)
    assert seen == {"portfolio.value": [value, value], "system.timer.ema": [timer], "system.timer.other": []}


async def test_an_empty_pattern_is_refused(bus: EventBus) -> None:
    with pytest.raises(BusError, match="must not be empty"):
        await bus.subscribe("", print)


async def test_overlapping_patterns_deliver_once_for_each_subscription_in_order_of_subscribing(bus: EventBus) -> None:
    calls: list[str] = []

    def called(name: str, event: Event) -> None:
        calls.append(name)

    for name, pattern in (("all", "*"), ("trades", "market.trade.*"), ("stars", "*market*trade*"), ("again", "*")):
        await bus.subscribe(pattern, functools.partial(called, name))
    await bus.publish(trade())
    assert calls == ["all", "trades", "stars", "again"]


@pytest.mark.parametrize("first", range(7))
@pytest.mark.parametrize("via", ["publish", "post", "dispatch"])
async def test_every_way_of_publishing_reaches_every_kind_of_handler(bus: EventBus, via: str, first: int) -> None:
    seen: list[str] = []

    def plain(event: Event) -> None:
        seen.append("plain")

    async def coroutine(event: Event) -> None:
        seen.append("coroutine")

    async def suspending(event: Event) -> None:
        await asyncio.sleep(0)
        seen.append("suspending")

    class Handler:
        async def __call__(self, event: Event) -> None:
            seen.append("object")

    async def of_two(name: str, event: Event) -> None:
        seen.append(name)

    def future(event: Event) -> Awaitable[None]:
        seen.append("future")
        return asyncio.get_running_loop().create_task(coroutine(event))

    def something(event: Event) -> Any:
        seen.append("something")
        return 5

    handlers = (plain, coroutine, suspending, Handler(), functools.partial(of_two, "partial"), future, something)
    for handler in handlers[first:]:
        await bus.subscribe("*", handler)
    if via == "publish":
        await bus.publish(trade())
    elif via == "post":
        bus.post(trade())
        await bus.join()
    else:
        pending = bus.dispatch(trade())
        assert pending is not None
        assert bus.is_busy
        await pending
    assert not bus.is_busy
    every = [["plain"], ["coroutine"], ["suspending"], ["object"], ["partial"], ["future", "coroutine"], ["something"]]
    assert seen == [name for names in every[first:] for name in names]
    assert bus.errors == 0


async def test_dispatch_to_plain_handlers_is_done_when_it_returns(bus: EventBus) -> None:
    seen: list[Event] = []

    def publish_more(event: Event) -> None:
        if numbers([event]) == [1]:
            bus.post(trade(2))

    await bus.subscribe("*", publish_more)
    await bus.subscribe("*", seen.append)
    assert bus.dispatch(trade(1)) is None
    assert numbers(seen) == [1, 2]
    assert not bus.is_busy


async def test_nobody_need_subscribe(bus: EventBus) -> None:
    await bus.publish(trade())
    assert bus.dispatch(trade()) is None
    assert not bus.is_busy


async def test_what_a_handler_publishes_waits_its_turn(bus: EventBus) -> None:
    calls: list[tuple[str, int]] = []

    async def first(event: Event) -> None:
        (number,) = numbers([event])
        calls.append(("first", number))
        if number == 1:
            await bus.publish(trade(2))
            bus.post(trade(3))
            assert bus.dispatch(trade(4)) is None
            calls.append(("first is done", number))

    await bus.subscribe("*", first)
    await bus.subscribe("*", lambda event: calls.append(("second", numbers([event])[0])))
    await bus.publish(trade(1))
    assert calls == [
        ("first", 1), ("first is done", 1), ("second", 1),
        ("first", 2), ("second", 2), ("first", 3), ("second", 3), ("first", 4), ("second", 4),
    ]  # fmt: skip


async def test_what_another_task_publishes_while_a_handler_is_suspended_waits_its_turn(bus: EventBus) -> None:
    gate, seen = Gate(), list[Event]()
    await bus.subscribe("*", gate)
    await bus.subscribe("*", seen.append)
    first = publish_in_task(bus, trade(1))
    await turns()
    assert bus.is_busy
    await bus.publish(trade(2))
    bus.post(trade(3))
    await turns()
    assert numbers(gate.entered) == [1]
    assert seen == []
    gate.open()
    await first
    assert numbers(gate.left) == [1, 2, 3]
    assert numbers(seen) == [1, 2, 3]


async def test_a_subscriber_that_joins_gets_the_next_event(bus: EventBus) -> None:
    late: list[Event] = []

    async def subscribe_late(event: Event) -> None:
        if numbers([event]) == [1]:
            bus.post(trade(2))
            await bus.subscribe("*", late.append)

    await bus.subscribe("*", subscribe_late)
    await bus.publish(trade(1))
    assert numbers(late) == [2]


async def test_a_subscriber_that_leaves_still_gets_the_event_being_delivered(bus: EventBus) -> None:
    leaving: list[Event] = []
    subscriptions: list[Subscription] = []

    async def unsubscribe_the_other(event: Event) -> None:
        await bus.unsubscribe(subscriptions[0])

    await bus.subscribe("*", unsubscribe_the_other)
    subscriptions.append(await bus.subscribe("*", leaving.append))
    await bus.publish(trade(1))
    await bus.publish(trade(2))
    assert numbers(leaving) == [1]


async def test_unsubscribing_twice_is_harmless(bus: EventBus) -> None:
    seen: list[Event] = []
    subscription = await bus.subscribe("*", seen.append)
    await bus.subscribe("market.*", seen.append)
    await bus.unsubscribe(subscription)
    await bus.unsubscribe(subscription)
    await bus.publish(trade(1))
    assert numbers(seen) == [1]


async def test_the_same_handler_may_subscribe_twice(bus: EventBus) -> None:
    seen: list[Event] = []
    first = await bus.subscribe("*", seen.append)
    await bus.subscribe("*", seen.append)
    await bus.publish(trade(1))
    await bus.unsubscribe(first)
    await bus.publish(trade(2))
    assert numbers(seen) == [1, 1, 2]


async def test_is_wanted_follows_subscriptions(bus: EventBus) -> None:
    assert not bus.is_wanted("market.trade.binance.BTC/USDT")
    subscription = await bus.subscribe("market.trade.*", print)
    assert bus.is_wanted("market.trade.binance.BTC/USDT")
    assert not bus.is_wanted("market.tick.binance.BTC/USDT")
    await bus.unsubscribe(subscription)
    assert not bus.is_wanted("market.trade.binance.BTC/USDT")


@pytest.mark.parametrize("kind", ["plain", "coroutine", "suspended", "queued"])
@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError("stray"), Unprintable()], ids=repr)
async def test_an_error_is_reported_and_stops_nobody(
    bus: EventBus, kind: str, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Event] = []

    def plain(event: Event) -> None:
        if numbers([event]):
            raise error

    async def coroutine(event: Event) -> None:
        if kind != "coroutine":
            await asyncio.sleep(0)
        plain(event)

    failing = await bus.subscribe(
        "*", plain if kind == "plain" else coroutine, name="broken", queue=QueuePolicy() if kind == "queued" else None
    )
    await bus.subscribe("*", seen.append)
    await bus.publish(trade(7))
    await bus.join()
    await bus.publish(trade(8))
    await bus.join()
    assert numbers(seen) == [7, 8]
    assert bus.errors == failing.errors == 2
    report = seen[1]
    assert isinstance(report, ErrorEvent)
    assert report.topic == "system.error.broken"
    assert report.cause == trade(7).reference
    assert report.error == type(error).__name__
    assert report.ts_event == report.ts_init == 1_000
    if not isinstance(error, Unprintable):
        assert report.message == str(error)
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert "broken failed on market.trade.binance.BTC/USDT" in caplog.text


async def test_a_handler_of_errors_that_fails_does_not_feed_itself(bus: EventBus) -> None:
    def fail(event: Event) -> None:
        raise RuntimeError("always")

    subscription = await bus.subscribe("*", fail)
    await bus.publish(trade())
    assert subscription.errors == bus.errors == 2  # the trade, and the report of that


async def test_a_handler_without_a_name_is_called_what_python_calls_it(bus: EventBus) -> None:
    async def named(event: Event) -> None: ...

    assert (await bus.subscribe("*", named)).name.endswith("named")
    assert (await bus.subscribe("*", functools.partial(named))).name == "partial"
    assert (await bus.subscribe("*", named, name="mine")).name == "mine"


async def test_a_log_line_is_not_written_for_the_thousandth_same_error(
    bus: EventBus, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: Event) -> None:
        raise RuntimeError("always")

    await bus.subscribe("market.*", fail)
    for number in range(1_001):
        bus.post(trade(number))
    assert bus.errors == 1_001
    assert len(caplog.records) == 11


async def test_close_delivers_what_was_published_and_refuses_the_rest(bus: EventBus) -> None:
    gate, seen = Gate(), list[Event]()

    async def follow_up(event: Event) -> None:
        seen.append(event)
        if numbers([event]) == [1]:
            await bus.publish(StoppedEvent("follow_up", 1, 1))

    await bus.subscribe("*", gate)
    await bus.subscribe("*", follow_up)
    publisher = publish_in_task(bus, trade(1))
    await turns()
    bus.post(trade(2))
    closing = asyncio.create_task(bus.close())
    await turns()
    with pytest.raises(BusClosed, match=r"market\.trade\.binance\.BTC/USDT was not published"):
        await bus.publish(trade(3))
    gate.open()
    await closing
    await publisher
    assert numbers(seen) == [1, 2]
    assert isinstance(seen[-1], StoppedEvent)
    for publish in (bus.post, bus.dispatch):
        with pytest.raises(BusClosed, match="was not published"):
            publish(trade(4))
    with pytest.raises(BusClosed, match="was not published"):
        await bus.publish(trade(5))
    with pytest.raises(BusClosed, match="was not published"):
        await bus.publish(StartedEvent("late", 1, 1))
    with pytest.raises(BusClosed, match="was not subscribed"):
        await bus.subscribe("*", print)
    await bus.close()
    assert numbers(seen) == [1, 2]


@pytest.mark.parametrize("method", ["join", "close"])
@pytest.mark.parametrize("queue", [None, QueuePolicy()], ids=["direct", "queued"])
async def test_a_handler_cannot_wait_for_itself(bus: EventBus, method: str, queue: QueuePolicy | None) -> None:
    reports: list[ErrorEvent] = []

    async def wait(event: Event) -> None:
        await asyncio.sleep(0)
        await getattr(bus, method)()

    await bus.subscribe("market.*", wait, queue=queue)
    await bus.subscribe("system.error.*", reports.append)
    await bus.publish(trade())
    await bus.join()
    assert [report.error for report in reports] == ["BusError"]
    assert "cannot join or close" in reports[0].message
    await bus.publish(trade())  # it is not closed


async def test_join_waits_for_a_suspended_handler(bus: EventBus) -> None:
    gate = Gate()
    await bus.subscribe("*", gate)
    publisher = publish_in_task(bus, trade(1))
    await turns()
    joining = [asyncio.create_task(bus.join()) for _ in range(3)]
    await turns()
    joining[0].cancel()
    await turns()
    assert [task.done() for task in joining] == [True, False, False]
    gate.open()
    await publisher
    await asyncio.gather(*joining[1:])
    assert numbers(gate.left) == [1]
    assert not bus.is_busy
    await bus.join()


async def test_several_patterns_are_one_subscription_and_one_delivery(bus: EventBus) -> None:
    seen: list[Event] = []
    subscription = await bus.subscribe(["market.trade.*", "market.*", "system.started.*"], seen.append)
    started = StartedEvent("test", 1, 1)
    await bus.publish(trade(1))
    await bus.publish(started)
    await bus.publish(StoppedEvent("test", 1, 1))
    assert seen == [trade(1), started]
    assert bus.is_wanted("system.started.other")
    await bus.unsubscribe(subscription)
    await bus.publish(trade(2))
    assert len(seen) == 2


async def test_no_pattern_is_refused(bus: EventBus) -> None:
    with pytest.raises(BusError, match="at least one"):
        await bus.subscribe([], print)


async def test_what_is_published_to_coroutines_and_never_awaited_harms_nobody(bus: EventBus) -> None:
    seen: list[Event] = []

    async def remember(event: Event) -> None:
        seen.append(event)

    for _ in range(2):  # alone, and among others
        await bus.subscribe("*", remember)
        publisher = publish_in_task(bus, trade(1))
        publisher.cancel()
        await asyncio.gather(publisher, return_exceptions=True)
        await bus.publish(trade(2))
    assert numbers(seen) == [2, 2, 2]


async def test_what_is_awaited_late_is_published_then(bus: EventBus) -> None:
    gate = Gate()
    await bus.subscribe("market.trade.binance.BTC/USDT", gate)
    seen: list[Event] = []
    await bus.subscribe("*", seen.append)
    first = publish_in_task(bus, trade(1))
    await turns()
    second = bus.publish(trade(2, symbol="ETH/USDT"))  # while the first is delivered
    gate.open()
    await first
    await second
    await bus.join()
    assert numbers(seen) == [1, 2]


async def test_what_is_awaited_after_closing_is_refused(bus: EventBus) -> None:
    seen: list[Event] = []

    async def remember(event: Event) -> None:
        seen.append(event)

    await bus.subscribe("*", remember)
    late = bus.publish(trade(1))
    await bus.close()
    with pytest.raises(BusClosed):
        await late
    assert seen == []
