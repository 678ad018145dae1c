"""The network between a bus and Redis: cut, or silent with its connections open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from quantai.events import Event
from quantai.events.bus.redis import RedisEventBus
from tests.events.bus.conftest import SERVER, numbers, trade
from tests.events.bus.redis.conftest import OpenBus, until

TIMEOUT_NS = 100_000_000


class Network:
    """A way to `SERVER` that can be cut, and made to carry nothing in either direction."""

    def __init__(self) -> None:
        self.url = ""
        self._goes_on = {"requests": asyncio.Event(), "answers": asyncio.Event()}
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.mend()

    async def open(self) -> asyncio.Server:
        """Listen."""
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        return server

    def stall(self, *directions: str) -> None:
        """Hold what is sent, `requests` or `answers`, until `mend`."""
        for direction in directions:
            self._goes_on[direction].clear()

    def mend(self) -> None:
        """Carry on."""
        for direction in self._goes_on.values():
            direction.set()

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def close(self) -> None:
        """End what is on the way."""
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_unix_connection(SERVER.url.removeprefix("unix://"))
        self._writers |= {writer, there[1]}
        for source, target, direction in ((reader, there[1], "requests"), (there[0], writer, "answers")):
            self._tasks.add(asyncio.create_task(self._carry(source, target, self._goes_on[direction])))

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, goes_on: asyncio.Event) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                await goes_on.wait()
                target.write(data)
        target.close()


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    """To be asked for before `open_bus`, so that it is there until the buses are closed."""
    network = Network()
    server = await network.open()
    yield network
    server.close()
    await network.close()
    await server.wait_closed()


async def connected(open_bus: OpenBus, network: Network, seen: list[Event], **settings: Any) -> RedisEventBus:
    """A bus over the network, subscribed to market data."""
    bus: RedisEventBus = await open_bus({"market.*": seen.append}, url=network.url, timeout_ns=TIMEOUT_NS, **settings)
    return bus


async def publish_while(bus: RedisEventBus, down: Any, first: int) -> int:
    """Publish trades from number `first` on until `down` is true; the number after the last."""
    number = first
    while not down():
        await bus.publish(trade(number))
        number += 1
        await asyncio.sleep(0.005)
    return number


@pytest.mark.parametrize("stalled", [("requests",), ("answers",), ("requests", "answers")])
async def test_a_sender_that_the_network_silences_loses_and_doubles_nothing(
    network: Network, open_bus: OpenBus, stalled: tuple[str, ...]
) -> None:
    seen: list[Event] = []
    receiver = await open_bus({"market.*": seen.append})
    sender = await connected(open_bus, network, [])
    await sender.publish(trade(0))
    await until(lambda: seen)
    network.stall(*stalled)
    number = await publish_while(sender, lambda: not sender.is_connected, 1)
    network.mend()
    await sender.publish(trade(number))
    await until(lambda: sender.backlog == 0 and len(seen) == number + 1)
    assert numbers(seen) == list(range(number + 1))
    assert receiver.counters.lost == 0


@pytest.mark.parametrize("settings", [{}, {"group": "recorder", "resume": True}], ids=["live", "group"])
@pytest.mark.parametrize("stalled", [(), ("requests",), ("answers",)], ids=["cut", "requests", "answers"])
async def test_a_receiver_that_the_network_fails_misses_and_doubles_nothing(
    network: Network, open_bus: OpenBus, stalled: tuple[str, ...], settings: dict[str, Any]
) -> None:
    seen: list[Event] = []
    receiver = await connected(open_bus, network, seen, **settings)
    sender = await open_bus()
    await sender.publish(trade(0))
    await until(lambda: seen)
    if stalled:
        network.stall(*stalled)
    else:
        network.cut()
    number = await publish_while(sender, lambda: not receiver.is_connected or receiver.counters.reconnects, 1)
    network.mend()
    await sender.publish(trade(number))
    await until(lambda: len(seen) == number + 1)
    assert numbers(seen) == list(range(number + 1))
    assert receiver.counters.lost == 0
