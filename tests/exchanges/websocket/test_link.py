from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from quantai.core.clock import NS_PER_SECOND, Clock, SimulatedClock, WallClock
from quantai.core.errors import VenueError
from quantai.exchanges.errors import NotSent, OutcomeUnknown
from quantai.exchanges.rate_limiter import RateLimiter, RateRule
from quantai.exchanges.websocket import Link, LinkSettings
from quantai.exchanges.websocket.opening import Send
from tests.exchanges.websocket.loopback import MS, Venue, a_moment, eventually

HOUR_NS = 3_600 * NS_PER_SECOND
# Simulated time flies while sockets take real time: only tests that are about these limits have short ones.
SETTINGS = LinkSettings(
    close_timeout_ns=200 * MS,
    ping_interval_ns=HOUR_NS,
    connect_timeout_ns=1_000 * HOUR_NS,
    open_timeout_ns=1_000 * HOUR_NS,
)


class World:
    """A link, what it told, and a clock that is moved."""

    def __init__(self, server: Venue, clock: Clock, settings: LinkSettings, **options: Any) -> None:
        self.server = server
        self.clock = clock
        self.frames: list[bytes] = []
        self.times: list[int] = []
        self.states: list[tuple[bool, str]] = []
        self.link = Link(
            "test",
            options.pop("url", self.url),
            clock=clock,
            on_frame=options.pop("on_frame", self.on_frame),
            on_state=lambda is_up, reason: self.states.append((is_up, reason)),
            settings=settings,
            **options,
        )

    async def url(self) -> str:
        return self.server.url + "/secret-listen-key"

    def on_frame(self, frame: bytes, ts_ns: int) -> None:
        self.frames.append(frame)
        self.times.append(ts_ns)

    def advance(self, duration_ns: int) -> None:
        assert isinstance(self.clock, SimulatedClock)
        self.clock.advance_to(self.clock.now_ns() + duration_ns)

    async def advance_until(self, is_true: Any, step_ns: int = NS_PER_SECOND) -> None:
        """Let simulated time pass, a step at a time, until `is_true`."""
        async with asyncio.timeout(10):
            while not is_true():
                self.advance(step_ns)
                await asyncio.sleep(0.001)

    async def up(self) -> None:
        await eventually(lambda: self.states and self.states[-1][0])

    async def down(self) -> None:
        await eventually(lambda: self.states and not self.states[-1][0])


@asynccontextmanager
async def running(
    server: Venue, clock: Clock, settings: LinkSettings = SETTINGS, **options: Any
) -> AsyncIterator[World]:
    world = World(server, clock, settings, **options)
    task = asyncio.create_task(world.link.run())
    try:
        yield world
        assert not task.done()
    finally:
        await world.link.stop()
        await task


async def test_frames_come_as_bytes_with_the_time_of_their_arrival(server: Venue, clock: SimulatedClock) -> None:
    async with running(server, clock) as world:
        await world.up()
        await server.sockets[0].send('{"text": "ü"}')
        await server.sockets[0].send(b"\xff\x00")
        await eventually(lambda: len(world.frames) == 2)
        assert world.frames == ['{"text": "ü"}'.encode(), b"\xff\x00"]
        assert world.times == [clock.now_ns()] * 2
        assert world.link.last_frame_ns == clock.now_ns()
        assert world.link.is_up
        assert world.states == [(True, "connected")]


async def test_stop_closes_with_a_handshake_and_is_told_once(server: Venue, clock: SimulatedClock) -> None:
    async with running(server, clock) as world:
        await world.up()
        socket = server.sockets[0]
    assert world.states == [(True, "connected"), (False, "stopped")]
    assert not world.link.is_up
    await eventually(lambda: socket.close_code == 1000)


async def test_stop_before_and_during_the_first_attempt_returns(server: Venue, clock: SimulatedClock) -> None:
    world = World(server, clock, SETTINGS)
    await world.link.stop()
    await world.link.run()
    server.is_slow = True
    async with running(server, clock):
        await eventually(lambda: server.attempts == 1)


async def test_a_cancelled_run_leaves_no_connection(server: Venue, clock: SimulatedClock) -> None:
    world = World(server, clock, SETTINGS)
    task = asyncio.create_task(world.link.run())
    await world.up()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: not server.sockets)
    assert world.states[-1] == (False, "stopped")


