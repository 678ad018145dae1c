"""A pool of connections: what is desired streams, wherever it is, and what changes is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.exchanges.websocket import PoolSettings
from tests.exchanges.websocket.conftest import START_NS
from tests.exchanges.websocket.loopback import (
    MS,
    Dialect,
    Venue,
    a_moment,
    accept,
    eventually,
    refuse,
    venue,
)
from tests.exchanges.websocket.pool_world import LINKS, World, running


async def test_what_is_desired_is_subscribed_acknowledged_told_and_streams(
    server: Venue, clock: SimulatedClock
) -> None:
    async with running(server, clock, ["a", "b"]) as world:
        await world.streaming("a", "b")
        assert server.asked("SUBSCRIBE") == [["a", "b"]]
        assert world.told == [(("a", "b"), True, "subscribed", 0)]
        await server.publish("a", 1)
        await eventually(lambda: world.frames == [("a", 1)])
        assert world.connections == [("streams-1", True, "connected")]
        assert world.pool.desired == {"a", "b"}
    assert world.connections[-1] == ("streams-1", False, "stopped")
    assert len(world.told) == 1


async def test_changes_are_asked_for_on_the_connection_that_stands(server: Venue, clock: SimulatedClock) -> None:
    async with running(server, clock, ["a", "b"]) as world:
        await world.streaming("a", "b")
        world.pool.set_desired(["b", "c"])
        await world.streaming("b", "c")
        await eventually(lambda: [server.subscribed[socket] for socket in server.sockets] == [{"b", "c"}])
        assert server.attempts == 1
        assert [streams for streams, *_ in world.told] == [("a", "b"), ("c",)]


async def test_streams_are_spread_over_connections_by_limit_and_route(server: Venue, clock: SimulatedClock) -> None:
    desired = [f"s{number}" for number in range(5)] + ["market/m1"]
    async with running(server, clock, desired, Dialect(server.url, streams_per_link=2)) as world:
        await world.streaming(*desired)
        held = sorted(len(streams) for streams in server.subscribed.values())
        assert held == [1, 1, 2, 2]
        assert {"market/m1"} in server.subscribed.values()
        paths = sorted(socket.request.path for socket in server.sockets if socket.request)
        assert paths == ["/", "/", "/", "/market"]


async def test_a_stream_stays_where_it_is_and_room_is_used_again(server: Venue, clock: SimulatedClock) -> None:
    async with running(server, clock, "abcd", Dialect(server.url, streams_per_link=2)) as world:
        await world.streaming(*"abcd")
        world.pool.set_desired("acde")
        await world.streaming(*"acde")
        assert server.attempts == 2
        assert sorted(map(sorted, server.subscribed.values())) == [["a", "e"], ["c", "d"]]


async def test_a_connection_that_nothing_is_wanted_of_is_closed(server: Venue, clock: SimulatedClock) -> None:
    async with running(server, clock, "abc", Dialect(server.url, streams_per_link=2)) as world:
        await world.streaming(*"abc")
        world.pool.set_desired("ab")
        await eventually(lambda: len(server.sockets) == 1)
        assert world.pool.counts["connects"] == 2
        world.pool.set_desired("")
        await eventually(lambda: not server.sockets)
        world.pool.set_desired("z")
        await world.streaming("z")
        assert all(is_up for _, is_up, *_ in world.told)


async def test_after_a_cut_everything_is_subscribed_again_and_told_with_the_time_of_the_last_frame(
    server: Venue, clock: SimulatedClock
) -> None:
    async with running(server, clock, "ab") as world:
        await world.streaming("a", "b")
        world.advance(100 * NS_PER_SECOND)
        await server.publish("a", 1)
        await eventually(lambda: world.frames)
        last_ns = clock.now_ns()
        world.advance(7 * NS_PER_SECOND)
        server.sockets[0].transport.abort()
        await eventually(lambda: len(world.told) == 2)
        assert world.told[1] == (("a", "b"), False, "cut without a closing handshake", last_ns)
        assert world.pool.streaming == set()
        await world.advance_until(lambda: len(world.told) == 3)
        assert world.told[2][:2] == (("a", "b"), True)
        assert world.told[2][3] == last_ns


async def test_a_connection_that_was_dead_when_it_was_replaced_leaves_a_gap_that_is_told(
    server: Venue, clock: SimulatedClock
) -> None:
    async with running(server, clock, "a", link_settings=replace(LINKS, ping_timeout_ns=200 * MS)) as world:
        await world.streaming("a")
        world.advance(60 * NS_PER_SECOND)
        await server.publish("a", 1)
        await eventually(lambda: world.frames)
        last_ns = clock.now_ns()
        server.sockets[0].transport.pause_reading()  # half-open: nothing comes, and nobody knows
        world.advance(10 * NS_PER_SECOND)
        world.pool.restart("announced")
        await world.advance_until(lambda: len(world.told) == 3)
        assert [told[:2] for told in world.told] == [(("a",), True), (("a",), False), (("a",), True)]
        assert [told[3] for told in world.told[1:]] == [last_ns, last_ns]


async def test_a_replacement_of_a_connection_that_lives_leaves_no_gap_however_quiet_it_is(
    server: Venue, clock: SimulatedClock
) -> None:
    async with running(server, clock, "a") as world:
        await world.streaming("a")
        world.advance(600 * NS_PER_SECOND)
        world.pool.restart("announced")
        await world.advance_until(lambda: world.pool.counts["replacements"] == 1)
        await a_moment()
        assert [told[:2] for told in world.told] == [(("a",), True)]


class TestReplacement:
    async def test_an_announced_shutdown_moves_the_streams_without_a_word(
        self, server: Venue, clock: SimulatedClock
    ) -> None:
        async with running(server, clock, "ab") as world:
            await world.streaming("a", "b")
            world.advance(100 * NS_PER_SECOND)
            (old,) = server.sockets
            await old.send('{"e":"serverShutdown"}')
            await eventually(lambda: len(server.asked("SUBSCRIBE")) == 2)
            await a_moment()
            for number in range(3):
                await server.publish("a", number)
            await eventually(lambda: len(world.frames) == 3)
            await a_moment()
            world.advance(NS_PER_SECOND)
            await eventually(lambda: len(world.connections) == 2)
            for number in range(3, 6):
                await server.publish("a", number)
            await eventually(lambda: len(world.frames) == 6)
            world.advance(NS_PER_SECOND)
            await eventually(lambda: old not in server.sockets)
            assert world.frames == [("a", number) for number in range(6)]
            assert len(world.told) == 1
            assert world.connections[-1] == ("streams-1", True, "replaced: the venue shuts down")

    async def test_what_changes_meanwhile_is_right_afterwards(self, server: Venue, clock: SimulatedClock) -> None:
        async with running(server, clock, "ab") as world:
            await world.streaming("a", "b")
            world.advance(100 * NS_PER_SECOND)
            world.pool.restart("asked")
            await eventually(lambda: len(server.asked("SUBSCRIBE")) == 2)
            world.pool.set_desired("bc")
            await world.advance_until(lambda: len(server.sockets) == 1 and len(world.connections) == 2)
            await world.advance_until(lambda: server.subscribed[server.sockets[0]] == {"b", "c"})
            await world.streaming("b", "c")

    async def test_a_stream_that_the_new_connection_refuses_is_told(self, server: Venue, clock: SimulatedClock) -> None:
        async with running(server, clock, "ab") as world:
            await world.streaming("a", "b")
            world.advance(100 * NS_PER_SECOND)
            server.reply = lambda request: refuse(request) if "b" in request["params"] else accept(request)
            world.pool.restart("asked")
            await world.advance_until(lambda: len(world.connections) == 2)
            assert world.pool.streaming == {"a"}
            assert world.told[-1][:3] == (("b",), False, "replaced: asked")


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(["cut", "refuse", "mute", "want", "restart", "time"]), max_size=8), st.randoms())
def test_whatever_happened_once_the_venue_behaves_exactly_what_is_desired_streams(
    happenings: list[str], random: Any
) -> None:
    async def scenario() -> None:
        clock = SimulatedClock(START_NS)
        async with venue() as server:
            dialect = Dialect(server.url, streams_per_link=3, streams_per_request=2)
            quick = replace(LINKS, healthy_ns=NS_PER_SECOND, max_delay_ns=NS_PER_SECOND, breaker_failures=100)
            patience = PoolSettings(first_retry_ns=NS_PER_SECOND, max_retry_ns=NS_PER_SECOND)
            async with running(server, clock, "abcd", dialect, link_settings=quick, settings=patience) as world:
                for happening in happenings:
                    if happening == "cut":
                        for socket in list(server.sockets):
                            socket.transport.abort()
                    elif happening == "refuse":
                        server.reply = refuse
                    elif happening == "mute":
                        server.reply = lambda request: None
                    elif happening == "want":
                        world.pool.set_desired(random.sample("abcdefg", 4))
                    elif happening == "restart":
                        world.pool.restart("asked")
                    else:
                        server.reply = accept
                        world.advance(5 * NS_PER_SECOND)
                    await asyncio.sleep(0.002)
                server.reply = accept
                await world.advance_until(lambda: is_right(world))
                up: set[str] = set()
                for streams, is_up, *_ in world.told:
                    up = up | set(streams) if is_up else up - set(streams)
                assert up >= world.pool.desired

    def is_right(world: World) -> bool:
        held = [stream for socket in world.server.sockets for stream in world.server.subscribed[socket]]
        return world.pool.streaming == world.pool.desired and sorted(held) == sorted(world.pool.desired)

    asyncio.run(scenario())
