"""The contract of `quantai.events.bus.base` under load: full buses, cancelled publishers, subscribers' own queues."""

from __future__ import annotations

import asyncio

import pytest

from quantai.core.errors import BusClosed, BusError, BusOverflow
from quantai.events import ErrorEvent, Event
from quantai.events.bus import EventBus, Overflow, QueuePolicy, Subscription
from tests.events.bus.conftest import Gate, MakeBus, numbers, trade, turns
from tests.events.bus.tasks import publish_in_task


async def held(bus: EventBus) -> tuple[Gate, asyncio.Task[None]]:
    """`bus` with trade 0 held in a suspended handler, by a task that publishes it."""
    gate = Gate()
    await bus.subscribe("market.*", gate, name="gate")
    publisher = publish_in_task(bus, trade(0))
    await turns()
    return gate, publisher


async def test_a_handler_that_publishes_without_end_is_stopped_by_the_bound(make_bus: MakeBus) -> None:
    bus, refused = make_bus(3), list[str]()

    async def flood(event: Event) -> None:
        if numbers([event]) == [0]:
            for number in range(1, 6):
                try:
                    await bus.publish(trade(number))
                except BusOverflow as error:
                    refused.append(str(error))

    seen: list[Event] = []
    await bus.subscribe("*", flood)
    await bus.subscribe("*", seen.append)
    await bus.publish(trade(0))
    assert numbers(seen) == [0, 1, 2, 3]
    assert len(refused) == 2
    assert "3 events wait on the bus" in refused[0]
    assert "market.trade.binance.BTC/USDT was refused" in refused[0]
    await bus.close()


async def test_posting_to_a_full_bus_is_refused(make_bus: MakeBus) -> None:
    bus = make_bus(2)
    gate, publisher = await held(bus)
    bus.post(trade(1))
    bus.post(trade(2))
    for publish in (bus.post, bus.dispatch):
        with pytest.raises(BusOverflow):
            publish(trade(3))
    gate.open()
    await publisher
    assert numbers(gate.left) == [0, 1, 2]
    await bus.close()


async def test_publishers_wait_for_room_and_get_in_in_the_order_they_came(make_bus: MakeBus) -> None:
    bus = make_bus(2)
    gate, publisher = await held(bus)
    waiting = [publish_in_task(bus, trade(number)) for number in range(1, 7)]
    await turns()
    assert [task.done() for task in waiting] == [True, True, False, False, False, False]
    waiting[3].cancel()  # trade 4
    await turns()
    gate.open()
    await publisher
    await asyncio.gather(*waiting, return_exceptions=True)
    assert numbers(gate.left) == [0, 1, 2, 3, 5, 6]
    assert waiting[3].cancelled()
    await bus.close()


async def test_closing_lets_publishers_in_that_waited_before(make_bus: MakeBus) -> None:
    bus = make_bus(1)
    gate, publisher = await held(bus)
    waiting = [publish_in_task(bus, trade(number)) for number in range(1, 4)]
    await turns()
    closing = asyncio.create_task(bus.close())
    await turns()
    with pytest.raises(BusClosed):
        await bus.publish(trade(9))
    gate.open()
    await asyncio.gather(publisher, closing, *waiting)
    assert numbers(gate.left) == [0, 1, 2, 3]


async def test_a_handler_may_publish_while_others_wait_for_room(make_bus: MakeBus) -> None:
    bus, refused = make_bus(1), list[BusOverflow]()
    opened = asyncio.Event()

    async def publish_late(event: Event) -> None:
        if numbers([event]) == [0]:
            await opened.wait()
            try:
                await bus.publish(trade(8))
            except BusOverflow as error:
                refused.append(error)

    seen: list[Event] = []
    await bus.subscribe("*", publish_late)
    await bus.subscribe("*", seen.append)
    publisher = publish_in_task(bus, trade(0))
    await turns()
    waiting = [publish_in_task(bus, trade(number)) for number in (1, 2)]
    await turns()
    opened.set()
    await asyncio.gather(publisher, *waiting)
    assert numbers(seen) == [0, 1, 2]
    assert len(refused) == 1
    await bus.close()


async def test_the_report_of_an_error_on_a_full_bus_is_dropped_and_counted(make_bus: MakeBus) -> None:
    bus, reports = make_bus(1), list[Event]()

    def fail(event: Event) -> None:
        if numbers([event]) == [0]:
            bus.post(trade(1))
        raise ValueError("no")

    await bus.subscribe("market.*", fail)
    await bus.subscribe("system.error.*", reports.append)
    bus.post(trade(0))
    assert bus.errors == 2
    assert len(reports) == 1
    assert bus.overflows == 1
    await bus.close()


