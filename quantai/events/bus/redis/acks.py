"""Acknowledges what was handled, without making the reader wait for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from redis.exceptions import RedisError

from quantai.events.bus.base import Subscription
from quantai.events.bus.redis.cursors import GroupCursor
from quantai.events.bus.redis.delivery import Flush
from quantai.events.bus.redis.link import Link
from quantai.events.bus.redis.positions import Changes
from quantai.events.bus.redis.tasks import stop

logger = logging.getLogger(__name__)

# Readings that may wait for slow subscribers; then the reader waits too.
_MAX_WAITING = 64
# How long a receipt waits for others to go with, in seconds.
_LINGER_S = 0.01
# The same where something is flushed first, and how long to wait when that failed.
_FLUSH_LINGER_S = 0.2
_FLUSH_AGAIN_S = 1.0


class Receipt(NamedTuple):
    """Entries that count as handled when all of `waits` are done, and the positions after them."""

    ids: Sequence[bytes]
    changes: Changes
    waits: Sequence[asyncio.Task[None]]


class Acks:
    """Acknowledges receipts in the order in which they were put, after all of `flushes`."""

    def __init__(self, cursor: GroupCursor, link: Link, flushes: Mapping[Subscription, Flush]) -> None:
        self._cursor = cursor
        self._link = link
        self._flushes = flushes
        self._receipts: asyncio.Queue[Receipt] = asyncio.Queue(_MAX_WAITING)
        self.put = self._receipts.put
        self._task = asyncio.create_task(self._run(), name=f"acknowledge {cursor.key}")

    async def close(self) -> None:
        """Acknowledge what was put, and leave the group."""
        await self._receipts.join()
        with suppress(RedisError, OSError):  # to be seen in the group though nobody is there harms nobody
            await self._cursor.leave()

    async def stop(self) -> None:
        """Acknowledge no more."""
        await stop(self._task)

    async def _run(self) -> None:
        while True:
            receipts = [await self._receipts.get()]
            await asyncio.sleep(_FLUSH_LINGER_S if self._flushes else _LINGER_S)
            while not self._receipts.empty():
                receipts.append(self._receipts.get_nowait())
            waits = [wait for receipt in receipts for wait in receipt.waits]
            if waits:
                await asyncio.wait(waits)
            for flush in set(self._flushes.values()):
                await self._flush(flush)
            await self._acknowledge(receipts)
            for _ in receipts:
                self._receipts.task_done()

    async def _flush(self, flush: Flush) -> None:
        while True:
            try:
                await flush()
            except Exception as error:  # whatever it is, a kill now would lose what Redis was told is handled
                logger.warning("%s is not acknowledged yet: %s", self._cursor.key, error)
                await asyncio.sleep(_FLUSH_AGAIN_S)
            else:
                return

    async def _acknowledge(self, receipts: Sequence[Receipt]) -> None:
        ids = [entry_id for receipt in receipts for entry_id in receipt.ids]
        changed = {origin: position for receipt in receipts for origin, position in receipt.changes[0].items()}
        forgotten = [origin for receipt in receipts for origin in receipt.changes[1] if origin not in changed]
        while True:
            try:
                await self._cursor.acknowledge(ids, (changed, forgotten))
            except Exception as error:  # whatever it is, it must be acknowledged in the end
                await self._link.failed(self, error)
            else:
                self._link.succeeded(self)
                return
