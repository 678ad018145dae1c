"""Recurring jobs, on a clock that the test moves."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import ClassVar

import pytest

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.data.feed import Feed
from quantai.data.market import MarketView
from quantai.events import Event, StaleEvent, TickEvent
from quantai.events.bus import MemoryEventBus
from quantai.instruments import Instrument
from quantai.ops.jobs import Jobs, check_feeds, log_status

MINUTE_NS = 60 * NS_PER_SECOND
BTC = Instrument(venue="binance", symbol="BTC/USDT", tick_size=Decimal("0.01"), lot_size=Decimal("0.001"))
ETH = Instrument(venue="okx", symbol="ETH/USDT", tick_size=Decimal("0.01"), lot_size=Decimal("0.001"))


def tick(instrument: Instrument, ts_ns: int) -> TickEvent:
    return TickEvent(instrument.venue, instrument.symbol, ts_ns, ts_ns, 1.0, 1.0, 2.0, 1.0)


class FeedStub(Feed):
    """A feed that brought 1,234 events."""

    events = 1_234

    async def run(self) -> None:
        return

    def stop(self) -> None:
        return

    async def settle(self, is_settled: object, limit_ns: int) -> None:
        return


def test_a_job_runs_at_whole_multiples_of_its_interval() -> None:
    clock = SimulatedClock(90 * NS_PER_SECOND)
    jobs, ran = Jobs(clock), list[int]()
    jobs.add("status", MINUTE_NS, ran.append)
    clock.advance_to(4 * MINUTE_NS)
    assert ran == [2 * MINUTE_NS, 3 * MINUTE_NS, 4 * MINUTE_NS]


def test_no_job_runs_after_stop() -> None:
    clock = SimulatedClock()
    jobs, ran = Jobs(clock), list[int]()
    jobs.add("status", MINUTE_NS, ran.append)
    clock.advance_to(MINUTE_NS)
    jobs.stop()
    clock.advance_to(10 * MINUTE_NS)
    assert ran == [MINUTE_NS]


def test_a_job_that_fails_is_logged_and_runs_again(caplog: pytest.LogCaptureFixture) -> None:
    clock = SimulatedClock()
    jobs, ran = Jobs(clock), list[int]()

    def fail(due_ns: int) -> None:
        ran.append(due_ns)
        raise RuntimeError("boom")

    jobs.add("status", MINUTE_NS, fail)
    clock.advance_to(2 * MINUTE_NS)
    assert ran == [MINUTE_NS, 2 * MINUTE_NS]
    assert caplog.messages == ["job status failed, it runs again in 1m"] * 2


def test_the_status_line_tells_of_events(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        log_status(FeedStub())(0)
    assert caplog.messages == ["status: 1970-01-01T00:00:00, 1,234 events"]


class LinkedBus(MemoryEventBus):
    """A bus with a link to others, which is up or not."""

    is_connected = True
    counts: ClassVar[dict[str, int]] = {"published": 7, "dropped": 0, "backlog": 2}


@pytest.mark.parametrize(("is_connected", "state"), [(True, "up"), (False, "DOWN")])
def test_the_status_line_tells_of_the_link_to_other_processes(
    caplog: pytest.LogCaptureFixture, is_connected: bool, state: str
) -> None:
    bus = LinkedBus(SimulatedClock())
    bus.is_connected = is_connected
    with caplog.at_level(logging.INFO):
        log_status(FeedStub(), bus)(0)
        log_status(FeedStub(), MemoryEventBus(SimulatedClock()))(0)
    assert caplog.messages == [
        f"status: 1970-01-01T00:00:00, 1,234 events, bus {state} published 7 backlog 2",
        "status: 1970-01-01T00:00:00, 1,234 events",
    ]


class Feeds:
    """Two instruments that are checked every minute for a minute's silence."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(MINUTE_NS)
        self.market = MarketView()
        self.bus = MemoryEventBus(self.clock)
        self.stale: list[StaleEvent] = []
        self._job = check_feeds(self.bus, self.clock, self.market, (BTC, ETH), MINUTE_NS)

    async def listen(self) -> None:
        async def keep(event: Event) -> None:
            assert isinstance(event, StaleEvent)
            self.stale.append(event)

        await self.bus.subscribe("system.stale.*", keep)

    async def check(self, minute: int) -> list[str]:
        """The venues that are stale at the check of that minute."""
        self.stale.clear()
        self.clock.set_time(minute * MINUTE_NS)
        self._job(minute * MINUTE_NS)
        await self.bus.join()
        return [event.venue for event in self.stale]


async def test_an_instrument_that_fell_silent_is_stale_until_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    feeds = Feeds()
    await feeds.listen()
    feeds.market.update(tick(ETH, 2 * MINUTE_NS - 1))
    feeds.market.update(tick(BTC, 2 * MINUTE_NS - 1))
    assert await feeds.check(2) == []
    feeds.market.update(tick(ETH, 3 * MINUTE_NS))
    assert await feeds.check(3) == ["binance"]
    assert feeds.stale[0].age_ns == MINUTE_NS + 1
    feeds.market.update(tick(ETH, 4 * MINUTE_NS))
    assert await feeds.check(4) == ["binance"]
    feeds.market.update(tick(BTC, 5 * MINUTE_NS))
    feeds.market.update(tick(ETH, 5 * MINUTE_NS))
    with caplog.at_level(logging.INFO):
        assert await feeds.check(5) == []
    assert caplog.messages == ["binance:BTC/USDT is silent for 60.0 s", "binance:BTC/USDT is back"]


async def test_an_instrument_that_never_spoke_is_stale_too() -> None:
    feeds = Feeds()
    await feeds.listen()
    feeds.market.update(tick(ETH, 2 * MINUTE_NS))
    assert await feeds.check(2) == ["binance"]


class Other:
    """Something that counts."""

    counts: ClassVar[dict[str, int]] = {"rounds": 3, "failed_rounds": 0}


def test_the_status_line_tells_what_others_counted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        log_status(FeedStub(), others=[Other()])(0)
    assert caplog.messages == ["status: 1970-01-01T00:00:00, 1,234 events, rounds 3"]
