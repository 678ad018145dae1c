"""Every implementation of the bus, and what its contract tests are built from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from quantai.core.clock import SimulatedClock
from quantai.core.enums import Side
from quantai.events import Event, TradeEvent
from quantai.events.bus import EventBus, MemoryEventBus

MakeBus = Callable[[int], EventBus]

IMPLEMENTATIONS: dict[str, MakeBus] = {
    "memory": lambda queue_limit: MemoryEventBus(SimulatedClock(1_000), queue_limit),
}


@pytest.fixture(params=list(IMPLEMENTATIONS.values()), ids=list(IMPLEMENTATIONS))
def make_bus(request: pytest.FixtureRequest) -> MakeBus:
    """Makes an empty bus that holds so many waiting events."""
    made: MakeBus = request.param
    return made


@pytest.fixture
async def bus(make_bus: MakeBus) -> AsyncIterator[EventBus]:
    """An empty bus, closed after the test."""
    bus = make_bus(1_000)
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
