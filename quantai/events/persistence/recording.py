"""What the recorder's thread does with a buffer of events: group them, turn them into columns, write parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np

from quantai.core.errors import StoreError
from quantai.events.base import Event
from quantai.events.persistence.part_writer import PartWriter
from quantai.events.persistence.schema import EVENT_TYPES, PATH_FIELDS, to_table
from quantai.events.persistence.times import DAY_NS
from quantai.events.system import GapEvent

Instrument = tuple[str, str]

_STORABLE = frozenset(EVENT_TYPES.values())
# What values raise that no column or path can hold; anything else is taken for trouble of the disk, which may pass.
_UNSTORABLE = (ValueError, TypeError, ArithmeticError, AttributeError, StoreError)

_ts_init: Callable[[Event], int] = attrgetter("ts_init")


@dataclass(slots=True)
class Outcome:
    """What became of a buffer: `kept` is to be tried again (`error` says why), `refused` can never be stored."""

    written: int = 0
    files: int = 0
    kept: list[Event] = field(default_factory=list)
    error: Exception | None = None
    refused: list[Event] = field(default_factory=list)
    refusal: Exception | None = None

    def keep(self, events: Sequence[Event], error: Exception) -> None:
        """Try `events` again later."""
        self.kept += events
        self.error = error

    def refuse(self, events: Sequence[Event], error: Exception) -> None:
        """Give `events` up."""
        self.refused += events
        self.refusal = error


def write_events(parts: PartWriter, events: Sequence[Event]) -> Outcome:
    """Write `events`, a part for each stream and day. Each event comes out once: in a part, kept or refused."""
    outcome = Outcome()
    for cls, members in _grouped(events, type).items():
        if cls not in _STORABLE:
            outcome.refuse(members, TypeError(f"{cls.__name__} is not an event class of QuantAI"))
            continue
        for instrument, group in _grouped(members, _instrument_of(cls)).items():
            _write_group(parts, cls, instrument, group, outcome)
    outcome.kept.sort(key=_ts_init)
    return outcome


def gaps(component: str, now_ns: int, lost: Sequence[Event], reason: str) -> list[GapEvent]:
    """What to tell of `lost` events, one gap for each instrument. Lost gaps make none: that would feed itself."""
    times: defaultdict[Instrument, list[int]] = defaultdict(list)
    for event in lost:
        if not isinstance(event, GapEvent):
            times[_instrument_of(type(event))(event)].append(_ts_init(event))
    return [
        GapEvent(component, now_ns, now_ns, *instrument, min(missed), max(missed), len(missed), reason)
        for instrument, missed in times.items()
    ]


def _write_group(
    parts: PartWriter, cls: type[Event], instrument: Instrument, events: list[Event], outcome: Outcome
) -> None:
    pieces: list[list[Event]] = []
    try:
        table = to_table(cls, events)
        if len(np.unique(table["ts_init"].to_numpy() // DAY_NS)) > 1:
            pieces = list(_grouped(events, _day).values())
        else:
            outcome.files += len(parts.write(cls, *instrument, table))
            outcome.written += len(events)
    except _UNSTORABLE as error:
        if len(events) == 1:
            outcome.refuse(events, error)
        else:  # halve until only those that cannot be stored are left
            pieces = [events[: len(events) // 2], events[len(events) // 2 :]]
    except Exception as error:
        outcome.keep(events, error)
    for piece in pieces:
        _write_group(parts, cls, instrument, piece, outcome)


def _grouped(events: Sequence[Event], key: Callable[[Event], Any]) -> dict[Any, list[Event]]:
    groups: defaultdict[Any, list[Event]] = defaultdict(list)
    for event, name in zip(events, map(key, events), strict=True):
        groups[name].append(event)
    return groups


def _day(event: Event) -> int:
    return _ts_init(event) // DAY_NS


@cache
def _instrument_of(cls: type[Event]) -> Callable[[Event], Instrument]:
    if set(PATH_FIELDS) <= set(cls.__struct_fields__):
        return attrgetter(*PATH_FIELDS)
    return lambda _: ("", "")
