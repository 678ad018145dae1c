"""Carries what waits in the outboxes to Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.events.bus.redis.link import COMPONENT, Link
from quantai.events.bus.redis.outbox import Outbox
from quantai.events.bus.redis.settings import RedisSettings
from quantai.events.system import GapEvent

Announce = Callable[[GapEvent], None]

# Entries of one stream that travel together: it bounds what one sending holds.
_ENTRIES_AT_ONCE = 16
# How often old entries are trimmed, losses told, and the link tried where there is nothing to send, in seconds.
_HOUSEKEEPING_S = 1.0


class Sender:
    """Sends what is put into `outboxes`, again and again until Redis has it; `wake` says that there is something.
    `announce` hears of what was lost.

    All that travels together arrives together or not at all (MULTI), so a later entry never overtakes an earlier one.
    """

    def __init__(self, outboxes: Sequence[Outbox], settings: RedisSettings, link: Link, announce: Announce) -> None:
        self._outboxes = outboxes
        self._settings = settings
        self._link = link
        self._announce = announce
        self._something = asyncio.Event()
        self._housekept_s = 0.0
        self.wake = self._something.set

    @property
    def backlog(self) -> int:
        """Events that Redis is not known to have."""
        return sum(map(len, self._outboxes))

    async def run(self) -> None:
        """Send for ever."""
        loop = asyncio.get_running_loop()
        while True:
            housekeeping = loop.call_later(_HOUSEKEEPING_S, self.wake)
            await self._something.wait()
            housekeeping.cancel()
            if not any(outbox.has_entry(self._settings.batch_size) for outbox in self._outboxes):
                await asyncio.sleep(self._settings.linger_ns / NS_PER_SECOND)
            self._something.clear()
            await self._send_or_wait()
            if self.backlog:
                self.wake()

    async def drain(self) -> None:
        """Send until nothing is left."""
        while self.backlog:
            await self._send_or_wait()

    def losses(self) -> list[GapEvent]:
        """What was lost on this side since the last time."""
        now_ns = self._link.now_ns()
        reason = "the backlog for Redis was full, or could not be encoded"
        return [gap for outbox in self._outboxes for gap in outbox.losses.take(COMPONENT, now_ns, reason)]

    async def _send_or_wait(self) -> None:
        try:
            await self._send()
        except Exception as error:  # whatever it is, the events are kept and Redis is tried again
            await self._link.failed(self, error)
        else:
            self._link.succeeded(self)

    async def _send(self) -> None:
        now_s = asyncio.get_running_loop().time()
        is_housekeeping = now_s - self._housekept_s >= _HOUSEKEEPING_S
        async with self._link.client.pipeline(transaction=True) as pipeline:
            for outbox in self._outboxes:
                for entry in outbox.pack(self._settings.batch_size, _ENTRIES_AT_ONCE):
                    pipeline.xadd(outbox.key, entry.fields(), maxlen=self._settings.max_entries, approximate=True)
                if is_housekeeping:
                    self._trim(pipeline, outbox.key)
            if len(pipeline):
                await pipeline.execute()
        for outbox in self._outboxes:
            outbox.sent()
        if is_housekeeping:
            self._housekept_s = now_s
            self._tell()

    def _trim(self, pipeline: Any, key: str) -> None:
        oldest_ms = (self._link.now_ns() - self._settings.max_age_ns) // NS_PER_MS
        pipeline.xtrim(key, minid=max(0, oldest_ms), approximate=True)

    def _tell(self) -> None:
        for gap in self.losses():
            self._announce(gap)
        for outbox in self._outboxes:
            if outbox.refusal is not None:
                self._link.alarm(outbox.refusal, f"an event was not sent: {outbox.refusal}")
                outbox.refusal = None
