"""Where a reader is in a stream, kept by itself (`LiveCursor`) or by Redis in a consumer group (`GroupCursor`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from quantai.events.bus.redis.positions import Changes, Positions

# Entries of one reading, which with the size of an entry bounds what a reader holds.
ENTRIES_AT_ONCE = 16

_CONSUMER = "1"
_BEGINNING = "0-0"

Entries = list[tuple[bytes, Mapping[bytes, bytes]]]


class Cursor(ABC):
    """Reads the stream `key`. Everything raises what redis-py raises."""

    is_redelivering = False
    """Whether what was read last may have been handled by a former run of this process."""
    skipped_entries = 0
    """How many entries `open` found to be gone that were never read."""

    def __init__(self, client: Redis, key: str, block_ms: int) -> None:
        self._client = client
        self.key = key
        self._block_ms = block_ms

    @abstractmethod
    async def open(self) -> None:
        """Find the place to go on from, at first and after the connection was lost."""

    @abstractmethod
    async def read(self) -> Entries:
        """The next entries; none where none come for a while, which the first reading after `open` does not wait."""

    async def _info(self) -> dict[str, Any]:
        """What Redis knows of the stream; nothing where it does not exist."""
        try:
            found: dict[str, Any] = await self._client.xinfo_stream(self.key)
        except ResponseError as error:
            if "no such key" in str(error):
                return {}
            raise
        return found


class LiveCursor(Cursor):
    """From now on; after a lost connection from where it was."""

    _last_id: str | None = None
    _is_opened = False

    async def open(self) -> None:
        info = await self._info()
        newest = info["last-generated-id"].decode() if info else _BEGINNING
        # Redis may have lost what it was told last, or everything. What it kept is older: were that read again, what
        # processes said that ended before we began would look new, as nobody here knows how far they came.
        if self._last_id is None or id_order(newest) < id_order(self._last_id):
            self._last_id = newest
        self._is_opened = True

    async def read(self) -> Entries:
        block_ms = None if self._is_opened else self._block_ms
        self._is_opened = False
        found: Any = await self._client.xread({self.key: self._last_id or "$"}, ENTRIES_AT_ONCE, block_ms)
        entries: Entries = found[0][1] if found else []
        if entries:
            self._last_id = entries[-1][0].decode()
        return entries


class GroupCursor(Cursor):
    """What the group has not acknowledged yet, then what comes. `positions` are loaded once, and stored with what is
    acknowledged.
    """

    def __init__(self, client: Redis, key: str, block_ms: int, group: str, positions: Positions) -> None:
        super().__init__(client, key, block_ms)
        self._group = group
        self._positions = positions
        self._positions_key = f"{key}:{group}"
        self._is_first = True
        self._pending_from: str | None = None

    async def create(self, start: str = "$") -> bool:
        """Make the group where there is none, to read what comes after `start`. Whether that was so."""
        try:
            await self._client.xgroup_create(self.key, self._group, start, mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
            return False
        return True

    async def open(self) -> None:
        # a group that is gone was lost by Redis with everything before, so all there is now is new
        is_new = await self.create("$" if self._is_first else _BEGINNING)
        self.skipped_entries = 0 if is_new else await self._count_skipped()
        if self._is_first:
            stored: Any = await self._client.hgetall(self._positions_key)
            self._positions.load(stored)
            self._is_first = False
            self.is_redelivering = True  # until all that a former run left is read, in however many attempts
        self._pending_from = _BEGINNING

    async def read(self) -> Entries:
        if self._pending_from is None:
            self.is_redelivering = False
            return await self._read(">", self._block_ms)
        entries = await self._read(self._pending_from, None)
        self._pending_from = entries[-1][0].decode() if entries else None
        return entries

    async def _read(self, after: str, block_ms: int | None) -> Entries:
        found: Any = await self._client.xreadgroup(self._group, _CONSUMER, {self.key: after}, ENTRIES_AT_ONCE, block_ms)
        entries: Entries = found[0][1] if found else []
        return entries

    async def _count_skipped(self) -> int:
        """Entries that were trimmed before the group read them, where Redis (7 and newer) keeps count."""
        info = await self._info()
        groups = await self._client.xinfo_groups(self.key)
        group = next(group for group in groups if group["name"] == self._group.encode())
        first = info.get("first-entry")
        if group.get("entries-read") is None or not first:
            return 0
        if id_order(first[0]) <= id_order(group["last-delivered-id"]):
            return 0
        skipped: int = info["entries-added"] - group["entries-read"] - info["length"]
        return max(0, skipped)

    async def acknowledge(self, ids: Sequence[bytes], changes: Changes) -> None:
        """The entries with these ids are handled: Redis forgets that they wait, and keeps the positions after them."""
        changed, forgotten = changes
        async with self._client.pipeline(transaction=True) as pipeline:
            if ids:
                pipeline.xack(self.key, self._group, *ids)
            if changed:
                pipeline.hset(self._positions_key, mapping=changed)
            if forgotten:
                pipeline.hdel(self._positions_key, *forgotten)
            await pipeline.execute()

    async def leave(self) -> None:
        """Take the consumer out of the group, unless something waits for it."""
        pending = await self._client.xpending_range(self.key, self._group, "-", "+", 1)
        if not pending:
            await self._client.xgroup_delconsumer(self.key, self._group, _CONSUMER)


def id_order(entry_id: bytes | str) -> tuple[int, int]:
    """What orders the ids of entries."""
    milliseconds, _, number = (entry_id.decode() if isinstance(entry_id, bytes) else entry_id).partition("-")
    return int(milliseconds), int(number or 0)
