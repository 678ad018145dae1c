"""What the recorder's thread does with a buffer of events: group them, turn them into columns, write parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from quantai.events.base import Event
from quantai.events.persistence.part_writer import PartWriter
from quantai.events.persistence.schema import EVENT_TYPES, to_table
from quantai.events.persistence.times import DAY_NS

Group = tuple[type[Event], str, str, int]

_STORABLE = frozenset(EVENT_TYPES.values())
# What a value that no column can hold raises, here or in pyarrow; anything else is taken for trouble that may pass.
_UNSTORABLE = (ValueError, TypeError, ArithmeticError, AttributeError)


@dataclass(slots=True)
class Outcome:
    """What became of a buffer: `kept` is to be tried again (`error` says why), `refused` can never be stored."""

    written: int = 0
    files: int = 0
    kept: list[Event] = field(default_factory=list)
    error: Exception | None = None
    refused: list[Event] = field(default_factory=list)
    refusal: Exception | None = None

    def refuse(self, event: Event, error: Exception) -> None:
        """Count `event` as one that can never be stored."""
        self.refused.append(event)
        self.refusal = error


def write_events(parts: PartWriter, events: Sequence[Event]) -> Outcome:
    """Write `events`, one part for each stream and day, each event once: its part is written, or it is in the outcome."""
    outcome = Outcome()
    groups: dict[Group, list[Event]] = {}
    for event in events:
        try:
            groups.setdefault(_group(event), []).append(event)
        except _UNSTORABLE as error:
            outcome.refuse(event, error)
    for group, members in groups.items():
        _write_group(parts, group, members, outcome)
    outcome.kept.sort(key=attrgetter("ts_init"))
    return outcome


def _group(event: Event) -> Group:
    cls = type(event)
    if cls not in _STORABLE:
        raise TypeError(f"{cls.__name__} has no columns: only the event classes of quantai.events are stored")
    ts_init: int = event.ts_init  # type: ignore
    return cls, getattr(event, "venue", ""), getattr(event, "symbol", ""), ts_init // DAY_NS


def _write_group(parts: PartWriter, group: Group, events: list[Event], outcome: Outcome) -> None:
    cls, venue, symbol, _ = group
    try:
        outcome.files += len(parts.write(cls, venue, symbol, to_table(cls, events)))
        outcome.written += len(events)
    except _UNSTORABLE as error:
        if len(events) == 1:
            outcome.refuse(events[0], error)
        else:  # some are fine: halve until only the others are left
            middle = len(events) // 2
            _write_group(parts, group, events[:middle], outcome)
            _write_group(parts, group, events[middle:], outcome)
    except Exception as error:
        outcome.kept += events
        outcome.error = error
