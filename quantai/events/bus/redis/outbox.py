"""What waits for Redis: the backlog of one stream, bounded, and what was lost when it was full."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from operator import attrgetter

from quantai.events.base import Event
from quantai.events.bus.redis.counters import RedisCounters
from quantai.events.bus.redis.streams import Entry
from quantai.events.codec import CodecError, encode
from quantai.events.system import GapEvent

_ts_init = attrgetter("ts_init")


class Losses:
    """What was dropped, by venue and symbol: how many events and from when to when."""

    def __init__(self) -> None:
        self._spans: dict[tuple[str, str], list[int]] = {}

    def __bool__(self) -> bool:
        return bool(self._spans)

    def add(self, event: Event) -> None:
        """Count `event` as lost. The loss of a gap event is none: telling it would feed itself."""
        if isinstance(event, GapEvent):
            return
        instrument = (getattr(event, "venue", ""), getattr(event, "symbol", ""))
        when = _ts_init(event)
        span = self._spans.setdefault(instrument, [when, when, 0])
        span[:] = min(span[0], when), max(span[1], when), span[2] + 1

    def take(self, component: str, now_ns: int, reason: str) -> list[GapEvent]:
        """A gap for each instrument that lost anything since the last time."""
        spans, self._spans = self._spans, {}
        return [
            GapEvent(component, now_ns, now_ns, *instrument, first, last, lost, reason)
            for instrument, (first, last, lost) in spans.items()
        ]


class Outbox:
    """The events of one stream that Redis does not have yet, in order, at most `limit` and those on their way.

    Numbers are given to events when they are put into an entry, so what is dropped leaves no hole in them: it is told
    as a gap. An entry stays as it is until Redis has it, so receivers recognise one that is sent twice.
    """

    def __init__(self, key: str, origin: str, limit: int, counters: RedisCounters) -> None:
        self.key = key
        self.on_its_way: list[Entry] = []
        self.losses = Losses()
        self.refusal: CodecError | None = None
        self._origin = origin
        self._limit = limit
        self._counters = counters
        self._waiting: deque[Event] = deque()
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._waiting) + sum(entry.events for entry in self.on_its_way)

    def put(self, event: Event) -> None:
        """Take `event`; where the backlog is full, drop what waited longest."""
        waiting = self._waiting
        if len(waiting) >= self._limit:
            self.drop(waiting.popleft())
        waiting.append(event)

    def drop(self, event: Event) -> None:
        """Count `event` as dropped, to be told."""
        self._counters.dropped += 1
        self.losses.add(event)

    def has_entry(self, size: int) -> bool:
        """Whether `size` events wait, a full entry."""
        return len(self._waiting) >= size

    def pack(self, size: int, entries: int) -> list[Entry]:
        """Entries to send: those that were on their way already, else at most `entries` new ones of `size` events."""
        while self._waiting and len(self.on_its_way) < entries:
            count = min(size, len(self._waiting))
            self._pack([self._waiting.popleft() for _ in range(count)])
        return self.on_its_way

    def _pack(self, events: Sequence[Event]) -> None:
        try:
            payload = encode(events)
        except CodecError as error:
            if len(events) > 1:  # one by one, to find those that cannot be bytes
                for event in events:
                    self._pack([event])
                return
            self._counters.refused += 1
            self.losses.add(events[0])
            self.refusal = error
            return
        self.on_its_way.append(Entry(self._origin, self._sequence, len(events), payload))
        self._sequence += len(events)

    def sent(self) -> None:
        """Redis has all that was on its way."""
        self._counters.published += sum(entry.events for entry in self.on_its_way)
        self.on_its_way = []

    def abandon(self) -> int:
        """Give up what waits, at the end; how many events that were. What is on its way may have arrived or not."""
        lost = len(self)
        self._counters.dropped += lost
        self._waiting.clear()
        self.on_its_way = []
        return lost
