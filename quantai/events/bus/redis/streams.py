"""The streams of a bus, which topics go where, and the form of their entries.

A bus has two streams: market data, which is most of all events, and everything else. Each is one total order of what
all processes published there; between the two there is none. Who wants orders need not read market data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from quantai.events.base import Event
from quantai.events.codec import CodecError

MARKET = "market"
EVENTS = "events"
STREAMS = (MARKET, EVENTS)

ENTRY_VERSION = 1
MAX_EVENTS = 65_536
"""An entry that says it has more is not one of ours."""

_MARKET_TOPICS = "market."


class Entry(NamedTuple):
    """What one stream entry carries: so many `events` of `origin`, one process, the first of them its number
    `sequence` on this stream.
    """

    origin: str
    sequence: int
    events: int
    payload: bytes

    def fields(self) -> dict[Any, Any]:
        """The entry as Redis keeps it."""
        return {
            "version": ENTRY_VERSION,
            "origin": self.origin,
            "sequence": self.sequence,
            "count": self.events,
            "payload": self.payload,
        }


def parse_entry(fields: Mapping[bytes, bytes]) -> Entry:
    """The entry with these fields. Raises `CodecError` where it is not one of ours, or of a newer version."""
    try:
        version = int(fields[b"version"])
        if version > ENTRY_VERSION:
            raise CodecError(
                f"the entry has version {version}, this program knows {ENTRY_VERSION}: upgrade QuantAI here"
            )
        entry = Entry(fields[b"origin"].decode(), int(fields[b"sequence"]), int(fields[b"count"]), fields[b"payload"])
    except KeyError as error:
        raise CodecError(f"the entry has no field {error.args[0].decode()!r}") from None
    except CodecError:
        raise
    except ValueError as error:
        raise CodecError(f"the entry has a wrong field: {error}") from None
    if not (entry.origin and 0 <= entry.sequence < 2**63 and 0 < entry.events <= MAX_EVENTS):
        raise CodecError(f"the entry says origin {entry.origin!r}, sequence {entry.sequence}, count {entry.events}")
    return entry


def stream_of(event_class: type[Event]) -> str:
    """The stream that events of this class go to."""
    return MARKET if event_class.topic_prefix.startswith(_MARKET_TOPICS) else EVENTS


def streams_of(patterns: Sequence[str]) -> list[str]:
    """The streams that may hold a topic that one of `patterns` matches."""
    heads = [pattern.partition("*") for pattern in patterns]
    market = any(
        head.startswith(_MARKET_TOPICS) or (star and _MARKET_TOPICS.startswith(head)) for head, star, _ in heads
    )
    events = any(not head.startswith(_MARKET_TOPICS) for head, _, _ in heads)
    return [stream for stream, wanted in zip(STREAMS, (market, events), strict=True) if wanted]


def takes_all(patterns: Sequence[str], stream: str) -> bool:
    """Whether one of `patterns` matches every topic of `stream`, so that nobody need look at them."""
    return "*" in patterns or (stream == MARKET and f"{_MARKET_TOPICS}*" in patterns)
