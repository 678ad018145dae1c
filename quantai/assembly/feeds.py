"""Builds what drives the daemon: a replay, venues, or what other daemons publish."""

from __future__ import annotations

from quantai.config import Config
from quantai.config.schema import MarketEvents
from quantai.core.clock import Clock
from quantai.data.derive import DerivedStreams
from quantai.data.feed import Feed, LiveFeed
from quantai.data.source import MarketDataSource
from quantai.events import MarketEvent
from quantai.events.bus import EventBus
from quantai.exchanges.base import Exchange
from quantai.exchanges.feed import VenueFeed
from quantai.exchanges.registry import ExchangeRegistry
from quantai.instruments import Instrument
from quantai.simulation.replay import Progress, Replay


def build_feed(
    config: Config,
    source: MarketDataSource | None,
    exchanges: ExchangeRegistry,
    bus: EventBus,
    clock: Clock,
    derived: DerivedStreams,
    instruments: tuple[Instrument, ...],
    on_progress: Progress | None,
) -> Feed:
    """The feed of what is wanted on the bus and not derived."""

    def is_wanted(topic: str) -> bool:
        return topic not in derived.topics and bus.is_wanted(topic)

    if source is not None:
        speed = config.simulation.speed
        return Replay(source, bus, clock, is_wanted=is_wanted, speed=speed, on_progress=on_progress)
    if config.mode.market_events is MarketEvents.BUS:
        return BusFeed(bus, clock)
    connectors = {venue: exchanges.get_exchange(venue).get_market_data_connector() for venue in exchanges}
    topics = {
        venue: [
            f"market.{channel}.{venue}.{instrument.symbol}"
            for instrument in instruments
            if instrument.venue == venue
            for channel in _offered_channels(config, exchanges.get_exchange(venue))
        ]
        for venue in exchanges
    }
    return VenueFeed(bus, clock, connectors, topics, is_wanted)


def _offered_channels(config: Config, exchange: Exchange) -> list[str]:
    """What a venue could be asked for. Strategies elsewhere build bars from trades, and must not get them twice."""
    channels = exchange.capabilities.channels
    return sorted(channels - {"bar"} if config.gateway.serve and "trade" in channels else channels)


class BusFeed(LiveFeed):
    """Nothing to connect: other daemons publish. Runs until it is stopped, and counts the market events that come."""

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        super().__init__(clock)
        self._bus = bus

    async def start(self) -> None:
        """Count from now on."""
        await self._bus.subscribe("market.*", self._count, name="market data")

    def _count(self, event: MarketEvent) -> None:
        self.events += 1

    async def run(self) -> None:
        """Wait for `stop`."""
        await self._stopped.wait()
