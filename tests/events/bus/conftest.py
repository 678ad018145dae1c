"""Every implementation of the bus, and what its contract tests are built from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from quantai.core.clock import SimulatedClock
from quantai.core.enums import Side
from quantai.events import Event, TradeEvent
from quantai.events.bus import EventBus, MemoryEventBus
from quantai.events.bus.redis import RedisEventBus, RedisSettings
from tests.redis_server import RedisServer

MakeBus = Callable[[int], EventBus]

SERVER = RedisServer()
"""Shared by all tests that neither stop it nor look at all of its keys."""

# What the Redis bus publishes to others in the contract suite: all but the topics that are asked whether anybody here
# wants them, as others may.
_FORWARDED = (
    "system.*",
    "order.*",
    "portfolio.*",
    "market.*.v.*",
    "market.*.w.*",
    "*/X",
    "*.A/B",
    "*.C/D",
    "*.FAN/OUT",
)


@pytest.fixture(scope="session", autouse=True)
def server() -> Iterator[RedisServer]:
    """`SERVER`, running."""
    with SERVER:
        yield SERVER


def unique_name() -> str:
    """Of a bus that no other test uses."""
    return f"test-{uuid4().hex}"


def make_redis_bus(queue_limit: int = 1_000, now_ns: int = 1_000, **settings: Any) -> RedisEventBus:
    """A bus on `SERVER`, not started, with a name of its own where `settings` do not give it one."""
    clock = SimulatedClock(now_ns)
    local = MemoryEventBus(clock, queue_limit)
    return RedisEventBus(local, RedisSettings(**{"url": SERVER.url, "name": unique_name(), **settings}), clock)


IMPLEMENTATIONS: dict[str, MakeBus] = {
    "memory": lambda queue_limit: MemoryEventBus(SimulatedClock(1_000), queue_limit),
    "redis": lambda queue_limit: make_redis_bus(queue_limit, publish=_FORWARDED),
}


@pytest.fixture(params=list(IMPLEMENTATIONS.values()), ids=list(IMPLEMENTATIONS))
def make_bus(request: pytest.FixtureRequest) -> MakeBus:
    """Makes an empty bus that holds so many waiting events."""
    made: MakeBus = request.param
    return made


@pytest.fixture
async def bus(make_bus: MakeBus) -> AsyncIterator[EventBus]:
    """An empty bus, connected where it is one that connects, closed after the test."""
    bus = make_bus(1_000)
    if isinstance(bus, RedisEventBus):
        await bus.start()
    yield bus
    await bus.close()


def trade(number: int = 0, symbol: str = "BTC/USDT", venue: str = "binance") -> TradeEvent:
    """A trade that `number` tells from others."""
    return TradeEvent(venue, symbol, number, number, 100.0, 1.0, Side.BUY, str(number))


def numbers(events: list[Event]) -> list[int]:
    """Which trades these are."""
    return [int(event.trade_id) for event in events if isinstance(event, TradeEvent)]


async def turns(count: int = 20) -> None:
    """Let every other task run until it waits for something that does not come by itself."""
    for _ in range(count):
        await asyncio.sleep(0)


class Gate:
    """A coroutine handler that keeps each event until it is let through."""

    def __init__(self) -> None:
        self.entered: list[Event] = []
        self.left: list[Event] = []
        self._open = asyncio.Event()

    async def __call__(self, event: Event) -> None:
        self.entered.append(event)
        await self._open.wait()
        self.left.append(event)

    def open(self) -> None:
        """Let everything through from now on."""
        self._open.set()
