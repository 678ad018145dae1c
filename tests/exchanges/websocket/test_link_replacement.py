"""A connection is replaced before the venue cuts it: no frame lost, none doubled."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.exchanges.websocket.opening import Send
from tests.exchanges.websocket.link_world import HOUR_NS, SETTINGS, running
from tests.exchanges.websocket.loopback import MS, Venue, a_moment, eventually


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
