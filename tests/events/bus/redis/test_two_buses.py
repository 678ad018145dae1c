"""What one process publishes on the Redis bus, and what another gets."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.errors import BusError
from quantai.events import ErrorEvent, Event, PortfolioValueEvent, StartedEvent, StoppedEvent, TimerEvent, TradeEvent
from quantai.events.bus.redis import RedisEventBus
from tests.events.bus.conftest import Gate, make_redis_bus, numbers, trade, unique_name
from tests.events.bus.redis.conftest import OpenBus, until

VALUE = PortfolioValueEvent(1, 1, "USDT", Decimal("1.50"), Decimal(0), Decimal("-0.1"))


async def test_events_of_every_family_arrive_as_they_were(open_bus: OpenBus) -> None:
    seen: list[Event] = []
    await open_bus({"*": seen.append})
    sender = await open_bus()
    events = [VALUE, TimerEvent("ema", 1, 1, "daily"), StartedEvent("é", 1, 1)]
    for event in events:
        await sender.publish(event)
    await until(lambda: len(seen) == 3)
    assert seen == events
    await sender.publish(trade(7, "Ω/USDT"))
    await until(lambda: len(seen) == 4)
    assert seen[3] == trade(7, "Ω/USDT")
    await until(lambda: sender.counters.published == 4)


async def test_each_publishers_events_come_in_its_order_and_all_see_one_order(open_bus: OpenBus) -> None:
    first: list[Event] = []
    second: list[Event] = []
    await open_bus({"market.*": first.append})
    await open_bus({"market.*": second.append}, group="recorder", resume=True)
    senders = [await open_bus(batch_size=7) for _ in range(2)]
    for number in range(500):
        for which, sender in enumerate(senders):
            await sender.publish(trade(number, f"P{which}/X"))
        if number % 50 == 0:
            await asyncio.sleep(0)
    await until(lambda: len(first) == len(second) == 1_000)
    assert first == second
    for which in range(2):
        own = [event for event in first if isinstance(event, TradeEvent) and event.symbol == f"P{which}/X"]
        assert numbers([*own]) == list(range(500))


async def test_what_comes_from_elsewhere_is_not_sent_back(open_bus: OpenBus) -> None:
    seen: dict[str, list[Event]] = {"a": [], "b": [], "c": []}
    buses = {who: await open_bus({"*": events.append}) for who, events in seen.items()}
    for number in range(20):
        await buses["a"].publish(trade(number))
    await buses["b"].publish(trade(100))
    await until(lambda: all(len(events) == 21 for events in seen.values()))
    for events in seen.values():
        assert sorted(numbers(events)) == [*range(20), 100]
    await until(lambda: [bus.counters.published for bus in buses.values()] == [20, 1, 0])
    assert [bus.counters.received for bus in buses.values()] == [1, 20, 21]


async def test_overlapping_patterns_deliver_once_for_each_subscription(open_bus: OpenBus) -> None:
    calls: list[str] = []
    handlers: dict[str, Any] = {
        pattern: lambda event, pattern=pattern: calls.append(pattern)
        for pattern in ("*", "market.trade.*", "*.BTC/USDT", "market.tick.*", "order.*")
    }
    await open_bus(handlers)
    sender = await open_bus()
    await sender.publish(trade())
    await until(lambda: calls)
    assert calls == ["*", "market.trade.*", "*.BTC/USDT"]


async def test_only_what_the_patterns_say_leaves_and_enters(open_bus: OpenBus) -> None:
    seen: list[Event] = []
    await open_bus({"*": seen.append}, receive=("market.trade.okx.*", "system.started.*"))
    sender = await open_bus(publish=("market.*", "system.*"))
    for event in (trade(1), trade(2, venue="okx"), VALUE, StoppedEvent("x", 1, 1), StartedEvent("x", 1, 1)):
        await sender.publish(event)
    await sender.publish(trade(3, venue="okx"))
    await until(lambda: len(seen) == 3)
    assert set(seen) == {trade(2, venue="okx"), trade(3, venue="okx"), StartedEvent("x", 1, 1)}
    await until(lambda: sender.counters.published == 5)


async def test_a_stream_is_read_only_once_somebody_wants_it(open_bus: OpenBus) -> None:
    values: list[Event] = []
    trades: list[Event] = []
    receiver = await open_bus({"portfolio.*": values.append})
    sender = await open_bus()
    await sender.publish(trade(1))
    await sender.publish(VALUE)
    await until(lambda: values)
    assert receiver.counters.received == 1
    await receiver.subscribe("market.*", trades.append)
    await sender.publish(trade(2))
    await until(lambda: trades)
    assert numbers(trades) == [2]  # from the subscription on


async def test_who_unsubscribed_gets_no_more(open_bus: OpenBus) -> None:
    leaving: list[Event] = []
    staying: list[Event] = []
    receiver = await open_bus({"market.*": staying.append})
    subscription = await receiver.subscribe("market.*", leaving.append)
    sender = await open_bus()
    await sender.publish(trade(1))
    await until(lambda: leaving)
    await receiver.unsubscribe(subscription)
    await sender.publish(trade(2))
    await until(lambda: len(staying) == 2)
    assert numbers(leaving) == [1]


async def test_a_handler_that_fails_stops_nobody_and_is_reported_to_all(open_bus: OpenBus) -> None:
    seen: list[Event] = []
    reports: list[Event] = []

    def fail(event: Event) -> None:
        raise ValueError("no")

    receiver = await open_bus({"market.*": fail, "*.BTC/USDT": seen.append})
    sender = await open_bus({"system.error.*": reports.append})
    await sender.publish(trade(1))
    await sender.publish(trade(2))
    await until(lambda: len(reports) == 2)
    assert numbers(seen) == [1, 2]
    assert receiver.errors == 2
    assert sender.errors == 0
    report = reports[0]
    assert isinstance(report, ErrorEvent)
    assert report.cause == trade(1).reference


async def test_a_handler_may_answer(open_bus: OpenBus) -> None:
    answers: list[Event] = []
    answering: list[RedisEventBus] = []

    async def answer(event: TradeEvent) -> None:
        await answering[0].publish(TimerEvent("answer", 1, event.ts_init, "x"))

    answering.append(await open_bus({"market.*": answer}))
    sender = await open_bus({"system.timer.*": answers.append})
    for number in range(50):
        await sender.publish(trade(number))
    await until(lambda: len(answers) == 50)
    assert answers == [TimerEvent("answer", 1, number, "x") for number in range(50)]


async def test_a_slow_subscriber_slows_the_reading_and_loses_nothing(open_bus: OpenBus) -> None:
    gate = Gate()
    receiver = await open_bus({"market.*": gate}, queue_limit=10, batch_size=10)
    sender = await open_bus(batch_size=10)
    for number in range(1_000):
        await sender.publish(trade(number))
    await until(lambda: sender.backlog == 0)
    await until(lambda: gate.entered)
    await asyncio.sleep(0)
    assert receiver.counters.received < 1_000
    gate.open()
    await until(lambda: len(gate.left) == 1_000)
    assert numbers(gate.left) == list(range(1_000))


async def test_local_delivery_does_not_wait_for_redis(open_bus: OpenBus) -> None:
    seen: list[Event] = []
    sender = await open_bus({"*": seen.append})
    assert sender.dispatch(trade(1)) is None
    assert numbers(seen) == [1]
    assert sender.backlog == 1
    await until(lambda: sender.backlog == 0)
    assert sender.counters.published == 1


async def test_what_is_published_to_others_is_wanted(open_bus: OpenBus) -> None:
    sender = await open_bus(publish=("market.trade.*",))
    assert sender.is_wanted("market.trade.okx.A/B")
    assert not sender.is_wanted("market.tick.okx.A/B")


async def test_closing_waits_until_redis_has_everything(open_bus: OpenBus) -> None:
    seen: list[Event] = []
    await open_bus({"market.*": seen.append})
    sender = await open_bus()
    for number in range(3_000):
        await sender.publish(trade(number))
    await sender.close()
    assert sender.backlog == 0
    assert sender.counters.published == 3_000
    await until(lambda: len(seen) == 3_000)


async def test_starting_twice_is_refused(open_bus: OpenBus) -> None:
    bus = await open_bus()
    with pytest.raises(BusError, match="started already"):
        await bus.start()


programs = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(["A/B", "C/D", "value", "timer"]), st.booleans()), max_size=25
)


def numbered(number: int, what: str) -> Event:
    """An event that `number` tells from others."""
    if what == "value":
        return PortfolioValueEvent(1, number, "USDT", Decimal(number), Decimal(0), Decimal(0))
    return TimerEvent("t", 1, number, "x") if what == "timer" else trade(number, what)


@settings(max_examples=15)
@given(program=programs, batch_size=st.integers(1, 5))
def test_any_program_of_two_processes_is_seen_by_others(program: list[tuple[int, str, bool]], batch_size: int) -> None:
    """Everything arrives once, each process's events in its order, and on each stream in one order for all."""

    async def scenario() -> None:
        name = unique_name()
        senders = [make_redis_bus(name=name, batch_size=batch_size) for _ in range(2)]
        receivers = [make_redis_bus(name=name), make_redis_bus(name=name, group="g", resume=True)]
        seen: list[list[Event]] = [[], []]
        for bus, events in zip(receivers, seen, strict=True):
            await bus.subscribe("*", events.append)
        for bus in senders + receivers:
            await bus.start()
        sent: list[list[Event]] = [[], []]
        for number, (who, what, pauses) in enumerate(program):
            sent[who].append(numbered(number, what))
            await senders[who].publish(sent[who][-1])
            if pauses:
                await asyncio.sleep(0)
        await until(lambda: all(len(events) == len(program) for events in seen))
        for bus in senders + receivers:
            await bus.close()
        for is_market in (True, False):
            first, second = ([e for e in events if isinstance(e, TradeEvent) == is_market] for events in seen)
            assert first == second
            for own in sent:
                assert [e for e in first if e in own] == [e for e in own if isinstance(e, TradeEvent) == is_market]

    asyncio.run(scenario())


async def test_a_bus_that_receives_nothing_publishes(open_bus: OpenBus) -> None:
    seen: list[Event] = []
    deaf: list[Event] = []
    receiver = await open_bus({"market.*": seen.append})
    sender = await open_bus({"market.*": deaf.append}, receive=())
    await sender.publish(trade(1))
    await until(lambda: seen)
    await receiver.publish(trade(2))
    await sender.publish(trade(3))
    await until(lambda: receiver.backlog == 0 and len(seen) == 3)
    assert numbers(deaf) == [1, 3]
    assert sender.counters.received == 0
