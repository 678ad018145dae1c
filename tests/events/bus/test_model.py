"""Any program of publishing, subscribing and failing handlers does on a bus what it does on a model of twenty lines."""

from __future__ import annotations

import asyncio
import fnmatch
from collections import deque
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.events import ErrorEvent, Event, TimerEvent
from quantai.events.bus import EventBus, QueuePolicy, Subscription
from tests.events.bus.conftest import IMPLEMENTATIONS, MakeBus, trade

PATTERNS = ["*", "market.*", "market.trade.*", "*.A/B", "market.*.v.*", "system.timer.*", "system.error.*", "order.*"]
EVENTS = [trade(0, "A/B", "v"), trade(1, "C/D", "v"), trade(2, "A/B", "w"), TimerEvent("t", 0, 3, "x")]

Log = list[tuple[int, str]]


@dataclass(frozen=True)
class Action:
    """What subscriber `by` does the first time it handles an event called `on`."""

    by: int
    on: str
    kind: str
    argument: int


@dataclass(frozen=True)
class Program:
    """Subscribers by pattern and kind of handler, what they do, and the events to begin with, by way of publishing."""

    subscribers: list[tuple[str, str]]
    actions: list[Action]
    start: list[tuple[int, str]]


def name_of(event: Event) -> str:
    """What tells the events of a program apart."""
    return event.cause if isinstance(event, ErrorEvent) else event.reference


programs = st.builds(
    Program,
    subscribers=st.lists(
        st.tuples(st.sampled_from(PATTERNS), st.sampled_from(["plain", "coroutine", "suspending"])), max_size=5
    ),
    actions=st.lists(
        st.builds(
            Action,
            by=st.integers(0, 7),
            on=st.sampled_from([event.reference for event in EVENTS]),
            kind=st.sampled_from(["publish", "publish", "post", "subscribe", "unsubscribe", "fail"]),
            argument=st.integers(0, 7),
        ),
        max_size=8,
        unique_by=lambda action: (action.by, action.on, action.kind),
    ),
    start=st.lists(
        st.tuples(st.integers(0, len(EVENTS) - 1), st.sampled_from(["publish", "post", "dispatch"])),
        min_size=1,
        max_size=5,
    ),
)


def model(program: Program) -> Log:
    """The contract, in the plainest way."""
    log: Log = []
    actions = list(program.actions)
    subscribed = {number: pattern for number, (pattern, _) in enumerate(program.subscribers)}
    patterns = dict(subscribed)
    for start, _ in program.start:
        queue = deque([(EVENTS[start].topic, EVENTS[start].reference)])
        while queue:
            topic, name = queue.popleft()
            for number in [number for number, pattern in subscribed.items() if fnmatch.fnmatchcase(topic, pattern)]:
                log.append((number, name))
                for action in [action for action in actions if (action.by, action.on) == (number, name)]:
                    actions.remove(action)
                    if action.kind in ("publish", "post"):
                        event = EVENTS[action.argument % len(EVENTS)]
                        queue.append((event.topic, event.reference))
                    elif action.kind == "subscribe":
                        pattern = PATTERNS[action.argument]
                        subscribed[len(patterns)] = patterns[len(patterns)] = pattern
                    elif action.kind == "unsubscribe":
                        subscribed.pop(action.argument, None)
                    elif topic != f"system.error.{number}":
                        queue.append((f"system.error.{number}", name))
                        break
                    else:
                        break
    return log


