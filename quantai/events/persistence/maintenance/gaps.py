"""The gap ledger: what is known to be missing from a recording, from the rows that say so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from quantai.events import (
    ConnectedEvent,
    DisconnectedEvent,
    Event,
    GapEvent,
    StartedEvent,
    StoppedEvent,
    SystemEvent,
)
from quantai.events.persistence.decode import decoder
from quantai.events.persistence.maintenance.findings import GapSummary
from quantai.events.persistence.maintenance.rows import merge_rows
from quantai.events.persistence.parts import Part, naming
from quantai.events.persistence.schema import event_class, type_name
from quantai.events.persistence.storage import Root, open_storage
from quantai.events.persistence.store import list_parts, list_streams
from quantai.events.persistence.times import END_NS, Time, to_range_ns

LEDGER_TYPES = tuple(
    type_name(cls) for cls in (GapEvent, DisconnectedEvent, ConnectedEvent, StoppedEvent, StartedEvent)
)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something missing from `start_ns` to `end_ns` (None: not over when the recording ended), as `component` said.

    `lost` counts events, 0 where nobody knows. Where a connection fell, `venue` is its component and `symbol` is empty;
    where a recorder was stopped and started again, both are.
    """

    start_ns: int
    end_ns: int | None
    venue: str
    symbol: str
    lost: int
    reason: str
    component: str

    @property
    def length_ns(self) -> int:
        """How long it was; 0 where it is not over."""
        return 0 if self.end_ns is None else self.end_ns - self.start_ns


def read_gaps(
    root: Root,
    *,
    venue: str | None = None,
    symbol: str | None = None,
    start: Time | None = None,
    end: Time | None = None,
) -> list[Gap]:
    """The gaps that touch `start` to `end` (exclusive), in order. Fallen connections concern every symbol of a venue,
    recorders that did not run every venue.

    Raises `StoreError` where there is no store, or a file of the ledger cannot be read.
    """
    start_ns, end_ns = to_range_ns(start, end)
    storage = open_storage(root)
    types = {stream.type for stream in list_streams(storage)} & set(LEDGER_TYPES)
    parts = list_parts(storage, types=types) if types else []
    return [
        gap
        for gap in gaps_in(parts)
        if gap.start_ns < end_ns
        and (END_NS if gap.end_ns is None else gap.end_ns) >= start_ns
        and (venue is None or gap.venue in (venue, ""))
        and (symbol is None or gap.symbol in (symbol, ""))
    ]


def gaps_in(parts: Iterable[Part]) -> list[Gap]:
    """The gaps that `parts` of the ledger's types tell of, in order of time. Raises `StoreError`."""
    by_type: defaultdict[str, list[Part]] = defaultdict(list)
    for part in parts:
        by_type[part.type].append(part)
    recorded, fallen, stood, stopped, started = (by_type[name] for name in LEDGER_TYPES)
    gaps = [_recorded(event) for event in _events(recorded) if isinstance(event, GapEvent)]
    gaps += _connections([event for event in _events([*fallen, *stood]) if isinstance(event, SystemEvent)])
    gaps += _pauses([event for event in _events([*stopped, *started]) if isinstance(event, SystemEvent)])
    return sorted(gaps, key=lambda gap: (gap.start_ns, gap.venue, gap.symbol))


def summarise_gaps(gaps: Sequence[Gap]) -> tuple[GapSummary, ...]:
    """A line for each venue and symbol."""
    groups: defaultdict[tuple[str, str], list[Gap]] = defaultdict(list)
    for gap in gaps:
        groups[gap.venue, gap.symbol].append(gap)
    return tuple(
        GapSummary(
            *instrument,
            count=len(group),
            length_ns=_together_ns(group),
            lost=sum(gap.lost for gap in group),
            open=sum(gap.end_ns is None for gap in group),
        )
        for instrument, group in sorted(groups.items())
    )


def _together_ns(gaps: Sequence[Gap]) -> int:
    """How long there was any gap: what overlaps counts once."""
    total_ns, until_ns = 0, 0
    for gap in sorted(gaps, key=lambda gap: gap.start_ns):
        end_ns = gap.start_ns + gap.length_ns
        total_ns += max(0, end_ns - max(gap.start_ns, until_ns))
        until_ns = max(until_ns, end_ns)
    return total_ns


def _events(parts: Sequence[Part]) -> Iterator[Event]:
    by_stream: defaultdict[tuple[str, str, str], list[Part]] = defaultdict(list)
    for part in parts:
        by_stream[part.stream].append(part)
    for (name, venue, symbol), members in by_stream.items():
        known = decoder(event_class(name))
        for rows in merge_rows(members):
            with naming(members[0].name):
                yield from known.events(known.prepare(rows), repeat(venue), repeat(symbol))


def _recorded(event: GapEvent) -> Gap:
    return Gap(event.start_ns, event.end_ns, event.venue, event.symbol, event.lost, event.reason, event.component)


def _connections(events: list[SystemEvent]) -> Iterator[Gap]:
    """From each time a connection fell to the next time it stood; falling twice in between is falling once."""
    fallen: dict[str, DisconnectedEvent] = {}
    for event in sorted(events, key=lambda event: event.ts_event):
        if isinstance(event, DisconnectedEvent):
            fallen.setdefault(event.component, event)
        elif isinstance(event, ConnectedEvent) and (since := fallen.pop(event.component, None)):
            yield _disconnection(since, event.ts_event)
    for since in fallen.values():
        yield _disconnection(since, None)


def _pauses(events: list[SystemEvent]) -> Iterator[Gap]:
    """From each time a recorder was stopped to its next start. One that never came back is none: it ended there."""
    stopped: dict[str, int] = {}
    for event in sorted(events, key=lambda event: event.ts_event):
        if isinstance(event, StoppedEvent):
            stopped[event.component] = event.ts_event
        elif (since_ns := stopped.pop(event.component, None)) is not None:
            yield Gap(since_ns, event.ts_event, "", "", 0, f"{event.component} was stopped", event.component)


def _disconnection(since: DisconnectedEvent, end_ns: int | None) -> Gap:
    reason = f"disconnected: {since.reason}" if since.reason else "disconnected"
    return Gap(since.ts_event, end_ns, since.component, "", 0, reason, since.component)
