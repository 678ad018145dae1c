"""Turns entries of a stream into events that are new here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import NamedTuple

from quantai.core.clock import NS_PER_MS
from quantai.events.base import Event
from quantai.events.bus.redis.cursors import id_order
from quantai.events.bus.redis.link import Link
from quantai.events.bus.redis.positions import Position, Positions
from quantai.events.bus.redis.quarantine import Quarantine
from quantai.events.bus.redis.streams import Entry, parse_entry
from quantai.events.codec import CodecError, decode, decode_each

_ts_init = attrgetter("ts_init")


class Arrival(NamedTuple):
    """Events to publish, and where their origin is afterwards."""

    events: list[Event]
    progress: tuple[str, Position]


class Receiver:
    """Reads entries of the stream `key`, but for those of `origin`, which is this process.

    Skips what came before and tells of what never came; sets aside what it cannot read. `is_taken`, where given, says
    of a topic whether it is wanted.
    """

    def __init__(
        self, key: str, origin: str, link: Link, quarantine: Quarantine, is_taken: Callable[[str], bool] | None
    ) -> None:
        self.positions = Positions()
        self._key = key
        self._origin = origin
        self._link = link
        self._quarantine = quarantine
        self._is_taken = is_taken

    async def receive(self, entry_id: bytes, fields: Mapping[bytes, bytes]) -> Arrival | None:
        """What there is to publish of an entry; None where it has nothing new. Raises nothing because of the entry."""
        if not fields:
            self._tell_trimmed(entry_id)
            return None
        try:
            entry = parse_entry(fields)
        except CodecError as error:
            await self._quarantine.add(self._key, entry_id, fields, 1, error)
            return None
        if entry.origin == self._origin:
            return None
        known = self.positions.find(entry.origin) or Position(entry.sequence, 0)
        skipped = max(0, known.sequence - entry.sequence)
        self._link.counters.duplicates += min(skipped, entry.events)
        if skipped >= entry.events:
            return None
        return self._arrival(entry, known, await self._decode(entry_id, fields, entry, skipped))

    def _arrival(self, entry: Entry, known: Position, events: list[Event]) -> Arrival:
        first_ns, last_ns = (_ts_init(events[0]), _ts_init(events[-1])) if events else (known.last_ns, known.last_ns)
        missing = entry.sequence - known.sequence
        if missing > 0:
            self._link.gap(
                known.last_ns, max(first_ns, known.last_ns), missing,
                f"events of process {entry.origin} never came: Redis trimmed or lost them",
            )  # fmt: skip
        if self._is_taken is not None:
            is_taken = self._is_taken
            events = [event for event in events if is_taken(event.topic)]
        return Arrival(events, (entry.origin, Position(entry.sequence + entry.events, last_ns)))

    async def _decode(self, entry_id: bytes, fields: Mapping[bytes, bytes], entry: Entry, skipped: int) -> list[Event]:
        """The readable events of an entry, without the first `skipped`."""
        try:
            events = decode(entry.payload)
            if len(events) != entry.events:
                raise CodecError(f"the entry has {len(events)} events and says that it has {entry.events}")
            return events[skipped:] if skipped else events
        except CodecError as error:
            found = _one_by_one(entry, error)[skipped:]
            readable = [event for event in found if not isinstance(event, CodecError)]
            await self._quarantine.add(self._key, entry_id, fields, len(found) - len(readable), error)
            return readable

    def _tell_trimmed(self, entry_id: bytes) -> None:
        """Redis trimmed the entry while it waited for us: its id says when it was published."""
        published_ns = id_order(entry_id)[0] * NS_PER_MS
        self._link.gap(published_ns, published_ns, 0, f"entry {entry_id.decode()} was trimmed before it was handled")


def _one_by_one(entry: Entry, error: CodecError) -> list[Event | CodecError]:
    """The events of an entry that as a whole is `error`, each if it can be read; none where their number is wrong."""
    try:
        found = decode_each(entry.payload)
    except CodecError:
        found = []
    return found if len(found) == entry.events else [error] * entry.events
