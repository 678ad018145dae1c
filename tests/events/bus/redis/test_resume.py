"""A consumer group goes on where it was; what comes twice or never is known."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from quantai.events import Event, StartedEvent, TimerEvent, TradeEvent
from quantai.events.bus import Overflow, QueuePolicy
from quantai.events.bus.redis import RedisEventBus
from quantai.events.bus.redis.cursors import GroupCursor
from quantai.events.bus.redis.positions import Positions
from tests.events.bus.conftest import SERVER, Gate, make_redis_bus, numbers, trade, turns
from tests.events.bus.redis.conftest import OpenBus, gaps, pending, until
from tests.events.bus.tasks import publish_in_task

GROUP: dict[str, Any] = {"group": "recorder", "resume": True}


async def published(open_bus: OpenBus, *wanted: int, **settings: Any) -> RedisEventBus:
    """A bus that published these trades, an entry each, and that Redis has them from."""
    bus: RedisEventBus = await open_bus(batch_size=1, **settings)
    await publish(bus, *wanted)
    return bus


async def publish(bus: RedisEventBus, *wanted: int) -> None:
    """More of them."""
    for number in wanted:
        await bus.publish(trade(number))
    await until(lambda: bus.backlog == 0)


async def test_a_group_gets_what_was_published_while_nobody_was_there(open_bus: OpenBus) -> None:
    first: list[Event] = []
    second: list[Event] = []
    receiver = await open_bus({"market.*": first.append}, **GROUP)
    sender = await published(open_bus, 1, 2)
    await until(lambda: len(first) == 2)
    await receiver.close()
    await publish(sender, 3, 4)
    receiver = await open_bus({"market.*": second.append}, **GROUP)
    await publish(sender, 5)
    await until(lambda: len(second) == 3)
    assert numbers(second) == [3, 4, 5]
    assert (receiver.counters.redelivered, receiver.counters.duplicates, receiver.counters.lost) == (0, 0, 0)


async def test_a_new_group_begins_now(open_bus: OpenBus) -> None:
    seen: list[Event] = []
    sender = await published(open_bus, 1, 2)
    await open_bus({"market.*": seen.append}, **GROUP)
    await publish(sender, 3)
    await until(lambda: seen)
    assert numbers(seen) == [3]


async def test_a_group_keeps_what_comes_before_anybody_subscribes(open_bus: OpenBus) -> None:
    seen: list[Event] = []
    receiver = await open_bus(**GROUP)
    await published(open_bus, 1, 2)
    await receiver.subscribe("market.*", seen.append)
    await until(lambda: len(seen) == 2)
    assert numbers(seen) == [1, 2]


async def test_answers_to_what_waited_reach_others(open_bus: OpenBus, name: str) -> None:
    answers: list[Event] = []
    await (await open_bus(**GROUP)).close()
    await published(open_bus, 1, 2, 3)
    await open_bus({"system.timer.*": answers.append})
    answering = make_redis_bus(name=name, **GROUP)

    async def answer(event: TradeEvent) -> None:
        await answering.publish(TimerEvent("answer", 1, event.ts_init, "x"))

    await answering.subscribe("market.*", answer)
    await answering.start()
    await until(lambda: len(answers) == 3)
    assert [event.ts_init for event in answers if isinstance(event, TimerEvent)] == [1, 2, 3]
    await answering.close()


async def test_without_resume_only_what_is_published_from_now_on_comes(open_bus: OpenBus) -> None:
    first: list[Event] = []
    second: list[Event] = []
    receiver = await open_bus({"market.*": first.append}, group="recorder")
    sender = await published(open_bus, 1)
    await until(lambda: first)
    await receiver.close()
    await publish(sender, 2)
    receiver = await open_bus({"market.*": second.append}, group="recorder")
    await publish(sender, 3)
    await until(lambda: second)
    assert numbers(second) == [3]


async def test_what_a_killed_run_had_not_acknowledged_comes_again_first_and_is_recognised(
    open_bus: OpenBus, client: Redis, name: str
) -> None:
    seen: list[tuple[int, bool]] = []
    receivers: list[RedisEventBus] = []

    async def note(event: Event) -> None:
        await asyncio.sleep(0)
        seen.append((numbers([event])[0], receivers[-1].is_redelivered(event)))

    await (await open_bus(**GROUP)).close()
    sender = await published(open_bus, 1, 2)
    client.xreadgroup("recorder", "1", {f"{name}:market": ">"})  # as a run does that is killed then
    await publish(sender, 3)
    assert pending(client, name) == 2
    receivers.append(await open_bus(**GROUP))
    await receivers[-1].subscribe("market.*", note)
    await until(lambda: len(seen) == 3)
    assert seen == [(1, True), (2, True), (3, False)]
    assert receivers[-1].counters.redelivered == 2
    await until(lambda: pending(client, name) == 0)


async def test_what_a_killed_run_left_is_recognised_however_often_the_connection_is_lost(
    open_bus: OpenBus, client: Redis, name: str
) -> None:
    await (await open_bus(**GROUP)).close()
    await published(open_bus, 1, 2)
    client.xreadgroup("recorder", "1", {f"{name}:market": ">"})
    async with AsyncRedis.from_url(SERVER.url, protocol=2) as connection:
        cursor = GroupCursor(connection, f"{name}:market", 1, "recorder", Positions())
        for _ in range(2):  # as a reader does that lost the connection before it acknowledged anything
            await cursor.open()
            assert len(await cursor.read()) == 2
            assert cursor.is_redelivering
        assert await cursor.read() == []
        assert await cursor.read() == []
        assert not cursor.is_redelivering
        await cursor.open()
        assert not cursor.is_redelivering


async def test_what_a_run_handled_is_not_delivered_again(open_bus: OpenBus, client: Redis, name: str) -> None:
    first: list[Event] = []
    second: list[Event] = []
    receiver = await open_bus({"market.*": first.append}, **GROUP)
    sender = await published(open_bus, 1, 2)
    await until(lambda: len(first) == 2)
    await receiver.close()
    client.xgroup_setid(f"{name}:market", "recorder", "0")  # Redis forgets how far the group was
    await publish(sender, 3)
    receiver = await open_bus({"market.*": second.append}, **GROUP)
    await until(lambda: second)
    assert numbers(second) == [3]
    assert receiver.counters.duplicates == 2


async def test_nothing_is_acknowledged_before_it_is_handled(open_bus: OpenBus, client: Redis, name: str) -> None:
    direct, queued, lossy = Gate(), Gate(), Gate()
    receiver = await open_bus({"market.*": direct}, **GROUP)
    await receiver.subscribe("market.*", queued, queue=QueuePolicy(10))
    await receiver.subscribe("market.*", lossy, queue=QueuePolicy(1, Overflow.DROP_OLDEST))
    await published(open_bus, 1, 2, 3)
    await until(lambda: direct.entered)
    await turns()
    assert pending(client, name) > 0
    direct.open()
    await until(lambda: len(direct.left) == 3)
    await turns()
    assert pending(client, name) > 0
    queued.open()
    await until(lambda: len(queued.left) == 3)
    await until(lambda: pending(client, name) == 0)  # who may lose events is not waited for
    lossy.open()


async def test_what_comes_while_the_bus_is_busy_is_acknowledged_once_handled(
    open_bus: OpenBus, client: Redis, name: str
) -> None:
    gate, seen = Gate(), list[Event]()
    receiver = await open_bus({"system.*": gate, "market.*": seen.append}, **GROUP)
    local = publish_in_task(receiver, StartedEvent("x", 1, 1))
    await until(lambda: gate.entered)
    await published(open_bus, 1, 2)
    await until(lambda: pending(client, name) == 2)
    assert seen == []
    gate.open()
    await local
    await until(lambda: pending(client, name) == 0)
    assert numbers(seen) == [1, 2]
    assert receiver.counters.received == 2


async def test_closing_in_the_middle_of_an_entry_leaves_it_for_the_next_run(open_bus: OpenBus) -> None:
    gate, seen = Gate(), list[Event]()
    receiver = await open_bus({"market.*": gate}, **GROUP)
    sender = await open_bus()
    for number in range(5):
        await sender.publish(trade(number))
    await until(lambda: gate.entered)
    closing = asyncio.create_task(receiver.close())
    await turns()
    gate.open()
    await closing
    handled = numbers(gate.left)
    assert handled == list(range(len(handled)))
    assert len(handled) < 5
    receiver = await open_bus({"market.*": seen.append}, **GROUP)
    await until(lambda: len(seen) == 5)
    assert receiver.counters.redelivered == 5


async def test_an_entry_that_comes_twice_is_skipped(open_bus: OpenBus, client: Redis, name: str) -> None:
    seen: list[Event] = []
    receiver = await open_bus({"market.*": seen.append})
    sender = await published(open_bus, 1, 2)
    entries: Any = client.xrange(f"{name}:market")
    for _, fields in entries:
        client.xadd(f"{name}:market", fields)
    await publish(sender, 3)
    await until(lambda: len(seen) == 3)
    assert numbers(seen) == [1, 2, 3]
    assert receiver.counters.duplicates == 2
    assert receiver.counters.received == 3


async def test_a_hole_in_a_publishers_events_is_told(open_bus: OpenBus, client: Redis, name: str) -> None:
    seen: list[Event] = []
    told: list[Event] = []
    receiver = await open_bus({"market.*": seen.append, "system.gap.*": told.append}, **GROUP)
    sender = await published(open_bus, 1)
    await until(lambda: seen)
    await receiver.close()
    await publish(sender, 2, 3, 4)
    entries: Any = client.xrange(f"{name}:market")
    client.xdel(f"{name}:market", entries[1][0], entries[2][0])
    receiver = await open_bus({"market.*": seen.append, "system.gap.*": told.append}, **GROUP)
    await until(lambda: len(seen) == 2)
    assert numbers(seen) == [1, 4]
    (gap,) = gaps(told)
    assert (gap.component, gap.lost, gap.start_ns, gap.end_ns) == ("redis bus", 2, 1, 4)
    assert receiver.counters.lost == 2


async def test_what_was_trimmed_unread_is_told_also_where_its_publisher_is_not_known(
    open_bus: OpenBus, client: Redis, name: str
) -> None:
    seen: list[Event] = []
    told: list[Event] = []
    receiver = await open_bus({"market.*": seen.append}, **GROUP)
    await published(open_bus, 1)
    await until(lambda: seen)
    await receiver.close()
    await published(open_bus, 2, 3, 4)
    client.xtrim(f"{name}:market", maxlen=1, approximate=False)
    receiver = await open_bus({"market.*": seen.append, "system.gap.*": told.append}, **GROUP)
    await until(lambda: len(seen) == 2)
    assert numbers(seen) == [1, 4]
    await until(lambda: gaps(told))
    assert "2 entries" in gaps(told)[0].reason


async def test_what_was_trimmed_while_it_waited_for_us_is_told(open_bus: OpenBus, client: Redis, name: str) -> None:
    told: list[Event] = []
    await (await open_bus(**GROUP)).close()
    await published(open_bus, 1, 2)
    client.xreadgroup("recorder", "1", {f"{name}:market": ">"})
    client.xtrim(f"{name}:market", maxlen=0, approximate=False)
    await open_bus({"market.*": print, "system.gap.*": told.append}, **GROUP)
    await until(lambda: len(gaps(told)) == 2)
    assert "was trimmed before it was handled" in gaps(told)[0].reason
    await until(lambda: pending(client, name) == 0)


async def test_streams_are_trimmed_by_length(open_bus: OpenBus, client: Redis, name: str) -> None:
    sender = await open_bus(batch_size=1, max_entries=10)
    for number in range(1_000):
        await sender.publish(trade(number))
    await until(lambda: sender.backlog == 0)
    assert 10 <= client.xlen(f"{name}:market") < 300  # Redis trims whole nodes of a hundred


async def test_streams_are_trimmed_by_age(open_bus: OpenBus, client: Redis, name: str) -> None:
    second_ns = 1_000_000_000
    for age_s in (7, 5):
        for number in range(300):
            client.xadd(f"{name}:market", {"old": "entry"}, id=f"{(100 - age_s) * 1_000}-{number}")
    await open_bus(now_ns=100 * second_ns, max_age_ns=6 * second_ns)
    await until(lambda: client.xlen(f"{name}:market") < 500)
    assert client.xlen(f"{name}:market") >= 300


async def test_a_consumer_that_closes_leaves_its_group(open_bus: OpenBus, client: Redis, name: str) -> None:
    seen: list[Event] = []
    receiver = await open_bus({"market.*": seen.append}, **GROUP)
    await published(open_bus, 1)
    await until(lambda: seen)
    await receiver.close()
    groups: Any = client.xinfo_groups(f"{name}:market")
    assert [(group["name"], group["consumers"], group["pending"]) for group in groups] == [(b"recorder", 0, 0)]


class Keeper:
    """Holds what it takes until it is flushed, as a recorder does; it may be told to fail."""

    def __init__(self) -> None:
        self.held: list[Event] = []
        self.safe: list[Event] = []
        self.fails = False

    def take(self, event: Event) -> None:
        self.held.append(event)

    async def flush(self) -> None:
        if self.fails:
            raise OSError("the disk is full")
        self.safe, self.held = self.safe + self.held, []


async def test_what_a_recorder_only_holds_is_not_acknowledged(open_bus: OpenBus, client: Redis, name: str) -> None:
    keeper, again = Keeper(), list[Event]()
    keeper.fails = True
    receiver = await open_bus({"market.*": keeper.take}, **GROUP, close_timeout_ns=1_000_000)
    await published(open_bus, 1, 2)
    await until(lambda: len(keeper.held) == 2)
    await receiver.close()
    assert pending(client, name) == 2
    await open_bus({"market.*": again.append}, **GROUP)
    await until(lambda: len(again) == 2)


async def test_what_a_recorder_holds_is_flushed_and_acknowledged(open_bus: OpenBus, client: Redis, name: str) -> None:
    keeper = Keeper()
    await open_bus({"market.*": keeper.take}, **GROUP)
    await published(open_bus, 1, 2)
    await until(lambda: keeper.safe and pending(client, name) == 0)
    assert numbers(keeper.safe) == [1, 2]


async def test_a_disk_that_recovers_has_everything_acknowledged(
    open_bus: OpenBus, client: Redis, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantai.events.bus.redis.acks._FLUSH_AGAIN_S", 0.01)
    keeper = Keeper()
    keeper.fails = True
    await open_bus({"market.*": keeper.take}, **GROUP)
    await published(open_bus, 1)
    await until(lambda: keeper.held)
    assert pending(client, name) == 1
    keeper.fails = False
    await until(lambda: pending(client, name) == 0)
    assert numbers(keeper.safe) == [1]


async def test_what_comes_after_the_recorder_left_waits_for_the_next_run(open_bus: OpenBus) -> None:
    keeper, others, again = Keeper(), list[Event](), list[Event]()
    receiver = await open_bus({"market.*": others.append}, **GROUP)
    subscription = await receiver.subscribe("market.*", keeper.take)
    sender = await published(open_bus, 1)
    await until(lambda: keeper.safe)
    await receiver.unsubscribe(subscription)
    await publish(sender, 2, 3)
    await receiver.close()
    await open_bus({"market.*": again.append}, **GROUP)
    await until(lambda: len(again) == 2)
    assert numbers(keeper.safe + again) == [1, 2, 3]