@pytest.mark.parametrize("queue_limit", [0, -1])
def test_a_bus_that_holds_nothing_is_refused(make_bus: MakeBus, queue_limit: int) -> None:
    with pytest.raises(BusError, match="at least 1 waiting event"):
        make_bus(queue_limit)


async def test_a_cancelled_publisher_takes_nothing_with_it_but_the_handler_it_waits_for(bus: EventBus) -> None:
    seen: list[Event] = []
    gate, publisher = await held(bus)
    await bus.subscribe("*", seen.append)
    bus.post(trade(1))
    publisher.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publisher
    gate.open()
    await bus.join()
    assert numbers(gate.entered) == [0, 1]
    assert numbers(gate.left) == [1]  # trade 0 was in the gate when its publisher was cancelled
    assert numbers(seen) == [1]  # subscribed after trade 0
    (report,) = [event for event in seen if isinstance(event, ErrorEvent)]
    assert (report.component, report.error) == ("gate", "CancelledError")
    await bus.publish(trade(2))
    assert numbers(seen) == [1, 2]


async def test_the_other_subscribers_of_a_cancelled_event_get_it_in_order(bus: EventBus) -> None:
    calls: list[str] = []
    gate = Gate()

    async def after(event: Event) -> None:
        await asyncio.sleep(0)
        calls.append("after")

    await bus.subscribe("market.*", lambda event: calls.append("before"))
    await bus.subscribe("market.*", gate)
    await bus.subscribe("market.*", after)
    await bus.subscribe("market.*", lambda event: calls.append("last"))
    publisher = publish_in_task(bus, trade(0))
    await turns()
    publisher.cancel()
    await bus.join()
    assert calls == ["before", "after", "last"]
    assert publisher.cancelled()


async def test_cancelling_the_task_that_goes_on_loses_nothing_either(bus: EventBus) -> None:
    first, second, seen = Gate(), Gate(), list[Event]()
    await bus.subscribe("market.*", first)
    await bus.subscribe("market.*", second)
    await bus.subscribe("market.*", seen.append)
    publisher = publish_in_task(bus, trade(0))
    await turns()
    publisher.cancel()
    await turns()
    assert numbers(second.entered) == [0]
    own = {asyncio.current_task(), publisher}
    for task in asyncio.all_tasks() - own:
        task.cancel()
    await bus.join()
    assert numbers(seen) == [0]
    assert bus.errors == 2


async def test_a_timeout_around_publish_is_a_cancellation(bus: EventBus) -> None:
    gate, seen = Gate(), list[Event]()
    await bus.subscribe("market.*", gate)
    await bus.subscribe("market.*", seen.append)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await bus.publish(trade(0))
    await bus.join()
    assert numbers(seen) == [0]


@pytest.mark.parametrize("via", ["publish", "dispatch"])
async def test_what_is_no_error_goes_up_and_delivery_goes_on(bus: EventBus, via: str) -> None:
    class Stop(BaseException):
        pass

    seen: list[Event] = []

    def stop(event: Event) -> None:
        if numbers([event]) == [0]:
            bus.post(trade(1))
            raise Stop

    await bus.subscribe("*", stop)
    await bus.subscribe("*", seen.append)

    async def publish() -> None:
        if via == "publish":
            await bus.publish(trade(0))
        else:
            bus.dispatch(trade(0))

    with pytest.raises(Stop):
        await publish()
    await bus.join()
    assert numbers(seen) == [0, 1]
    assert bus.errors == 0


async def test_a_slow_queued_subscriber_delays_nobody(bus: EventBus) -> None:
    gate, seen = Gate(), list[Event]()
    await bus.subscribe("*", gate, queue=QueuePolicy(size=100))
    await bus.subscribe("*", seen.append)
    for number in range(10):
        await bus.publish(trade(number))
    assert numbers(seen) == list(range(10))
    assert not bus.is_busy
    await turns()
    joining = asyncio.create_task(bus.join())
    await turns()
    assert not joining.done()
    gate.open()
    await joining
    assert numbers(gate.left) == list(range(10))


async def test_a_plain_queued_subscriber_is_called_later_and_in_order(bus: EventBus) -> None:
    seen: list[Event] = []
    await bus.subscribe("*", seen.append, queue=QueuePolicy(size=2))
    for number in range(5):
        await bus.publish(trade(number))
    await bus.join()
    assert numbers(seen) == [0, 1, 2, 3, 4]


async def test_block_makes_the_publisher_wait_and_loses_nothing(bus: EventBus) -> None:
    gate, seen = Gate(), list[Event]()
    subscription = await bus.subscribe("*", gate, queue=QueuePolicy(size=2, overflow=Overflow.BLOCK))
    await bus.subscribe("*", seen.append)

    async def publish_all() -> None:
        for number in range(10):
            await bus.publish(trade(number))

    publisher = asyncio.create_task(publish_all())
    await turns(50)
    assert numbers(gate.entered) == [0]
    assert numbers(seen) == [0, 1, 2]  # one in the handler, two in the queue; the next waits for room
    assert bus.is_busy
    gate.open()
    await publisher
    await bus.join()
    assert numbers(gate.left) == list(range(10))
    assert numbers(seen) == list(range(10))
    assert subscription.dropped == 0


