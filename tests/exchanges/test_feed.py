"""Live market data: connecting, ending, failing. Nothing here sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from quantai.core.clock import SimulatedClock
from quantai.core.errors import QuantAIError, StartupError
from quantai.events import BarEvent, Event
from quantai.events.bus import MemoryEventBus
from quantai.exchanges.base import EventSink, MarketDataConnector
from quantai.exchanges.feed import VenueFeed
from tests.oms.world import SPOT, START_NS, tick

TOPIC = "market.tick.binance.BTC/USDT"


class FakeConnector(MarketDataConnector):
    """Sends one tick, then does what a test says."""

    def __init__(
        self, error: Exception | None = None, *, ends: bool = False, stop_error: Exception | None = None
    ) -> None:
        self.error, self.ends, self.stop_error = error, ends, stop_error
        self.topics: list[str] = []
        self.cancelled = self.stopped = False

    async def start(self, topics: Sequence[str], sink: EventSink) -> None:
        self.topics, self.sink = list(topics), sink

    async def run(self) -> None:
        self.sink(tick(SPOT, 99, 100))
        if self.error is not None:
            raise self.error
        if self.ends:
            return
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    async def stop(self) -> None:
        self.stopped = True
        if self.stop_error is not None:
            raise self.stop_error

    async def get_historical(self, symbol: str, interval_ns: int, start_ns: int, end_ns: int) -> list[BarEvent]:
        return []


def feed(**connectors: FakeConnector) -> tuple[VenueFeed, MemoryEventBus]:
    clock = SimulatedClock(START_NS)
    bus = MemoryEventBus(clock)
    topics = {venue: [TOPIC, f"market.trade.{venue}.BTC/USDT"] for venue in connectors}
    return VenueFeed(bus, clock, connectors, topics, bus.is_wanted), bus


async def test_only_wanted_topics_are_asked_for_and_what_comes_is_published() -> None:
    connector = FakeConnector()
    live, bus = feed(binance=connector)
    seen: list[Event] = []

    def handle(event: Event) -> None:
        seen.append(event)
        live.stop()

    await bus.subscribe(TOPIC, handle)
    await live.start()
    await live.run()
    assert connector.topics == [TOPIC]
    assert (len(seen), live.events) == (1, 1)
    assert connector.cancelled


async def test_a_connector_that_fails_ends_the_feed_with_its_error_and_stops_the_others() -> None:
    good = FakeConnector()
    live, _ = feed(okx=good, binance=FakeConnector(QuantAIError("no more")))
    await live.start()
    with pytest.raises(QuantAIError, match="no more"):
        await live.run()
    assert good.cancelled


async def test_a_connector_that_ends_by_itself_is_an_error() -> None:
    live, _ = feed(binance=FakeConnector(ends=True))
    await live.start()
    with pytest.raises(QuantAIError, match="the market data of binance ended by itself"):
        await live.run()


async def test_a_feed_that_is_cancelled_leaves_no_stream_behind() -> None:
    connector = FakeConnector()
    live, _ = feed(binance=connector)
    await live.start()
    running = asyncio.create_task(live.run())
    while not live.events:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert connector.cancelled


async def test_closing_disconnects_all_even_where_one_fails() -> None:
    bad, good = FakeConnector(stop_error=StartupError("stuck")), FakeConnector()
    live, _ = feed(binance=bad, okx=good)
    await live.start()
    with pytest.raises(StartupError, match="stuck"):
        await live.close()
    assert good.stopped


async def test_settling_waits_until_settled_or_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    live, _ = feed(binance=FakeConnector())
    clock = live._clock
    assert isinstance(clock, SimulatedClock)

    async def sleep(seconds: float) -> None:
        clock.set_time(clock.now_ns() + round(seconds * 1e9))

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await live.settle(lambda: clock.now_ns() >= START_NS + 50_000_000, 10**9)
    assert clock.now_ns() == START_NS + 50_000_000
    await live.settle(lambda: False, 10**9)
    assert clock.now_ns() == START_NS + 1_050_000_000
