"""What a venue that turns connections away stops, and what it does not."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.exchanges.errors import NotSent
from quantai.exchanges.rate_limiter import Priority, RateLimiter, RateRule
from quantai.exchanges.websocket import LinkSettings
from quantai.exchanges.websocket.opening import Opener
from tests.exchanges.websocket.loopback import Venue

MINUTE_NS = 60 * NS_PER_SECOND


class World:
    """An opener, and the budget that it shares with requests."""

    def __init__(self, server: Venue, clock: SimulatedClock, *, has_limiter: bool = True) -> None:
        rules = [RateRule("connects", 300, 5 * MINUTE_NS, is_window=False), RateRule("weight", 100, MINUTE_NS)]
        self.clock = clock
        self.server = server
        self.limiter = RateLimiter(clock, rules, reserve=0.1)
        self.opener = Opener(
            name="venue private", url=self._url, clock=clock, settings=LinkSettings(), on_open=None,
            connects=self.limiter if has_limiter else None, connect_costs={"connects": 1, "weight": 2}, messages=None,
        )  # fmt: skip

    async def _url(self) -> str:
        return self.server.url

    async def connect(self) -> None:
        with pytest.raises(InvalidStatus):
            await self.opener.connect(lambda frame, ts_ns: None)

    def may(self, priority: Priority, **costs: int) -> bool:
        is_granted = self.limiter.try_acquire(costs, priority)
        if is_granted:
            self.limiter.refund(costs)
        return is_granted

    def pass_ns(self, duration_ns: int) -> None:
        self.clock.advance_to(self.clock.now_ns() + duration_ns)


async def test_a_plain_429_stops_attempts_until_their_limit_resets_and_cancels_never(
    server: Venue, clock: SimulatedClock, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(server, clock)
    server.turn_away(429)
    await world.connect()
    assert not world.may(Priority.ORDER, connects=1)
    assert world.may(Priority.CANCEL, weight=1)
    assert not world.may(Priority.ORDER, weight=1)  # it may have been the weight: an order could bring a ban
    assert world.limiter.counts.pauses == 0
    assert "venue private: HTTP 429, no attempt before connects, weight resets" in caplog.text
    world.pass_ns(MINUTE_NS + 2 * NS_PER_SECOND)
    assert world.may(Priority.ORDER, weight=90)
    assert not world.may(Priority.ORDER, connects=1)
    world.pass_ns(4 * MINUTE_NS)
    assert world.may(Priority.ORDER, connects=1)


async def test_a_budget_that_connecting_does_not_touch_goes_on(server: Venue, clock: SimulatedClock) -> None:
    world = World(server, clock)
    world.opener = replace(world.opener, connect_costs={"connects": 1})
    server.turn_away(429)
    await world.connect()
    assert world.may(Priority.ORDER, weight=90)
    assert not world.may(Priority.ORDER, connects=1)


async def test_a_429_that_asks_for_silence_is_obeyed_by_everybody(server: Venue, clock: SimulatedClock) -> None:
    world = World(server, clock)
    server.turn_away(429, Retry_After="17")
    await world.connect()
    assert world.limiter.paused_until_ns == clock.now_ns() + 17 * NS_PER_SECOND
    assert not world.may(Priority.CANCEL, weight=1)
    assert world.limiter.counts.bans == 0


@pytest.mark.parametrize(
    ("after", "seconds"),
    [("900", 900), ("", 120), ("0", 120), ("soon", 120), ("-5", 120), ("999999999", 4 * 86_400), ("9" * 12, 120)],
)
async def test_a_ban_stops_everything_for_two_minutes_at_least(
    server: Venue, clock: SimulatedClock, after: str, seconds: int
) -> None:
    world = World(server, clock)
    server.turn_away(418, Retry_After=after)
    await world.connect()
    assert world.limiter.paused_until_ns == clock.now_ns() + seconds * NS_PER_SECOND
    assert world.limiter.counts.bans == 1
    with pytest.raises(NotSent, match="banned for another"):
        await world.limiter.acquire({"weight": 1}, Priority.CANCEL)


async def test_a_ban_that_says_twice_how_long_is_a_ban(server: Venue, clock: SimulatedClock) -> None:
    world = World(server, clock)
    error = InvalidStatus(Response(418, "banned", Headers([("Retry-After", "900"), ("Retry-After", "900")]), b""))
    world.opener._heed(error)
    assert world.limiter.paused_until_ns == clock.now_ns() + 900 * NS_PER_SECOND


@pytest.mark.parametrize("status", [401, 403, 500, 503])
async def test_any_other_refusal_leaves_the_budget_as_it_is(server: Venue, clock: SimulatedClock, status: int) -> None:
    world = World(server, clock)
    server.turn_away(status)
    await world.connect()
    assert world.may(Priority.ORDER, connects=269, weight=88)


async def test_without_a_budget_there_is_nothing_to_stop(
    server: Venue, clock: SimulatedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    world = World(server, clock, has_limiter=False)
    server.turn_away(418)
    await world.connect()
    assert world.limiter.paused_until_ns == 0
    assert caplog.text == ""