async def test_a_publisher_cancelled_while_a_queue_is_full_loses_nothing(bus: EventBus) -> None:
    gate, seen = Gate(), list[Event]()
    await bus.subscribe("*", gate, queue=QueuePolicy(size=1, overflow=Overflow.BLOCK))
    await bus.subscribe("*", seen.append)
    await bus.publish(trade(0))
    await turns()
    await bus.publish(trade(1))
    publisher = publish_in_task(bus, trade(2))
    await turns()
    bus.post(trade(3))
    publisher.cancel()
    await turns()
    assert publisher.cancelled()
    gate.open()
    await bus.join()
    assert numbers(gate.left) == [0, 1, 2, 3]
    assert numbers(seen) == [0, 1, 2, 3]
    assert bus.errors == 0


async def test_drop_oldest_keeps_the_newest_and_counts(bus: EventBus) -> None:
    gate = Gate()
    subscription = await bus.subscribe("*", gate, queue=QueuePolicy(size=3, overflow=Overflow.DROP_OLDEST))
    await bus.publish(trade(0))
    await turns()
    for number in range(1, 10):
        await bus.publish(trade(number))
    gate.open()
    await bus.join()
    assert numbers(gate.left) == [0, 7, 8, 9]
    assert subscription.dropped == 6


async def test_conflate_keeps_the_newest_of_each_topic_in_the_place_of_the_first(bus: EventBus) -> None:
    gate = Gate()
    subscription = await bus.subscribe("*", gate, queue=QueuePolicy(size=2, overflow=Overflow.CONFLATE))
    await bus.publish(trade(0))
    await turns()
    for number, symbol in enumerate(["A/B", "C/D", "A/B", "A/B", "C/D"], start=1):
        await bus.publish(trade(number, symbol))
    gate.open()
    await bus.join()
    assert numbers(gate.left) == [0, 4, 5]
    assert subscription.dropped == 3


async def test_conflate_drops_the_topic_that_waited_longest(bus: EventBus) -> None:
    gate = Gate()
    subscription = await bus.subscribe("*", gate, queue=QueuePolicy(size=2, overflow=Overflow.CONFLATE))
    await bus.publish(trade(0))
    await turns()
    for number, symbol in enumerate(["A/B", "C/D", "A/B", "E/F"], start=1):
        await bus.publish(trade(number, symbol))
    gate.open()
    await bus.join()
    assert numbers(gate.left) == [0, 2, 4]
    assert subscription.dropped == 2


async def test_unsubscribing_waits_until_the_queue_is_handled(bus: EventBus) -> None:
    gate = Gate()
    subscription = await bus.subscribe("*", gate, queue=QueuePolicy())
    for number in range(3):
        await bus.publish(trade(number))
    leaving = asyncio.create_task(bus.unsubscribe(subscription))
    await turns()
    await bus.publish(trade(9))
    assert not leaving.done()
    gate.open()
    await leaving
    assert numbers(gate.left) == [0, 1, 2]


async def test_a_queued_subscriber_may_unsubscribe_itself(bus: EventBus) -> None:
    seen: list[Event] = []
    subscriptions: list[Subscription] = []

    async def once(event: Event) -> None:
        seen.append(event)
        await asyncio.sleep(0)
        await bus.unsubscribe(subscriptions[0])

    subscriptions.append(await bus.subscribe("*", once, queue=QueuePolicy()))
    await bus.publish(trade(1))
    await bus.publish(trade(2))
    await bus.join()
    await bus.publish(trade(3))
    await bus.join()
    assert numbers(seen) == [1, 2]  # 2 was in its queue before it left


async def test_an_event_in_delivery_reaches_a_queued_subscriber_that_just_left(bus: EventBus) -> None:
    seen: list[Event] = []
    subscriptions: list[Subscription] = []

    async def unsubscribe_the_other(event: Event) -> None:
        await bus.unsubscribe(subscriptions[0])

    await bus.subscribe("*", unsubscribe_the_other)
    subscriptions.append(await bus.subscribe("*", seen.append, queue=QueuePolicy()))
    await bus.publish(trade(1))
    await bus.join()
    assert numbers(seen) == [1]


