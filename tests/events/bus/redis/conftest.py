"""What the tests of the Redis bus share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from redis import Redis

from quantai.events import Event, GapEvent
from quantai.events.bus.redis import RedisEventBus
from tests.events.bus.conftest import SERVER, make_redis_bus, unique_name

_DEADLINE_S = 30.0

OpenBus = Callable[..., Any]


async def until(condition: Callable[[], Any]) -> None:
    """Wait until `condition` is true; there is a server on the other side, so it is asked again and again."""
    async with asyncio.timeout(_DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.002)


def gaps(events: list[Event]) -> list[GapEvent]:
    """The gaps among `events`."""
    return [event for event in events if isinstance(event, GapEvent)]


def pending(client: Redis, name: str) -> int:
    """How many entries the group `recorder` was given and did not acknowledge."""
    answer: Any = client.xpending(f"{name}:market", "recorder")
    return int(answer["pending"])


@pytest.fixture
def name() -> str:
    """The name that the buses of a test share."""
    return unique_name()


@pytest.fixture
async def open_bus(name: str) -> AsyncIterator[OpenBus]:
    """Starts a bus that has subscribers already: `await open_bus({pattern: handler}, **settings)`. All are closed after
    the test.
    """
    opened: list[RedisEventBus] = []

    async def open_bus(handlers: dict[str, Any] | None = None, **settings: Any) -> RedisEventBus:
        bus = make_redis_bus(**{"name": name, **settings})
        opened.append(bus)
        for pattern, handler in (handlers or {}).items():
            await bus.subscribe(pattern, handler)
        await bus.start()
        return bus

    yield open_bus
    for bus in opened:
        await bus.close()


@pytest.fixture
def client(server: object) -> Iterator[Redis]:
    """A plain client of the shared server, to look and to interfere."""
    with SERVER.client() as client:
        yield client
