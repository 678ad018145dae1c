"""A connection: frames, its end, silence, pings, what is sent."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from quantai.core.clock import NS_PER_SECOND, SimulatedClock, WallClock
from quantai.exchanges.errors import NotSent, OutcomeUnknown
from quantai.exchanges.rate_limiter import RateRule
from quantai.exchanges.websocket import Link
from tests.exchanges.websocket.link_world import SETTINGS, World, running
from tests.exchanges.websocket.loopback import DEADLINE_S, MS, Venue, a_moment, eventually


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
        async with asyncio.timeout(DEADLINE_S):
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
