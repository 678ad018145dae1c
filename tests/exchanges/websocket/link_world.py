"""A link, what it told, and a clock that is moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from quantai.core.clock import NS_PER_SECOND, Clock, SimulatedClock
from quantai.exchanges.websocket import Link, LinkSettings
from tests.exchanges.websocket.loopback import DEADLINE_S, MS, Venue, eventually

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
        async with asyncio.timeout(DEADLINE_S):
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
