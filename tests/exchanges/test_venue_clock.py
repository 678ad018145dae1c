"""The time at the venue, measured."""

from __future__ import annotations

import asyncio
import logging

import pytest

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, SimulatedClock
from quantai.exchanges.errors import MalformedReply, OutcomeUnknown
from quantai.exchanges.venue_clock import VenueClock

START = 1_700_000_000 * NS_PER_SECOND


class Venue:
    """Is `ahead` of us; the ways there and back take what the lists say, in milliseconds."""

    def __init__(self, ahead_ms: int = 0, there: list[int] | None = None, back: list[int] | None = None) -> None:
        self.clock = SimulatedClock(START)
        self.ahead_ns = ahead_ms * NS_PER_MS
        self.there, self.back = there or [], back or []
        self.asked = 0
        self.failures = 0
        self.answers = 1_000_000
        self.venue_clock = VenueClock(self.clock, self.ask, venue="binance", resync_s=0)

    async def ask(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        self.answers -= 1
        if self.failures or self.answers < 0:
            self.failures = max(0, self.failures - 1)
            raise OutcomeUnknown("GET /time: sent, and nobody knows what became of it")
        self._pass(self.there)
        answer = self.clock.now_ns() + self.ahead_ns
        self._pass(self.back)
        return answer

    def _pass(self, ways: list[int]) -> None:
        self.clock.seek(self.clock.now_ns() + (ways.pop(0) if ways else 1) * NS_PER_MS)


async def test_the_offset_is_that_of_the_sample_with_the_shortest_way() -> None:
    venue = Venue(700, there=[50, 3, 80, 9, 40], back=[1, 3, 20, 2, 90])
    await venue.venue_clock.resync()
    assert venue.venue_clock.offset_ns == 700 * NS_PER_MS
    assert venue.venue_clock.uncertainty_ns == 3 * NS_PER_MS
    assert venue.venue_clock.now_ms() == venue.clock.now_ns() // NS_PER_MS + 700


async def test_some_answers_are_enough() -> None:
    venue = Venue(20)
    venue.answers = 2
    await venue.venue_clock.resync()
    assert (venue.venue_clock.offset_ns, venue.venue_clock.failures, venue.asked) == (20 * NS_PER_MS, 0, 3)


async def test_a_sample_in_which_our_clock_was_set_back_does_not_count() -> None:
    venue = Venue(20, there=[5, 1], back=[5, -900])
    await venue.venue_clock.resync()
    assert venue.venue_clock.uncertainty_ns == NS_PER_MS
    assert venue.venue_clock.offset_ns == 20 * NS_PER_MS


async def test_a_time_that_cannot_be_is_no_answer() -> None:
    venue = Venue(20)
    await venue.venue_clock.resync()
    venue.ahead_ns = -START
    with pytest.raises(MalformedReply, match="more than a day off our clock"):
        await venue.venue_clock.resync()
    assert (venue.venue_clock.offset_ns, venue.venue_clock.failures) == (20 * NS_PER_MS, 1)


async def test_without_an_answer_the_offset_stays() -> None:
    venue = Venue(20)
    await venue.venue_clock.resync()
    venue.failures, venue.ahead_ns = 1, 0
    with pytest.raises(OutcomeUnknown):
        await venue.venue_clock.resync()
    assert (venue.venue_clock.offset_ns, venue.venue_clock.failures) == (20 * NS_PER_MS, 1)


async def test_who_asks_while_it_is_measured_waits_for_the_same_measurement() -> None:
    venue = Venue(20)
    await asyncio.gather(*[venue.venue_clock.resync() for _ in range(10)])
    assert venue.asked == 5


async def test_a_large_offset_is_told(caplog: pytest.LogCaptureFixture) -> None:
    await Venue(-999).venue_clock.resync()
    assert caplog.records == []
    await Venue(-1001).venue_clock.resync()
    assert "the clock of binance is -1.001 s off ours" in caplog.text
    assert caplog.records[0].levelno == logging.WARNING


async def test_nonces_grow_whatever_the_clocks_do() -> None:
    venue = Venue()
    first = venue.venue_clock.nonce()
    venue.venue_clock.offset_ns = -5 * NS_PER_SECOND
    assert [venue.venue_clock.nonce(), venue.venue_clock.nonce()] == [first + 1, first + 2]
    venue.clock.set_time(START + NS_PER_SECOND * 10)
    assert venue.venue_clock.nonce() == (START + 5 * NS_PER_SECOND) // NS_PER_MS


async def test_it_is_measured_again_on_schedule_also_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    venue = Venue(20)
    await venue.venue_clock.start()
    venue.failures, venue.ahead_ns = 1, 30 * NS_PER_MS
    while venue.venue_clock.offset_ns != 30 * NS_PER_MS:
        await asyncio.sleep(0)
    await venue.venue_clock.stop()
    assert "the time at binance cannot be measured: GET /time" in caplog.text
    asked = venue.asked
    for _ in range(20):
        await asyncio.sleep(0)
    assert venue.asked == asked


async def test_a_venue_that_does_not_answer_is_an_error_at_start() -> None:
    venue = Venue()
    venue.failures = 1
    with pytest.raises(OutcomeUnknown):
        await venue.venue_clock.start()
    await venue.venue_clock.stop()