@pytest.mark.parametrize("code", [1001, 1006, 1008, 1011, 1012, 4000])
async def test_whatever_code_closes_it_the_link_comes_back(server: Venue, clock: SimulatedClock, code: int) -> None:
    async with running(server, clock) as world:
        await world.up()
        if code == 1006:
            server.sockets[0].transport.abort()
        else:
            await server.sockets[0].close(code, "so it is")
        await world.down()
        reason = world.states[-1][1]
        assert ("without a closing handshake" if code == 1006 else f"code {code}: so it is") in reason
        await world.advance_until(lambda: world.states[-1][0])
        await server.sockets[0].send("again")
        await eventually(lambda: world.frames == [b"again"])
        assert world.link.counts["failures"] == 1
        assert world.link.counts["connects"] == 2


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


async def test_silence_where_data_must_come_ends_the_connection(server: Venue, clock: SimulatedClock) -> None:
    async with running(server, clock, replace(SETTINGS, silence_ns=5 * NS_PER_SECOND)) as world:
        await world.up()
        world.advance(4 * NS_PER_SECOND)
        await server.sockets[0].send("x")
        await eventually(lambda: world.frames)
        world.advance(4 * NS_PER_SECOND)
        await a_moment()
        assert world.link.is_up
        world.advance(NS_PER_SECOND)
        await world.down()
        assert world.states[-1] == (False, "nothing came for 5.0 s")


async def test_a_half_open_socket_is_found_by_our_own_pings(server: Venue) -> None:
    settings = replace(SETTINGS, ping_interval_ns=20 * MS, ping_timeout_ns=50 * MS, close_timeout_ns=20 * MS)
    async with running(server, WallClock(), settings) as world:
        await world.up()
        server.sockets[0].transport.pause_reading()
        await world.down()
        assert "keepalive ping timeout" in world.states[-1][1]


async def test_the_servers_pings_are_answered(server: Venue, clock: SimulatedClock) -> None:
    async with running(server, clock) as world:
        await world.up()
        async with asyncio.timeout(10):
            await (await server.sockets[0].ping(b"payload"))


async def test_a_server_that_floods_with_pings_is_left(server: Venue, clock: SimulatedClock) -> None:
    async with running(server, clock, replace(SETTINGS, max_pings_per_second=10)) as world:
        await world.up()
        for _ in range(25):
            await server.sockets[0].ping()
        await world.down()
        assert world.states[-1] == (False, "the server pings too often")


async def test_a_frame_beyond_the_limit_is_refused_with_1009(server: Venue, clock: SimulatedClock) -> None:
    async with running(server, clock, replace(SETTINGS, max_frame_bytes=1_000)) as world:
        await world.up()
        await server.sockets[0].send("x" * 1_000)
        await server.sockets[0].send("x" * 1_001)
        await world.down()
        assert "code 1009" in world.states[-1][1]
        assert len(world.frames) == 1


async def test_what_the_consumer_cannot_take_is_counted_and_the_stream_goes_on(
    server: Venue, clock: SimulatedClock
) -> None:
    taken: list[bytes] = []

    def consume(frame: bytes, ts_ns: int) -> None:
        if frame == b"garbage":
            raise ValueError("not a frame")
        taken.append(frame)

    async with running(server, clock, on_frame=consume) as world:
        await world.up()
        for text in ("garbage", "good", "garbage"):
            await server.sockets[0].send(text)
        await eventually(lambda: world.link.counts["malformed"] == 2)
        assert taken == [b"good"]
        assert world.link.is_up


