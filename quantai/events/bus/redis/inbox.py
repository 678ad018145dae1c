"""What comes from other processes: a reader for every stream that somebody here wants."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache

from quantai.core.clock import NS_PER_MS
from quantai.events.bus.redis.acks import Acks
from quantai.events.bus.redis.cursors import GroupCursor, LiveCursor
from quantai.events.bus.redis.delivery import Delivery
from quantai.events.bus.redis.link import Link
from quantai.events.bus.redis.positions import Positions
from quantai.events.bus.redis.quarantine import Quarantine
from quantai.events.bus.redis.reader import Reader
from quantai.events.bus.redis.receiver import Receiver
from quantai.events.bus.redis.settings import RedisSettings
from quantai.events.bus.redis.streams import streams_of, takes_all
from quantai.events.codec import warm_up
from quantai.events.topics import compile_patterns

# Topics whose answer is kept.
_MAX_TOPICS = 100_000
# How long a subscriber waits to learn where the reading of a stream begins, in seconds.
_LONGEST_BEGINNING_S = 1.0


class Inbox:
    """Begins to read a stream when its first subscriber comes: nothing is read, and acknowledged, for nobody."""

    def __init__(self, settings: RedisSettings, origin: str, link: Link, delivery: Delivery) -> None:
        self._settings = settings
        self._origin = origin
        self._link = link
        self._delivery = delivery
        self._quarantine = Quarantine(settings.key("quarantine"), link)
        # an idle reader hears from Redis twice in the time after which the connection counts as lost
        self._block_ms = max(1, settings.timeout_ns // NS_PER_MS // 2)
        self._streams = streams_of(settings.receive)
        self._readers: dict[str, Reader | None] = {}
        self._is_started = False

    async def prepare(self) -> None:
        """Have Redis keep, from now on, what is published, if we resume. Raises what redis-py raises."""
        warm_up()
        if self._settings.resume:
            for stream in self._streams:
                await self._group_cursor(stream, Positions()).create()

    async def start(self) -> None:
        """Read what is wanted so far."""
        self._is_started = True
        for stream in list(self._readers):
            await self._begin(stream)

    async def want(self, patterns: Sequence[str]) -> None:
        """Somebody subscribed to `patterns`. Returns once nothing that is published from then on is missed."""
        for stream in streams_of(patterns):
            if stream in self._streams and stream not in self._readers:
                self._readers[stream] = None
                if self._is_started:
                    await self._begin(stream)

    async def end(self) -> None:
        """Read no more; what was read is delivered."""
        for reader in self._readers.values():
            if reader is not None:
                await reader.end()

    async def close(self) -> None:
        """Read no more, and have acknowledged what was handled. The local bus must be closed."""
        for reader in self._readers.values():
            if reader is not None:
                await reader.close()

    async def stop(self) -> None:
        """Leave everything as it is."""
        for reader in self._readers.values():
            if reader is not None:
                await reader.stop()

    async def _begin(self, stream: str) -> None:
        client, key = self._link.client, self._settings.key(stream)
        receiver = Receiver(key, self._origin, self._link, self._quarantine, self._filter(stream))
        if self._settings.resume:
            group = self._group_cursor(stream, receiver.positions)
            acks = Acks(group, self._link, self._delivery.flushes)
            reader = Reader(group, receiver, self._delivery, self._link, acks)
        else:
            reader = Reader(LiveCursor(client, key, self._block_ms), receiver, self._delivery, self._link, None)
        self._readers[stream] = reader
        reader.start()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_BEGINNING_S):
                await reader.has_begun.wait()

    def _group_cursor(self, stream: str, positions: Positions) -> GroupCursor:
        key = self._settings.key(stream)
        return GroupCursor(self._link.client, key, self._block_ms, self._settings.group, positions)

    def _filter(self, stream: str) -> Callable[[str], bool] | None:
        """Whether a topic is to be received; None where all of the stream's are."""
        if takes_all(self._settings.receive, stream):
            return None
        return lru_cache(_MAX_TOPICS)(compile_patterns(self._settings.receive))
