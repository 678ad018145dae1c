"""Live market events from venues."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from quantai.core.clock import Clock
from quantai.core.errors import QuantAIError
from quantai.data.feed import LiveFeed
from quantai.events import MarketEvent
from quantai.events.bus import EventBus
from quantai.exchanges.base import MarketDataConnector


class VenueFeed(LiveFeed):
    """Connects venues and publishes what they send, of the `topics` that each venue could be asked for, the wanted."""

    def __init__(
        self,
        bus: EventBus,
        clock: Clock,
        connectors: Mapping[str, MarketDataConnector],
        topics: Mapping[str, list[str]],
        is_wanted: Callable[[str], bool],
    ) -> None:
        super().__init__(clock)
        self._bus = bus
        self._connectors = connectors
        self._topics = topics
        self._is_wanted = is_wanted

    async def start(self) -> None:
        """Connect every venue. Raises `StartupError` where one cannot be."""
        for venue, connector in self._connectors.items():
            await connector.start([topic for topic in self._topics[venue] if self._is_wanted(topic)], self._publish)

    def _publish(self, event: MarketEvent) -> None:
        self.events += 1
        self._bus.post(event)

    async def run(self) -> None:
        """Stream until `stop`. Raises what a connector cannot go on after: a feed never dies in silence."""
        streams = {asyncio.create_task(connector.run()): venue for venue, connector in self._connectors.items()}
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait([*streams, stopped], return_when=asyncio.FIRST_COMPLETED)
            ended = [(task, venue) for task, venue in streams.items() if task.done()]
        finally:
            for task in (*streams, stopped):
                task.cancel()
            await asyncio.gather(*streams, stopped, return_exceptions=True)
        for task, venue in ended:
            task.result()
            raise QuantAIError(f"the market data of {venue} ended by itself")

    async def close(self) -> None:
        """Disconnect every venue; one that fails keeps no other connected. Raises the first failure."""
        stopping = [connector.stop() for connector in self._connectors.values()]
        for result in await asyncio.gather(*stopping, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
