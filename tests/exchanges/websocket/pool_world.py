"""A pool, what it told, and a clock that is moved."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.exchanges.websocket import LinkSettings, StreamPool
from tests.exchanges.websocket.loopback import (
    DEADLINE_S,
    MS,
    Dialect,
    Venue,
    eventually,
)

HOUR_NS = 3_600 * NS_PER_SECOND
LINKS = LinkSettings(
    close_timeout_ns=200 * MS,
    ping_interval_ns=HOUR_NS,
    connect_timeout_ns=1_000 * HOUR_NS,
    open_timeout_ns=1_000 * HOUR_NS,
    max_age_ns=10_000 * HOUR_NS,
)


class World:
    """A pool, what it told, and a clock that is moved."""

    def __init__(self, server: Venue, clock: SimulatedClock, dialect: Dialect, **options: Any) -> None:
        self.server = server
        self.clock = clock
        self.frames: list[Any] = []
        self.told: list[tuple[tuple[str, ...], bool, str, int]] = []
        self.connections: list[tuple[str, bool, str]] = []
        self.pool = StreamPool(
            dialect,
            venue="loopback",
            clock=clock,
            on_frame=self.on_frame,
            on_streams=self.on_streams,
            on_connection=lambda *told: self.connections.append(told),
            link_settings=options.pop("link_settings", LINKS),
            **options,
        )

    def on_frame(self, frame: bytes, ts_ns: int) -> None:
        found = json.loads(frame)
        self.frames.append((found["stream"], found["data"]))

    def on_streams(self, streams: Collection[str], is_up: bool, reason: str, since_ns: int) -> None:
        self.told.append((tuple(streams), is_up, reason, since_ns))

    def advance(self, duration_ns: int) -> None:
        self.clock.advance_to(self.clock.now_ns() + duration_ns)

    async def advance_until(self, is_true: Any, step_ns: int = 500 * MS) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not is_true():
                self.advance(step_ns)
                await asyncio.sleep(0.001)

    async def streaming(self, *streams: str) -> None:
        """Return when these come, and their connection is not being opened any more."""
        await eventually(lambda: self.pool.streaming == set(streams) and self.connections)


@asynccontextmanager
async def running(
    server: Venue, clock: SimulatedClock, desired: Collection[str] = (), dialect: Dialect | None = None, **options: Any
) -> AsyncIterator[World]:
    world = World(server, clock, dialect or Dialect(server.url), **options)
    world.pool.set_desired(desired)
    task = asyncio.create_task(world.pool.run())
    try:
        yield world
        assert not task.done()
    finally:
        await world.pool.stop()
        await task
