"""What a look through a store found, as plain data: `quantai data verify` prints it, `--json` writes it as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

OnProgress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much: bytes, parts or events."""


class Kind(StrEnum):
    """What a finding is about. The first make a store unsound; those of `NOTES` are worth knowing."""

    UNREADABLE = "unreadable"
    SCHEMA = "schema"
    VALUES = "values"
    ORDER = "order"
    NAME = "name"
    STATISTICS = "statistics"
    DUPLICATES = "duplicates"
    JOURNAL = "journal"
    COMPACTION = "compaction"
    IMPORT = "import"
    LEFTOVER = "leftover"
    LIVE_JOURNAL = "live journal"
    OVERLAP = "overlap"
    SUSPECTED = "suspected duplicates"
    SEQUENCE = "sequence"
    QUARANTINE = "quarantine"
    FOREIGN = "foreign"


NOTES = frozenset({Kind.LIVE_JOURNAL, Kind.OVERLAP, Kind.SUSPECTED, Kind.SEQUENCE, Kind.QUARANTINE, Kind.FOREIGN})
"""Kinds that leave a store sound."""


class Finding(NamedTuple):
    """One thing found: `where` is a file or a stream, `what` says all there is to say in a line."""

    kind: Kind
    where: str
    what: str

    @property
    def is_problem(self) -> bool:
        """Whether the store is not sound because of it."""
        return self.kind not in NOTES


@dataclass(frozen=True, slots=True)
class StreamReport:
    """The figures of one stream: rows are those that could be read, times `ts_init` in nanoseconds UTC.

    `duplicates` are rows that are certainly there before, `suspected_duplicates` those that look like it.
    """

    type: str
    venue: str
    symbol: str
    parts: int
    rows: int
    bytes: int
    start_ns: int
    end_ns: int
    duplicates: int = 0
    suspected_duplicates: int = 0


@dataclass(frozen=True, slots=True)
class GapSummary:
    """The gap ledger of one instrument (or, where `symbol` is empty, of a connection): how often, how long in
    nanoseconds, and how many events were lost as far as that is known.
    """

    venue: str
    symbol: str
    count: int
    length_ns: int
    lost: int
    open: int


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What `verify` found out about a store."""

    store: str
    is_sound: bool
    streams: tuple[StreamReport, ...]
    gaps: tuple[GapSummary, ...]
    findings: tuple[Finding, ...]