async def test_a_listener_that_fails_keeps_no_connection_down(
    server: Venue, clock: SimulatedClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def url() -> str:
        return server.url

    def fail(is_up: bool, reason: str) -> None:
        raise ValueError("no")

    link = Link("test", url, clock=clock, on_frame=lambda frame, ts_ns: None, on_state=fail, settings=SETTINGS)
    task = asyncio.create_task(link.run())
    await eventually(lambda: link.is_up)
    await link.stop()
    await task
    assert "telling that it is up failed" in caplog.text


async def test_nothing_is_sent_where_no_connection_stands(server: Venue, clock: SimulatedClock) -> None:
    world = World(server, clock, SETTINGS)
    with pytest.raises(NotSent, match="test is not connected"):
        await world.link.send("x")
    async with running(server, clock) as world:
        await world.up()
        await world.link.send('{"method": "A", "id": 1}')
        await eventually(lambda: server.requests)
        await server.sockets[0].close()
        await world.down()
        with pytest.raises(NotSent):
            await world.link.send("x")


async def test_a_connection_that_breaks_while_sending_leaves_the_outcome_unknown(
    server: Venue, clock: SimulatedClock
) -> None:
    async with running(server, clock) as world:
        await world.up()
        server.sockets[0].transport.pause_reading()
        sending = asyncio.create_task(world.link.send("x" * 30_000_000))
        await a_moment()
        assert not sending.done()
        server.sockets[0].transport.abort()
        with pytest.raises(OutcomeUnknown, match="broke while sending"):
            await sending


async def test_messages_beyond_the_venues_limit_wait_or_are_not_sent(server: Venue, clock: SimulatedClock) -> None:
    rule = RateRule("messages", 2, NS_PER_SECOND, is_window=False)
    async with running(server, clock, messages=rule) as world:
        await world.up()
        for number in range(2):
            await world.link.send(f'{{"method": "A", "id": {number}}}')
        late = asyncio.create_task(world.link.send('{"method": "A", "id": 2}', clock.now_ns() + NS_PER_SECOND // 2))
        third = asyncio.create_task(world.link.send('{"method": "A", "id": 3}'))
        await a_moment()
        assert len(server.requests) == 2
        world.advance(NS_PER_SECOND // 2)
        with pytest.raises(NotSent):
            await late
        await world.advance_until(third.done)
        await eventually(lambda: [request["id"] for request in server.requests] == [0, 1, 3])


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


class TestReplacement:
    """The new connection is there before the old one goes."""

    async def test_an_old_connection_is_replaced_without_a_frame_lost_or_doubled(
        self, server: Venue, clock: SimulatedClock
    ) -> None:
        async with running(server, clock) as world:
            await world.up()
            (old,) = server.sockets
            world.advance(23 * HOUR_NS)
            await eventually(lambda: len(server.sockets) == 2 and world.link.counts["connects"] == 2)
            await a_moment()
            new = server.sockets[1]
            for number in range(5):
                await old.send(f"{number}")
                await new.send(f"{number}")
            await new.send("5")
            await eventually(lambda: len(world.frames) == 5)
            await a_moment()
            world.advance(NS_PER_SECOND)
            await eventually(lambda: len(world.frames) == 6)
            await old.send("5")
            await new.send("6")
            await eventually(lambda: len(world.frames) == 7)
            world.advance(NS_PER_SECOND)
            await eventually(lambda: server.sockets == [new])
            assert world.frames == [b"0", b"1", b"2", b"3", b"4", b"5", b"6"]
            assert world.states == [(True, "connected"), (True, "replaced: it grew old")]
            assert world.link.counts["replacements"] == 1
            assert world.link.counts["doubles"] == 5
            assert old.close_code == 1000

    async def test_replacements_are_spread_and_never_later_than_the_maximum_age(
        self, server: Venue, clock: SimulatedClock
    ) -> None:
        async with running(server, clock) as world:
            await world.up()
            began_ns = clock.now_ns()
            world.advance(22 * HOUR_NS)
            await a_moment()
            assert len(server.sockets) == 1
            await world.advance_until(lambda: len(server.sockets) == 2, 300 * NS_PER_SECOND)
            age_ns = clock.now_ns() - began_ns
            assert 0.95 * 23 * HOUR_NS <= age_ns <= 23 * HOUR_NS + 1_000 * NS_PER_SECOND

    async def test_where_no_new_one_can_be_had_the_old_one_goes_on(self, server: Venue, clock: SimulatedClock) -> None:
        async with running(server, clock) as world:
            await world.up()
            world.advance(60 * NS_PER_SECOND)
            server.turn_away(503)
            world.link.restart("announced")
            await world.advance_until(lambda: world.link.counts["failures"] == 3)
            await server.sockets[0].send("still here")
            await eventually(lambda: world.frames == [b"still here"])
            assert world.states == [(True, "connected")]
            server.welcome()
            await world.advance_until(lambda: len(world.states) == 2)
            assert world.states[-1] == (True, "replaced: announced")

    async def test_a_young_connection_is_not_replaced_at_once_again_and_again(
        self, server: Venue, clock: SimulatedClock
    ) -> None:
        settings = replace(SETTINGS, first_delay_ns=10 * NS_PER_SECOND, max_delay_ns=10 * NS_PER_SECOND)
        async with running(server, clock, settings) as world:
            await world.up()
            world.link.restart("announced")
            await a_moment()
            assert server.attempts == 1
            await world.advance_until(lambda: server.attempts == 2)

    async def test_an_old_one_that_falls_meanwhile_is_followed_by_the_new_one(
        self, server: Venue, clock: SimulatedClock
    ) -> None:
        async with running(server, clock) as world:
            await world.up()
            world.advance(60 * NS_PER_SECOND)
            world.link.restart("announced")
            await eventually(lambda: len(server.sockets) == 2)
            await a_moment()
            old, new = server.sockets
            await new.send("held")
            await a_moment()
            assert world.frames == []
            old.transport.abort()
            await eventually(lambda: world.frames == [b"held"])
            assert world.states == [(True, "connected"), (True, "replaced: announced")]

    async def test_an_old_one_that_was_dead_already_is_told_as_a_fall(
        self, server: Venue, clock: SimulatedClock
    ) -> None:
        async with running(server, clock, replace(SETTINGS, ping_timeout_ns=200 * MS)) as world:
            await world.up()
            world.advance(60 * NS_PER_SECOND)
            server.sockets[0].transport.pause_reading()  # half-open: it answers nothing
            world.link.restart("announced")
            await eventually(lambda: len(server.sockets) == 2)
            await a_moment()
            world.advance(NS_PER_SECOND)
            await eventually(lambda: len(world.states) == 3)
            assert world.states[1:] == [(False, "it was dead when it was to be replaced"), (True, "connected")]

    async def test_an_old_one_that_falls_while_the_new_one_logs_in_is_told_and_nothing_is_held(
        self, server: Venue, clock: SimulatedClock
    ) -> None:
        logins: list[asyncio.Event] = []

        async def login(send: Send) -> None:
            logins.append(asyncio.Event())
            await logins[-1].wait()

        async with running(server, clock, on_open=login, is_answer=lambda frame: False) as world:
            await eventually(lambda: logins)
            logins[0].set()
            await world.up()
            world.advance(60 * NS_PER_SECOND)
            world.link.restart("announced")
            await eventually(lambda: len(logins) == 2)
            old, new = server.sockets
            await new.send("first")
            await a_moment()
            assert world.frames == []
            old.transport.abort()
            await eventually(lambda: world.frames == [b"first"])
            assert [is_up for is_up, _ in world.states] == [True, False]
            await new.send("second")
            await eventually(lambda: world.frames == [b"first", b"second"])
            logins[1].set()
            await eventually(lambda: len(world.states) == 3)
            assert world.link.is_up

    async def test_a_new_one_that_falls_in_the_overlap_is_forgotten(self, server: Venue, clock: SimulatedClock) -> None:
        async with running(server, clock) as world:
            await world.up()
            world.advance(60 * NS_PER_SECOND)
            world.link.restart("announced")
            await eventually(lambda: len(server.sockets) == 2)
            await a_moment()
            old, new = server.sockets
            await new.send("only here")
            new.transport.abort()
            await eventually(lambda: world.link.counts["failures"] == 1)
            await old.send("old")
            await eventually(lambda: world.frames == [b"old"])
            await world.advance_until(lambda: len(world.states) == 2)
            assert old not in server.sockets or len(server.sockets) == 2

    async def test_commands_go_to_the_new_one_and_answers_to_earlier_ones_still_come(
        self, server: Venue, clock: SimulatedClock
    ) -> None:
        server.reply = lambda request: None
        async with running(server, clock, is_answer=lambda frame: b'"id"' in frame) as world:
            await world.up()
            world.advance(60 * NS_PER_SECOND)
            world.link.restart("announced")
            await eventually(lambda: len(server.sockets) == 2)
            await a_moment()
            old, _ = server.sockets
            world.advance(NS_PER_SECOND)
            await eventually(lambda: len(world.states) == 2)
            await old.send('{"id": 7}')
            await old.send("data of the old one")
            await eventually(lambda: world.frames == [b'{"id": 7}'])

    @pytest.mark.parametrize("moment_ns", [0, 500 * MS, 1_000 * MS, 1_500 * MS])
    async def test_a_stop_in_the_middle_of_it_leaves_no_connection(
        self, server: Venue, clock: SimulatedClock, moment_ns: int
    ) -> None:
        async with running(server, clock) as world:
            await world.up()
            world.advance(60 * NS_PER_SECOND)
            world.link.restart("announced")
            await eventually(lambda: len(server.sockets) == 2)
            world.advance(moment_ns)
            await a_moment()
        await eventually(lambda: not server.sockets)
        assert world.states[-1] == (False, "stopped")

    async def test_many_replacements_leave_one_connection(self, server: Venue, clock: SimulatedClock) -> None:
        async with running(server, clock) as world:
            await world.up()
            for count in range(1, 5):
                world.advance(60 * NS_PER_SECOND)
                world.link.restart("again")
                await world.advance_until(lambda count=count: world.link.counts["replacements"] == count, 500 * MS)
            await world.advance_until(lambda: len(server.sockets) == 1, 500 * MS)
            assert world.link.counts["failures"] == 0
