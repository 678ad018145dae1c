"""The events that wait behind the one being delivered, first in, first out, and never more than so many."""

from __future__ import annotations

import asyncio
from collections import deque

from quantai.core.errors import BusError, BusOverflow
from quantai.events.base import Event


class WaitingEvents:
    """At most `limit` events; publishers that may wait for room stand in line behind them.

    `events` is for looking whether there are any; `overflows` counts those that were refused.
    """

    __slots__ = ("_blocked", "events", "limit", "overflows")

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise BusError(f"the bus must hold at least 1 waiting event, not {limit} (bus.queue_limit)")
        self.limit = limit
        self.overflows = 0
        self.events: deque[Event] = deque()
        self._blocked: deque[tuple[asyncio.Future[None], Event]] = deque()

    @property
    def has_room(self) -> bool:
        """Whether one more may wait."""
        return len(self.events) < self.limit

    def append(self, event: Event) -> None:
        """Let `event` wait behind all others. Raises `BusOverflow` where there is no room."""
        if not self.has_room:
            self.overflows += 1
            raise BusOverflow(
                f"{self.limit} events wait on the bus, {event.topic} was refused: "
                "a handler publishes more than is handled (bus.queue_limit)"
            )
        self.events.append(event)

    async def append_when_there_is_room(self, event: Event) -> None:
        """As `append`, but wait for room, behind those who wait for it already."""
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._blocked.append((accepted, event))
        await accepted

    def popleft(self) -> Event:
        """What waited longest; the publisher that was blocked longest gets its place."""
        event = self.events.popleft()
        while self._blocked:
            accepted, waiting = self._blocked.popleft()
            if not accepted.done():
                self.events.append(waiting)
                accepted.set_result(None)
                break
        return event
