"""Attempts to connect: refused, unanswered, limited by the venue's budget; no secret of theirs is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.core.errors import VenueError
from quantai.exchanges.rate_limiter import RateLimiter, RateRule
from quantai.exchanges.websocket.opening import Send
from tests.exchanges.websocket.link_world import SETTINGS, running
from tests.exchanges.websocket.loopback import MS, Venue, a_moment, eventually


async def test_a_refusing_server_is_asked_later_and_later_and_then_the_breaker_is_told_once(
    server: Venue, clock: SimulatedClock
) -> None:
    server.turn_away(503)
    settings = replace(SETTINGS, breaker_failures=4)
    async with running(server, clock, settings) as world:
        await world.advance_until(lambda: server.attempts == 4, 50 * MS)
        await eventually(lambda: world.states)
        (state,) = world.states
        assert state[0] is False
        assert "too many failures, the last: the server answered HTTP 503" in state[1]
        began_ns = clock.now_ns()
        await world.advance_until(lambda: server.attempts == 5)
        assert clock.now_ns() - began_ns >= 110 * NS_PER_SECOND
        server.welcome()
        await world.advance_until(lambda: len(world.states) == 2)
        assert world.states[1] == (True, "connected")


async def test_nobody_there_is_a_failure_like_any_other(server: Venue, clock: SimulatedClock) -> None:
    url = server.url
    await server.stop()

    async def gone() -> str:
        return url

    async with running(server, clock, url=gone) as world:
        await world.advance_until(lambda: world.link.counts["failures"] >= 3)


async def test_a_server_that_accepts_tcp_and_no_more_is_given_up(server: Venue, clock: SimulatedClock) -> None:
    server.is_slow = True
    settings = replace(SETTINGS, connect_timeout_ns=10 * NS_PER_SECOND)
    async with running(server, clock, settings) as world:
        await eventually(lambda: server.attempts == 1)
        world.advance(9 * NS_PER_SECOND)
        await a_moment()
        assert world.link.counts["failures"] == 0
        await world.advance_until(lambda: server.attempts == 2)
        assert world.link.counts["failures"] == 1


async def test_a_login_that_is_not_answered_is_given_up(server: Venue, clock: SimulatedClock) -> None:
    server.reply = lambda request: None
    answered = asyncio.Event()

    async def login(send: Send) -> None:
        await send('{"method": "LOGIN", "params": [], "id": 1}')
        await answered.wait()

    settings = replace(SETTINGS, open_timeout_ns=30 * NS_PER_SECOND)
    async with running(server, clock, settings, on_open=login) as world:
        await eventually(lambda: server.requests)
        assert not world.link.is_up
        world.advance(30 * NS_PER_SECOND)
        await eventually(lambda: world.link.counts["failures"] == 1)
        await eventually(lambda: not server.sockets)
        answered.set()
        await world.advance_until(lambda: world.states)
        assert world.states == [(True, "connected")]


async def test_a_connection_that_falls_during_login_ends_the_login(server: Venue, clock: SimulatedClock) -> None:
    ended: list[BaseException] = []

    async def login(send: Send) -> None:
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            ended.append(error)
            raise

    async with running(server, clock, on_open=login):
        await eventually(lambda: server.sockets)
        server.sockets[0].transport.abort()
        await eventually(lambda: ended)


async def test_a_login_that_fails_is_a_failed_attempt(server: Venue, clock: SimulatedClock) -> None:
    async def login(send: Send) -> None:
        raise VenueError("no such key")

    async with running(server, clock, on_open=login) as world:
        await world.advance_until(lambda: world.link.counts["failures"] == 3)
        assert world.states == []


async def test_attempts_share_the_venues_budget_and_a_429_stops_them_all(server: Venue, clock: SimulatedClock) -> None:
    connects = RateLimiter(clock, [RateRule("connects", 300, 300 * NS_PER_SECOND)])
    server.turn_away(429, Retry_After="600")
    async with running(server, clock, connects=connects, connect_costs={"connects": 1}) as world:
        await eventually(lambda: world.link.counts["failures"] == 1)
        began_ns = clock.now_ns()
        server.welcome()
        await world.advance_until(lambda: world.states, 10 * NS_PER_SECOND)
        assert clock.now_ns() - began_ns >= 590 * NS_PER_SECOND
        assert server.attempts == 2


async def test_a_ban_is_heeded(server: Venue, clock: SimulatedClock) -> None:
    connects = RateLimiter(clock, [RateRule("connects", 300, 300 * NS_PER_SECOND)])
    server.turn_away(418, Retry_After="120")
    async with running(server, clock, connects=connects, connect_costs={"connects": 1}) as world:
        await eventually(lambda: world.link.counts["failures"] == 1)
        assert connects.counts.bans == 1
        await world.advance_until(lambda: world.link.counts["failures"] >= 3)
        assert server.attempts == 1


async def test_no_secret_of_the_url_is_told(
    server: Venue, clock: SimulatedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    async def wrong() -> str:
        return "http://nowhere/secret-listen-key"

    async with running(server, clock, replace(SETTINGS, breaker_failures=2), url=wrong) as world:
        await world.advance_until(lambda: world.states)
    server.turn_away(401)
    async with running(server, clock, replace(SETTINGS, breaker_failures=1)) as other:
        await eventually(lambda: other.states)
    assert "secret" not in caplog.text + repr(world.states + other.states)


async def test_a_redirect_is_not_followed_and_its_address_not_told(
    server: Venue, clock: SimulatedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    server.turn_away(302, Location="/secret-listen-key")
    async with running(server, clock, replace(SETTINGS, breaker_failures=1)) as world:
        await eventually(lambda: world.states)
        assert server.attempts == 1
        assert "the server answered HTTP 302" in world.states[0][1]
    assert "secret" not in caplog.text + repr(world.states)


async def test_no_proxy_of_the_environment_comes_between(
    server: Venue, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "socks_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    async with running(server, clock) as world:
        await world.up()
