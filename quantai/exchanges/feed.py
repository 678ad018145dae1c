"""Live market events from venues."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from quantai.core.clock import Clock
from quantai.data.feed import Feed
from quantai.events import MarketEvent
from quantai.events.bus import EventBus
from quantai.exchanges.base import MarketDataConnector

_POLL_S = 0.01


class VenueFeed(Feed):
    """Connects venues and publishes what they send. `topics` are what each venue could be asked for; only the wanted are."""

    def __init__(
        self,
        bus: EventBus,
        clock: Clock,
        connectors: Mapping[str, MarketDataConnector],
        topics: Mapping[str, list[str]],
        is_wanted: Callable[[str], bool],
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._connectors = connectors
        self._topics = topics
        self._is_wanted = is_wanted
        self._stopped = asyncio.Event()
        self.events = 0

    async def start(self) -> None:
        """Connect every venue. Raises `StartupError` where one cannot be."""
        for venue, connector in self._connectors.items():
            await connector.start([topic for topic in self._topics[venue] if self._is_wanted(topic)], self._publish)

    def _publish(self, event: MarketEvent) -> None:
        self.events += 1
        self._bus.post(event)

    async def run(self) -> None:
        """Stream until `stop`. Raises what a connector cannot go on after: a feed never dies in silence."""
        streams = [asyncio.create_task(connector.run()) for connector in self._connectors.values()]
        stopped = asyncio.create_task(self._stopped.wait())
        done, running = await asyncio.wait([*streams, stopped], return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for task in done:
            task.result()

    def stop(self) -> None:
        """Make `run` return."""
        self._stopped.set()

    async def settle(self, is_settled: Callable[[], bool], limit_ns: int) -> None:
        """Wait until `is_settled`, at most `limit_ns` of real time."""
        deadline_ns = self._clock.now_ns() + limit_ns
        while not is_settled() and self._clock.now_ns() < deadline_ns:
            await asyncio.sleep(_POLL_S)

    async def close(self) -> None:
        """Disconnect every venue."""
        for connector in self._connectors.values():
            await connector.stop()
