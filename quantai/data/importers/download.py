"""Takes what was downloaded into a store, by the door of all imports: staged, then visible as a whole, and never twice.

A download is cut into chunks, each an import of its own; what the ledger says is there is not asked for again. So a
download that was broken off goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from quantai.core.clock import NS_PER_SECOND, iso_utc
from quantai.core.errors import StoreError
from quantai.data.importers.ledger import ImportLedger
from quantai.data.importers.manifest import Manifest, Origin
from quantai.data.importers.overlap import overlaps
from quantai.data.importers.stage import Stage
from quantai.events import BarEvent, TradeEvent
from quantai.events.persistence.schema import to_table

FORMAT = "download"
_HOUR_NS = 3_600 * NS_PER_SECOND
_CHUNK_NS = {"trade": 6 * _HOUR_NS, "bar": 720 * _HOUR_NS}

Span = tuple[int, int]


class Wanted(msgspec.Struct, frozen=True):
    """A stream that is downloaded, and from when to when. Kept in the ledger, to know what is there."""

    type: str
    symbol: str
    start_ns: int
    end_ns: int
    interval_ns: int = 0
    """Of bars."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What became of one part of a download."""

    rows: int
    warnings: tuple[str, ...] = ()


class ChunkImport:
    """One chunk while it is being filled. `commit` makes it visible; `discard` throws it away."""

    def __init__(self, store: Path, ledger: ImportLedger, venue: str, wanted: Wanted) -> None:
        self._store, self._ledger, self._venue, self._wanted = store, ledger, venue, wanted
        description = msgspec.json.encode(wanted).decode()
        digest = hashlib.sha256(f"{venue} {description}".encode()).hexdigest()
        self._origin = Origin(digest, FORMAT, venue, description)
        self._id = f"{FORMAT}-{digest[:32]}"
        self._folder = ledger.stage_folder(self._id)
        self._stage = Stage(self._folder, venue)
        self.rows = 0

    def add(self, events: Sequence[TradeEvent] | Sequence[BarEvent]) -> None:
        """Take events of the stream, in order. Raises `StoreError` where the store cannot be written."""
        if events:
            cls = type(events[0])
            self._stage.add(cls, self._wanted.symbol, to_table(cls, events))
            self.rows += len(events)

    def commit(self) -> Chunk:
        """Make it visible, all of it or nothing."""
        parts = self._ledger.entries(self._id, self._stage.finish())
        warnings = tuple(overlaps(self._store, self._folder, parts))
        name = f"{self._wanted.type} {iso_utc(self._wanted.start_ns)} to {iso_utc(self._wanted.end_ns)}"
        digest = self._origin.file_digest
        symbols = {"": self._wanted.symbol}
        self._ledger.commit(Manifest(self._id, name, self._origin, digest, symbols, self.rows, 0, parts))
        return Chunk(self.rows, warnings)

    def discard(self) -> None:
        """Leave nothing behind."""
        self._ledger.discard(self._id)


class Downloads:
    """What of one stream a store has by download, and the way to add the rest. The ledger must be open."""

    def __init__(self, store: Path, ledger: ImportLedger, venue: str, wanted: Wanted) -> None:
        self._store, self._ledger, self._venue, self._wanted = store, ledger, venue, wanted

    def missing(self) -> list[Wanted]:
        """The chunks that are not there yet, oldest first; they end at whole multiples of their length since 1970."""
        spans = _without((self._wanted.start_ns, self._wanted.end_ns), self._had())
        length_ns = _CHUNK_NS[self._wanted.type]
        return [
            msgspec.structs.replace(self._wanted, start_ns=start_ns, end_ns=end_ns)
            for span in spans
            for start_ns, end_ns in _cut(span, length_ns)
        ]

    def begin(self, wanted: Wanted) -> ChunkImport:
        """Begin one of the missing chunks."""
        return ChunkImport(self._store, self._ledger, self._venue, wanted)

    def _had(self) -> list[Span]:
        had: list[Span] = []
        for manifest in self._ledger.of_format(FORMAT, self._venue):
            try:
                there = msgspec.json.decode(manifest.origin.mapping, type=Wanted)
            except msgspec.MsgspecError as error:
                raise StoreError(
                    f"{self._ledger.manifest_path(manifest)} cannot be read as the record of a download ({error}); "
                    "moving it away forgets that download"
                ) from error
            if msgspec.structs.replace(there, start_ns=0, end_ns=0) == self._stream:
                had.append((there.start_ns, there.end_ns))
        return sorted(had)

    @property
    def _stream(self) -> Wanted:
        return msgspec.structs.replace(self._wanted, start_ns=0, end_ns=0)


def _without(span: Span, had: Sequence[Span]) -> Iterator[Span]:
    """What of `span` is in none of `had`, which is sorted."""
    cursor, end = span
    for there_from, there_to in had:
        if there_from > cursor and cursor < end:
            yield cursor, min(there_from, end)
        cursor = max(cursor, there_to)
    if cursor < end:
        yield cursor, end


def _cut(span: Span, length_ns: int) -> Iterator[Span]:
    start, end = span
    while start < end:
        until = min((start // length_ns + 1) * length_ns, end)
        yield start, until
        start = until