class Run:
    """The same on a bus."""

    def __init__(self, bus: EventBus, program: Program) -> None:
        self.bus = bus
        self.log: Log = []
        self.actions = list(program.actions)
        self.subscriptions: list[Subscription] = []

    async def subscribe(self, pattern: str, kind: str) -> None:
        number = len(self.subscriptions)

        def plain(event: Event) -> None:
            self.log.append((number, name_of(event)))

        async def coroutine(event: Event) -> None:
            self.log.append((number, name_of(event)))
            await self.act(number, event)

        async def suspending(event: Event) -> None:
            self.log.append((number, name_of(event)))
            await asyncio.sleep(0)
            await self.act(number, event)

        handler: Any = {"plain": plain, "coroutine": coroutine, "suspending": suspending}[kind]
        self.subscriptions.append(await self.bus.subscribe(pattern, handler, name=str(number)))

    async def act(self, number: int, event: Event) -> None:
        for action in [a for a in self.actions if (a.by, a.on) == (number, name_of(event))]:
            self.actions.remove(action)
            if action.kind == "publish":
                await self.bus.publish(EVENTS[action.argument % len(EVENTS)])
            elif action.kind == "post":
                self.bus.post(EVENTS[action.argument % len(EVENTS)])
            elif action.kind == "subscribe":
                await self.subscribe(PATTERNS[action.argument], "coroutine")
            elif action.kind == "unsubscribe":
                if action.argument < len(self.subscriptions):
                    await self.bus.unsubscribe(self.subscriptions[action.argument])
            else:
                raise ValueError(action)


async def run(make_bus: MakeBus, program: Program) -> Log:
    bus = make_bus(1_000)
    running = Run(bus, program)
    for pattern, kind in program.subscribers:
        await running.subscribe(pattern, kind)
    for event, via in program.start:
        if via == "publish":
            await bus.publish(EVENTS[event])
        elif via == "post":
            bus.post(EVENTS[event])
            await bus.join()
        elif (pending := bus.dispatch(EVENTS[event])) is not None:
            await pending
    await bus.close()
    return running.log


@pytest.mark.parametrize("make_bus", list(IMPLEMENTATIONS.values()), ids=list(IMPLEMENTATIONS))
@given(program=programs)
def test_a_program_does_on_a_bus_what_it_does_on_the_model(make_bus: MakeBus, program: Program) -> None:
    plain = {number for number, (_, kind) in enumerate(program.subscribers) if kind == "plain"}
    program = Program(program.subscribers, [a for a in program.actions if a.by not in plain], program.start)
    assert asyncio.run(run(make_bus, program)) == model(program)


@pytest.mark.parametrize("make_bus", list(IMPLEMENTATIONS.values()), ids=list(IMPLEMENTATIONS))
@given(
    queue_limit=st.integers(1, 5),
    counts=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    pauses=st.lists(st.integers(0, 3), min_size=1, max_size=6),
    sizes=st.lists(st.integers(1, 3), max_size=2),
    cancel_after=st.integers(0, 30),
)
def test_publishers_at_once_lose_nothing_and_every_subscriber_sees_one_order(
    make_bus: MakeBus, queue_limit: int, counts: list[int], pauses: list[int], sizes: list[int], cancel_after: int
) -> None:
    """The first publisher is cancelled at some time; subscribers suspend or queue."""

    async def scenario() -> None:
        bus = make_bus(queue_limit)
        seen: list[list[Event]] = [[] for _ in range(2 + len(sizes))]
        started: list[list[int]] = [[] for _ in counts]

        def keeping(events: list[Event], pause: int) -> Any:
            async def keep(event: Event) -> None:
                events.append(event)
                for _ in range(pause):
                    await asyncio.sleep(0)

            return keep

        await bus.subscribe("market.*", seen[0].append)
        for number, size in enumerate(sizes, start=1):
            await bus.subscribe("market.*", keeping(seen[number], pauses[0]), queue=QueuePolicy(size))
        await bus.subscribe("market.*", keeping(seen[-1], pauses[-1]))

        async def publish_all(publisher: int, count: int) -> None:
            for number in range(count):
                for _ in range(pauses[(publisher + number) % len(pauses)]):
                    await asyncio.sleep(0)
                started[publisher].append(number)
                await bus.publish(trade(number, f"P{publisher}/X"))

        tasks = [asyncio.create_task(publish_all(publisher, count)) for publisher, count in enumerate(counts)]
        for _ in range(cancel_after):
            await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await bus.close()
        for publisher, count in enumerate(counts):
            own = [e.ts_init for e in seen[0] if isinstance(e, type(trade())) and e.symbol == f"P{publisher}/X"]
            assert own == list(range(len(own)))
            assert len(own) == count if publisher else len(started[0]) - 1 <= len(own) <= len(started[0])
        for events in seen[1:]:
            assert events == seen[0]

    asyncio.run(scenario())
