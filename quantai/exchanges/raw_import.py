"""`quantai data import --format raw`: recorded frames decoded again, into a store.

An import becomes visible as a whole or not at all. It is refused where the store has events of the same streams and
times already: what another decoder made of the same frames belongs into another store.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Protocol, runtime_checkable

from quantai.core.clock import SimulatedClock
from quantai.core.errors import ConfigError, StoreError
from quantai.data.importers.ledger import ImportLedger
from quantai.data.importers.manifest import Manifest, Origin, PartEntry
from quantai.data.importers.outcome import Outcome
from quantai.data.importers.overlap import overlaps
from quantai.data.importers.report import FileReport, FileStatus
from quantai.data.importers.stage import Stage
from quantai.events import MarketEvent, RawFrameEvent
from quantai.events.persistence.reader import EventReader
from quantai.events.persistence.schema import to_table
from quantai.events.persistence.storage import LocalStorage, open_storage
from quantai.events.persistence.store import list_parts
from quantai.exchanges.base import EventSink
from quantai.exchanges.websocket.decoding import FrameDecoder

FORMAT = "raw"
_BUFFER_EVENTS = 65_536


@runtime_checkable
class MakesDecoders(Protocol):
    """An exchange that can read its recorded frames."""

    def frame_decoder(self, sink: EventSink) -> FrameDecoder:
        """What gives the events of recorded frames to `sink`; needs `bind` and, where the venue lists instruments,
        `list_instruments` before, and no network.
        """


class _Staging:
    """Gathers events and gives them to a stage, many at a time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._events: defaultdict[tuple[type[MarketEvent], str], list[MarketEvent]] = defaultdict(list)
        self._count = 0

    def add(self, event: MarketEvent) -> None:
        """The decoder's sink."""
        self._events[type(event), event.symbol].append(event)
        self._count += 1
        if self._count >= _BUFFER_EVENTS:
            self.flush()

    def flush(self) -> None:
        """Give on what is gathered. Raises `StoreError` for a value that no column can hold."""
        for (cls, symbol), events in self._events.items():
            try:
                self._stage.add(cls, symbol, to_table(cls, events))
            except (ValueError, TypeError, ArithmeticError) as error:
                raise StoreError(f"an event of {symbol} that was decoded cannot be stored: {error}") from error
        self._events.clear()
        self._count = 0


def import_raw(
    source: Path,
    store: str | Path,
    venue: str,
    exchange: MakesDecoders,
    clock: SimulatedClock,
    max_bad_frames: int = 1_000,
) -> FileReport:
    """Decode the frames of `venue` that the store at `source` has, and put what they say into the store at `store`.

    `clock` is the one `exchange` was bound with; it follows the times of the frames. A frame that the decoder refuses
    is a bad row, told with its number; those of symbols that the venue lists no more are counted as an oddity. Raises
    `StoreError` where more than `max_bad_frames` are, where `source` has no frames, and where `store` cannot be written
    or has such events already.
    """
    storage = open_storage(store)
    if not isinstance(storage, LocalStorage):
        raise ConfigError(f"{storage.name} cannot be imported into: import into a local store, and copy it there")
    origin = Origin(_digest(source, venue), FORMAT, venue, "")
    outcome = Outcome(source, max_bad_frames)
    with ImportLedger(storage.root) as ledger:
        import_id = f"{FORMAT}-{origin.file_digest[:24]}"
        folder = ledger.stage_folder(import_id)
        try:
            stage = Stage(folder, venue)
            _decode(source, venue, exchange, clock, _Staging(stage), outcome)
            parts = ledger.entries(import_id, stage.finish())
            _refuse_overlaps(storage.root, folder, parts)
        except BaseException:
            ledger.discard(import_id)
            raise
        symbols = {symbol: symbol for symbol in sorted({part.stream[2] for part in parts})}
        counts = (outcome.rows_read, outcome.bad_rows)
        ledger.commit(Manifest(import_id, source.name, origin, origin.file_digest, symbols, *counts, parts))
    return _report(source, outcome, parts)


def _digest(source: Path, venue: str) -> str:
    """Names the recording: its parts are never changed, and new ones have new names."""
    parts = list_parts(open_storage(source), types=[RawFrameEvent], venues=[venue])
    return hashlib.sha256("\n".join(sorted(str(part.relative) for part in parts)).encode()).hexdigest()


def _decode(
    source: Path, venue: str, exchange: MakesDecoders, clock: SimulatedClock, staging: _Staging, outcome: Outcome
) -> None:
    decoder = exchange.frame_decoder(staging.add)
    for batch in EventReader(source).read_batches(types=[RawFrameEvent], venues=[venue]):
        for event in batch:
            assert isinstance(event, RawFrameEvent)
            outcome.rows_read += 1
            if outcome.rows_read == 1:
                clock.seek(event.ts_init)
            clock.advance_to(event.ts_init)
            try:
                decoder.decode(event.frame.encode(), event.ts_init)
            except Exception as error:
                outcome.reject(outcome.rows_read, f"{type(error).__name__}: {error}"[:200])
    staging.flush()
    outcome.note("frames of a stream or symbol that is not known, left out", decoder.unknown)


def _refuse_overlaps(store: Path, folder: Path, parts: list[PartEntry]) -> None:
    found = next(overlaps(store, folder, parts), None)
    if found is not None:
        raise StoreError(f"{found}: import what was decoded anew into another store, or delete the old parts first")


def _report(source: Path, outcome: Outcome, parts: list[PartEntry]) -> FileReport:
    written: Counter[str] = Counter()
    for part in parts:
        written[part.stream[0]] += part.rows
    return FileReport(
        path=source,
        format=FORMAT,
        status=FileStatus.IMPORTED,
        rows_read=outcome.rows_read,
        rows_written=written,
        symbols=tuple(sorted({part.stream[2] for part in parts})),
        bad_rows=outcome.bad_rows,
        bad_row_examples=tuple(outcome.examples),
        oddities=outcome.oddities,
        start_ns=min((part.start_ns for part in parts), default=None),
        end_ns=max((part.end_ns for part in parts), default=None),
    )