@pytest.mark.parametrize("via", ["publish", "post"])
async def test_a_queued_subscriber_that_feeds_itself_neither_hangs_nor_loses(bus: EventBus, via: str) -> None:
    seen: list[Event] = []

    async def echo(event: Event) -> None:
        seen.append(event)
        (number,) = numbers([event])
        for child in (2 * number, 2 * number + 1):
            if child < 64:
                if via == "publish":
                    await bus.publish(trade(child))
                else:
                    bus.post(trade(child))

    await bus.subscribe("market.*", echo, queue=QueuePolicy(size=1))
    await bus.publish(trade(1))
    await bus.join()
    assert sorted(numbers(seen)) == list(range(1, 64))
    assert bus.errors == 0


async def test_a_queued_subscriber_publishes_through_others_that_suspend(bus: EventBus) -> None:
    seen: list[Event] = []

    async def echo(event: Event) -> None:
        (number,) = numbers([event])
        if number < 10:
            await bus.publish(trade(number + 1))

    async def slow(event: Event) -> None:
        await asyncio.sleep(0)
        seen.append(event)

    async def multiply(event: Event) -> None:
        if numbers([event]) == [5]:
            for number in range(100, 110):
                await bus.publish(trade(number))

    await bus.subscribe("market.*", echo, queue=QueuePolicy(size=1))
    await bus.subscribe("market.*", multiply)
    await bus.subscribe("market.*", slow)
    await bus.publish(trade(0))
    await bus.join()
    assert sorted(numbers(seen)) == [*range(11), *range(100, 110)]
    assert bus.errors == 0


async def test_what_a_queued_subscriber_sets_off_may_fill_its_own_queue(bus: EventBus) -> None:
    seen: list[Event] = []

    async def start(event: Event) -> None:
        seen.append(event)
        if numbers([event]) == [0]:
            await bus.publish(trade(1, "FAN/OUT"))

    def fan_out(event: Event) -> None:
        for number in range(2, 7):
            bus.post(trade(number))

    await bus.subscribe("*.BTC/USDT", start, queue=QueuePolicy(size=1))
    await bus.subscribe("*.FAN/OUT", fan_out)
    await bus.publish(trade(0))
    await bus.join()
    assert numbers(seen) == [0, 2, 3, 4, 5, 6]
    assert bus.errors == 0


async def test_what_is_no_error_ends_the_task_of_a_queued_subscriber_not_its_queue(bus: EventBus) -> None:
    class Stop(BaseException):
        pass

    seen: list[Event] = []

    async def stop(event: Event) -> None:
        seen.append(event)
        if numbers([event]) == [0]:
            raise Stop

    await bus.subscribe("*", stop, queue=QueuePolicy())
    for number in range(3):
        await bus.publish(trade(number))
    await bus.join()
    assert numbers(seen) == [0, 1, 2]
    assert bus.errors == 0


@pytest.mark.parametrize("queue", [None, QueuePolicy()], ids=["direct", "queued"])
def test_a_loop_that_ends_in_the_middle_leaves_no_noise(make_bus: MakeBus, queue: QueuePolicy | None) -> None:
    async def held_forever() -> EventBus:
        bus = make_bus(10)
        await bus.subscribe("*", Gate(), queue=queue)
        bus.post(trade(0))
        await turns()
        return bus

    loop = asyncio.new_event_loop()
    bus = loop.run_until_complete(held_forever())
    tasks = asyncio.all_tasks(loop)
    assert len(tasks) == 1
    for task in tasks:
        coroutine = task.get_coro()
        assert coroutine is not None
        coroutine.close()
    assert asyncio.all_tasks(loop) == tasks
    loop.set_exception_handler(lambda loop, context: None)  # the task itself is destroyed while it waits
    loop.close()
    assert bus.errors == 0


async def test_an_error_of_a_queued_subscriber_is_reported_while_the_bus_closes(bus: EventBus) -> None:
    reports: list[ErrorEvent] = []

    async def fail(event: Event) -> None:
        await asyncio.sleep(0)
        raise ValueError(str(numbers([event])))

    await bus.subscribe("market.*", fail, queue=QueuePolicy())
    await bus.subscribe("system.error.*", reports.append)
    for number in range(3):
        await bus.publish(trade(number))
    await bus.close()
    assert [report.message for report in reports] == ["[0]", "[1]", "[2]"]


async def test_a_cancelled_queue_task_costs_one_event(bus: EventBus) -> None:
    gate = Gate()
    subscription = await bus.subscribe("*", gate, queue=QueuePolicy(), name="gate")
    for number in range(3):
        await bus.publish(trade(number))
    await turns()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await turns()
    gate.open()
    await bus.join()
    assert numbers(gate.left) == [1, 2]
    assert subscription.errors == 1


@pytest.mark.parametrize("size", [0, -1])
def test_a_queue_that_holds_nothing_is_refused(size: int) -> None:
    with pytest.raises(BusError, match="at least 1 event"):
        QueuePolicy(size)
