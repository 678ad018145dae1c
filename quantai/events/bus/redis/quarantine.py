"""Where entries go that cannot be read: counted, set aside with the reason, and told, but not too often."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from redis.exceptions import RedisError

from quantai.events.bus.redis.link import Link
from quantai.events.codec import CodecError

# Entries that the quarantine keeps, roughly; the oldest go.
KEPT_ENTRIES = 10_000

_ALARM_EVERY_S = 10.0


class Quarantine:
    """The stream `key`: each entry with its stream, id and reason, and its own fields under `field:`."""

    def __init__(self, key: str, link: Link) -> None:
        self._key = key
        self._link = link
        self._counters = link.counters
        self._alarm_from_s = 0.0

    async def add(
        self, stream: str, entry_id: bytes, fields: Mapping[bytes, bytes], events: int, error: CodecError
    ) -> None:
        """Set the entry aside, in which `events` could not be read because of `error`. Where Redis does not take it, it
        is only counted and told.
        """
        self._counters.entries_quarantined += 1
        self._counters.quarantined += events
        record: dict[Any, Any] = {"stream": stream, "id": entry_id, "reason": str(error)}
        record.update({b"field:" + name: value for name, value in fields.items()})
        where = f"its copy is in {self._key}"
        try:
            await self._link.client.xadd(self._key, record, maxlen=KEPT_ENTRIES, approximate=True)
        except (RedisError, OSError) as failure:
            where = f"it could not be copied to {self._key}: {failure}"
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._alarm_from_s:
            self._alarm_from_s = now_s + _ALARM_EVERY_S
            self._link.alarm(
                error,
                f"entry {entry_id.decode()} of {stream} was skipped ({self._counters.entries_quarantined} so far), "
                f"{where}: {error}",
            )
