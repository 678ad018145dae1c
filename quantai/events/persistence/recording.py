"""What the recorder's thread does with a buffer of events: group them by stream, and make frames of columns of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa

from quantai.core.clock import NEVER
from quantai.core.errors import StoreError
from quantai.events.base import Event
from quantai.events.persistence.journal import Bytes, Rows, rows_frame
from quantai.events.persistence.parts import Stream
from quantai.events.persistence.schema import EVENT_TYPES, PATH_FIELDS, partition, to_table, type_name
from quantai.events.system import GapEvent

Instrument = tuple[str, str]

_STORABLE = frozenset(EVENT_TYPES.values())
# What values raise that no column or path can hold.
_UNSTORABLE = (ValueError, TypeError, ArithmeticError, AttributeError, LookupError, NotImplementedError, StoreError)
_MAX_NAME_BYTES = 255
# A column is made in one call, which nothing interrupts: the event loop waits that long at most for the interpreter.
_SLICE_ROWS = 4_096

_ts_init: Callable[[Event], int] = attrgetter("ts_init")


@dataclass(slots=True)
class Span:
    """Rows of a stream, from the first to the last `ts_init`."""

    rows: int
    first_ns: int
    last_ns: int

    def widen(self, other: Span) -> None:
        """Have the rows of `other` too."""
        self.rows += other.rows
        self.first_ns = min(self.first_ns, other.first_ns)
        self.last_ns = max(self.last_ns, other.last_ns)


@dataclass(slots=True)
class Encoded:
    """Events as frames for a journal, and what of them can never be stored."""

    frames: list[Bytes] = field(default_factory=list)
    spans: dict[Stream, Span] = field(default_factory=dict)
    refused: list[Event] = field(default_factory=list)
    refusal: Exception | None = None

    def refuse(self, events: Iterable[Event], error: Exception) -> None:
        """Give `events` up."""
        self.refused += events
        self.refusal = error


def encode(events: Sequence[Event], echoes: Container[int] = ()) -> Encoded:
    """The frames of `events`, one for each class. Gaps whose `id` is in `echoes` are left out: they are known."""
    encoded = Encoded()
    for cls, members in _grouped(events, type).items():
        if cls is GapEvent:
            members = [event for event in members if id(event) not in echoes]
        if cls in _STORABLE:
            _encode_class(cls, members, encoded)
        else:
            encoded.refuse(members, TypeError(f"{cls.__name__} is not an event class of QuantAI"))
    return encoded


def gaps(component: str, now_ns: int, lost: Sequence[Event], reason: str) -> list[GapEvent]:
    """What to tell of `lost` events, one gap for each instrument, whose names and times are such that it can be stored.

    Lost gaps of the `component` itself make none: that would feed itself.
    """
    times: defaultdict[Instrument, list[int]] = defaultdict(list)
    for event in lost:
        if type(event) is not GapEvent or event.component != component:
            ts_ns = _ts_init(event)
            times[_storable_instrument(event)].append(min(max(ts_ns, 0), NEVER) if isinstance(ts_ns, int) else now_ns)
    reason = reason.encode(errors="backslashreplace").decode()
    return [
        GapEvent(component, now_ns, now_ns, *instrument, min(missed), max(missed), len(missed), reason)
        for instrument, missed in times.items()
    ]


def span_gaps(component: str, now_ns: int, lost: Mapping[Stream, Span], reason: str) -> list[GapEvent]:
    """What to tell of rows that were lost after they were written, one gap for each instrument."""
    instruments: dict[Instrument, Span] = {}
    for (_, *instrument), span in lost.items():
        instruments.setdefault((instrument[0], instrument[1]), Span(0, span.first_ns, span.last_ns)).widen(span)
    return [
        GapEvent(component, now_ns, now_ns, *instrument, span.first_ns, span.last_ns, span.rows, reason)
        for instrument, span in instruments.items()
    ]


def _encode_class(cls: type[Event], events: list[Event], encoded: Encoded) -> None:
    try:
        columns = _Columns(cls, events)
    except _UNSTORABLE:
        columns = _Columns(cls, _sifted(cls, _nameable(cls, events, encoded), encoded))
    if not columns.instruments:
        return
    table, counts = columns.by_instrument()
    times = table["ts_init"].to_numpy()
    starts = np.cumsum(counts) - counts
    firsts, lasts = np.minimum.reduceat(times, starts).tolist(), np.maximum.reduceat(times, starts).tolist()
    streams = []
    for instrument, count, first_ns, last_ns in zip(columns.instruments, counts.tolist(), firsts, lasts, strict=True):
        streams.append((*instrument, count, last_ns))
        encoded.spans[Stream(type_name(cls), *instrument)] = Span(count, first_ns, last_ns)
    encoded.frames += rows_frame(Rows(type_name(cls), min(firsts), max(lasts), streams), table)


class _Columns:
    """Events of one class as columns, made in the order they came, which is that of their memory; sorted only then."""

    def __init__(self, cls: type[Event], events: Sequence[Event]) -> None:
        """Raises one of `_UNSTORABLE`."""
        self._positions = _Positions(cls)
        self._tables: list[pa.Table] = [to_table(cls, [])]
        self._instrument_positions: list[int] = []
        for start in range(0, len(events), _SLICE_ROWS):
            self._add(cls, events[start : start + _SLICE_ROWS])

    @property
    def instruments(self) -> list[Instrument]:
        """Whose rows there are."""
        return list(self._positions)

    def by_instrument(self) -> tuple[pa.Table, np.ndarray]:
        """The rows of each instrument after the other, those of one as they came, and how many of each there are."""
        table = pa.concat_tables(self._tables).combine_chunks()
        positions = np.array(self._instrument_positions, np.int32)
        if len(self._positions) > 1:
            table = table.take(pa.array(np.argsort(positions, kind="stable")))
        return table, np.bincount(positions)

    def _add(self, cls: type[Event], events: Sequence[Event]) -> None:
        table = to_table(cls, events)
        if table["ts_init"].to_numpy().min() < 0:
            raise ValueError("its ts_init is before 1970")
        self._tables.append(table)
        self._instrument_positions += map(self._positions.__getitem__, map(_instrument_of(cls), events))


class _Positions(dict[Instrument, int]):
    """Instruments by the order they came in. Raises one of `_UNSTORABLE` for one that cannot name a folder."""

    def __init__(self, cls: type[Event]) -> None:
        self._cls = cls

    def __missing__(self, instrument: Instrument) -> int:
        _check_names(self._cls, *instrument)
        position = self[instrument] = len(self)
        return position


def _nameable(cls: type[Event], events: list[Event], encoded: Encoded) -> list[Event]:
    """Without those that no folder can be for."""
    kept = []
    for event in events:
        try:
            _check_names(cls, *_instrument_of(cls)(event))
        except _UNSTORABLE as error:
            encoded.refuse([event], error)
        else:
            kept.append(event)
    return kept


def _sifted(cls: type[Event], events: list[Event], encoded: Encoded) -> list[Event]:
    """Without what no column can hold, found by halving."""
    try:
        _Columns(cls, events)
    except _UNSTORABLE as error:
        if len(events) == 1:
            encoded.refuse(events, error)
            return []
        half = len(events) // 2
        return _sifted(cls, events[:half], encoded) + _sifted(cls, events[half:], encoded)
    return events


@lru_cache(65_536)
def _check_names(cls: type[Event], venue: str, symbol: str) -> None:
    folder = partition(type_name(cls), venue, symbol, "")
    if max(map(len, folder.parts)) > _MAX_NAME_BYTES:
        raise ValueError(f"its folder {folder} would have too long a name")


def _storable_instrument(event: Event) -> Instrument:
    instrument = _instrument_of(type(event))(event)
    try:
        _check_names(type(event), *instrument)
    except _UNSTORABLE:
        return "", ""
    return instrument


def _grouped(events: Sequence[Event], key: Callable[[Event], Any]) -> dict[Any, list[Event]]:
    groups: defaultdict[Any, list[Event]] = defaultdict(list)
    for event, name in zip(events, map(key, events), strict=True):
        groups[name].append(event)
    return groups


@cache
def _instrument_of(cls: type[Event]) -> Callable[[Event], Instrument]:
    """Venue and symbol of an event; empty is what its class has not."""
    if set(PATH_FIELDS) <= set(cls.__struct_fields__):
        return attrgetter(*PATH_FIELDS)
    return lambda event: (getattr(event, "venue", ""), getattr(event, "symbol", ""))
