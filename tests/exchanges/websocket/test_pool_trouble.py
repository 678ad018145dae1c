"""A pool whose venue refuses, forgets, is silent or sends what is no message; listeners that fail."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.events.raw import RawFrameEvent
from quantai.exchanges.websocket import RawTap, StreamLimits, StreamPool
from tests.exchanges.websocket.loopback import (
    Dialect,
    Venue,
    a_moment,
    accept,
    eventually,
    frame_of,
    refuse,
)
from tests.exchanges.websocket.pool_world import LINKS, World, running


async def test_unanswered_requests_are_asked_again(server: Venue, clock: SimulatedClock) -> None:
    server.reply = lambda request: None if len(server.requests) < 3 else accept(request)
    async with running(server, clock, "a") as world:
        await world.advance_until(lambda: world.pool.streaming)
        assert len(server.asked("SUBSCRIBE")) == 3
        assert server.attempts == 1
        assert world.pool.counts["unanswered"] == 2


async def test_a_venue_that_never_answers_is_left_for_a_new_connection(server: Venue, clock: SimulatedClock) -> None:
    server.reply = lambda request: None
    async with running(server, clock, "a") as world:
        await world.advance_until(lambda: server.attempts == 2)
        assert len(server.requests) >= 3
        server.reply = accept
        await world.advance_until(lambda: world.pool.streaming)


async def test_requests_that_stay_unanswered_later_replace_the_connection_first_the_new_one(
    server: Venue, clock: SimulatedClock
) -> None:
    async with running(server, clock, "a") as world:
        await world.streaming("a")
        server.reply = lambda request: accept(request) if len(server.sockets) == 2 else None
        world.pool.set_desired("ab")
        await world.advance_until(lambda: world.pool.streaming == {"a", "b"})
        assert [told[:2] for told in world.told] == [(("a",), True), (("b",), True)]
        assert world.pool.counts["replacements"] == 1


async def test_a_refused_stream_keeps_no_other_down_and_is_asked_again_later(
    server: Venue, clock: SimulatedClock, caplog: pytest.LogCaptureFixture
) -> None:
    server.reply = lambda request: refuse(request) if "bad" in request["params"] else accept(request)
    async with running(server, clock, ["a", "b", "bad"]) as world:
        await world.streaming("a", "b")
        assert "refused streams bad: Invalid request" in caplog.text
        before = len(server.requests)
        world.advance(4 * NS_PER_SECOND)
        await a_moment()
        assert len(server.requests) == before
        server.reply = accept
        await world.advance_until(lambda: world.pool.streaming == {"a", "b", "bad"})
        assert len(server.requests) == before + 1
        assert server.attempts == 1


async def test_malformed_frames_are_quarantined_and_the_streams_go_on(server: Venue, clock: SimulatedClock) -> None:
    async with running(server, clock, "a") as world:
        await world.streaming("a")
        for garbage in ("", "{", '{"id":', '{"stream":"a","data"', '{"id": "x", "result": {}}', "\x00", "[]"):
            await server.sockets[0].send(garbage)
        await server.sockets[0].send(b"\xff\xfe")
        await server.publish("a", 1)
        await eventually(lambda: world.frames == [("a", 1)])
        assert world.pool.counts["malformed"] >= 6
        assert server.attempts == 1


async def test_raw_frames_are_published_where_somebody_wants_them(server: Venue, clock: SimulatedClock) -> None:
    wanted: list[str] = []
    published: list[RawFrameEvent] = []
    tap = RawTap("loopback", published.append, lambda topic: topic in wanted)
    async with running(server, clock, "a", raw=tap) as world:
        await world.streaming("a")
        await server.publish("a", 1)
        await eventually(lambda: world.frames)
        assert published == []
        wanted.append("raw.frame.loopback.streams-1")
        world.advance(NS_PER_SECOND)
        await a_moment()
        await server.publish("a", "ü")
        await eventually(lambda: len(world.frames) == 2)
        now_ns = clock.now_ns()
        text = frame_of("a", "ü").decode()
        assert published == [RawFrameEvent("loopback", "streams-1", now_ns, now_ns, text)]


async def test_a_cancelled_pool_leaves_no_connection_and_tells_of_no_gap(server: Venue, clock: SimulatedClock) -> None:
    world = World(server, clock, Dialect(server.url))
    world.pool.set_desired("ab")
    task = asyncio.create_task(world.pool.run())
    await world.streaming("a", "b")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: not server.sockets)
    assert len(world.told) == 1


async def test_a_listener_that_fails_keeps_no_stream_down(server: Venue, clock: SimulatedClock) -> None:
    told: list[tuple[object, ...]] = []

    def fail(*what: object) -> None:
        told.append(what)
        raise ValueError("no")

    frames: list[bytes] = []
    pool = StreamPool(
        Dialect(server.url),
        venue="loopback",
        clock=clock,
        on_frame=lambda frame, ts_ns: frames.append(frame),
        on_streams=fail,
        on_connection=fail,
        link_settings=LINKS,
    )
    pool.set_desired("a")
    task = asyncio.create_task(pool.run())
    await eventually(lambda: pool.streaming)
    await server.publish("a", 1)
    await eventually(lambda: frames)
    server.sockets[0].transport.abort()
    await eventually(lambda: any(what[:2] == (["a"], False) for what in told))
    await pool.stop()
    await task


def test_a_full_link_has_the_time_that_the_message_limit_asks_for() -> None:
    limits = StreamLimits(streams_per_link=1_024, streams_per_request=100, messages=4, messages_per_ns=NS_PER_SECOND)
    assert limits.subscribing_ns == 11 * NS_PER_SECOND


class TestSilence:
    """A stream says nothing while its connection is alive."""

    async def silent(self, world: World, server: Venue) -> None:
        """Time passes in which only `a` speaks."""
        for number in range(11):
            await server.publish("a", number)
            await eventually(partial(world.frames.__contains__, ("a", number)))
            world.advance(NS_PER_SECOND)
        world.frames.clear()

    async def test_it_is_told_asked_for_anew_and_then_moved(self, server: Venue, clock: SimulatedClock) -> None:
        dialect = Dialect(server.url, silence_ns=10 * NS_PER_SECOND)
        async with running(server, clock, "ab", dialect) as world:
            await world.streaming("a", "b")
            acknowledged_ns = clock.now_ns()
            await self.silent(world, server)
            await eventually(lambda: len(world.told) == 3)
            assert world.told[1] == (("b",), False, "silent", acknowledged_ns)
            assert world.told[2] == (("b",), True, "subscribed", acknowledged_ns)
            assert server.asked("UNSUBSCRIBE") == [["b"]]
            assert server.attempts == 1
            await self.silent(world, server)
            await world.advance_until(lambda: server.attempts == 2)
            assert world.pool.counts["silent"] == 2

    async def test_one_that_may_be_silent_is_left_alone(self, server: Venue, clock: SimulatedClock) -> None:
        async with running(server, clock, "ab") as world:
            await world.streaming("a", "b")
            await self.silent(world, server)
            await a_moment()
            assert len(world.told) == 1
            assert world.pool.counts["silent"] == 0
