"""From journals to parts: once a journal is closed its rows become one part for each stream and day, and it is deleted.

Sealing can be interrupted anywhere and begun again: a part says which journal it comes from, so none is written twice.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from quantai.core.errors import StoreError
from quantai.events.base import Event
from quantai.events.persistence.decode import default_columns
from quantai.events.persistence.journal import Damage, Journal, read_journal
from quantai.events.persistence.part_writer import PartWriter
from quantai.events.persistence.parts import Part, Stream, naming, open_part
from quantai.events.persistence.recording import Instrument, Span, span_gaps
from quantai.events.persistence.schema import arrow_schema, event_class, to_table
from quantai.events.persistence.spool import JOURNAL_FOLDER, QUARANTINE_FOLDER
from quantai.events.persistence.storage import sync_folder
from quantai.events.system import GapEvent

logger = logging.getLogger(__name__)

_CHECK_ROWS = 65_536


@dataclass(slots=True)
class Sealed:
    """What became of journals: `rows` in `parts`, and `gaps` where rows are missing. `torn_bytes` and `torn_rows` were
    at the end of an interrupted write and cut off. `quarantined` are journals that could not be read or sealed whole,
    where they were moved to; `newer` those that take a newer QuantAI and were left alone. `errors` may pass: try again.
    """

    journals: int = 0
    rows: int = 0
    parts: list[Part] = field(default_factory=list)
    gaps: list[GapEvent] = field(default_factory=list)
    torn_bytes: int = 0
    torn_rows: int = 0
    quarantined: list[Path] = field(default_factory=list)
    newer: list[Path] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)


def seal(path: Path, parts: PartWriter, now_ns: int, quarantine: Path | None = None) -> Sealed:
    """Make parts of the journal at `path`, which nobody writes any more, verify them, and delete it.

    One that is damaged, or has rows that no part can hold, is moved to `quarantine` (default: the one of the store it
    lies in) once what can be had of it is sealed. One of a newer QuantAI is left alone. What is missing is written as
    gaps. Raises `OSError` where the disk or the object storage fails: the journal is then as it was.
    """
    sealed = Sealed()
    journal = read_journal(path)
    is_whole = seal_rows(journal, parts, now_ns, sealed, may_be_torn=False)
    write_gaps(sealed.gaps, parts, sealed)
    discard(journal, is_whole, quarantine or path.parents[2] / QUARANTINE_FOLDER / JOURNAL_FOLDER, sealed)
    return sealed


def seal_rows(journal: Journal, parts: PartWriter, now_ns: int, sealed: Sealed, *, may_be_torn: bool) -> bool:
    """Write and verify the parts of a journal, which stays; whether that was all of it. Raises as `seal`.

    Damage at the end of one that `may_be_torn` is a write that was interrupted: it is cut off, nothing safe is missing.
    """
    if journal.is_newer:
        return False
    is_whole = journal.header is not None
    for type_name in dict.fromkeys(rows.type for rows, _ in journal.frames):
        try:
            cls = event_class(type_name)
            for instrument, table in _streams(journal, cls, type_name):
                written = parts.write(cls, *instrument, table, origin=journal.id)
                _verify(written, table.num_rows)
                sealed.parts += written
                sealed.rows += table.num_rows
        except (StoreError, ValueError, TypeError, LookupError, NotImplementedError) as error:
            is_whole = False
            logger.exception("%s: its rows of %s cannot be sealed: %s", journal.path, type_name, error)
            sealed.gaps += _unsealed_gaps(journal, type_name, error, now_ns)
    sealed.journals += 1
    for damage in journal.damages:
        is_torn = may_be_torn and damage.is_tail
        _account(journal, damage, is_torn, now_ns, sealed)
        is_whole &= is_torn
    return is_whole


def write_gaps(gaps: Iterable[GapEvent], parts: PartWriter, sealed: Sealed) -> None:
    """Write `gaps` to the ledger. Raises as `seal`."""
    by_instrument: defaultdict[Instrument, list[GapEvent]] = defaultdict(list)
    for gap in gaps:
        by_instrument[gap.venue, gap.symbol].append(gap)
    for instrument, rows in by_instrument.items():
        sealed.parts += parts.write(GapEvent, *instrument, to_table(GapEvent, rows))


def discard(journal: Journal, is_whole: bool, quarantine: Path, sealed: Sealed) -> None:
    """Delete a journal that was sealed whole, move another to `quarantine`. Raises `OSError`."""
    path = journal.path
    if journal.is_newer:
        logger.error("%s was written by a newer QuantAI and is left alone: upgrade this one, which seals it then", path)
        sealed.newer.append(path)
    elif is_whole:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)  # it must not come back when its parts have been compacted
    else:
        target = quarantine / f"{journal.id}{path.suffix}"
        quarantine.mkdir(parents=True, exist_ok=True)
        path.rename(target)
        sync_folder(quarantine)
        logger.error("%s cannot be read or sealed whole, it was moved to %s", path, target)
        sealed.quarantined.append(target)


def _streams(journal: Journal, cls: type[Event], type_name: str) -> Iterator[tuple[Instrument, pa.Table]]:
    """The rows of one type by instrument, each in the order they came; only those of one are copied at a time."""
    slices: defaultdict[Instrument, list[pa.Table]] = defaultdict(list)
    for rows, table in journal.tables(type_name):
        start = 0
        for venue, symbol, count, _ in rows.streams:
            slices[venue, symbol].append(table.slice(start, count))
            start += count
    for instrument, tables in slices.items():
        yield instrument, _completed(cls, pa.concat_tables(tables).combine_chunks())


def _completed(cls: type[Event], table: pa.Table) -> pa.Table:
    """`table` with today's columns: those that were not there when it was journaled get their default."""
    schema = arrow_schema(cls)
    missing = np.zeros(table.num_rows, np.int32)
    columns = [
        table[name] if name in table.column_names else default_columns(cls)[name].take(pa.array(missing))
        for name in schema.names
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _verify(parts: list[Part], rows: int) -> None:
    """Read `parts` back, with their checksums. Raises `OSError` where they have not `rows` rows that can be read; they
    are then deleted, as the journal has their rows.
    """
    try:
        found = 0
        for part in parts:
            with naming(part.name), open_part(part) as file:
                found += sum(batch.num_rows for batch in file.iter_batches(_CHECK_ROWS, use_threads=False))
        if found != rows:
            raise StoreError(f"{', '.join(part.name for part in parts)} should have {rows} rows and not {found}")
    except StoreError as error:
        for part in parts:
            part.storage.delete(part.relative)
        raise OSError(f"what was written is not what can be read: {error}") from error


def _account(journal: Journal, damage: Damage, is_torn: bool, now_ns: int, sealed: Sealed) -> None:
    rows = damage.rows.count if damage.rows else 0
    logger.error(
        "%s: %d bytes at %d cannot be read, %s; %s",
        journal.path,
        damage.size,
        damage.offset,
        f"{rows} rows" if rows else "nobody knows how many rows",
        "a write was interrupted there, and is cut off" if is_torn else "all else is read",
    )
    if is_torn:
        sealed.torn_bytes += damage.size
        sealed.torn_rows += rows
    else:
        sealed.gaps += _damage_gaps(journal, damage, now_ns)


def _damage_gaps(journal: Journal, damage: Damage, now_ns: int) -> list[GapEvent]:
    """What is missing: rows that are known, or anything between the frames before and after."""
    opened_ns = journal.header.opened_ns if journal.header else 0
    if damage.rows:
        first_ns, last_ns = damage.rows.first_ns, damage.rows.last_ns
        lost = [(venue, symbol, rows) for venue, symbol, rows, _ in damage.rows.streams]
    else:
        first_ns = max(
            (rows.last_ns for rows, frame in journal.frames if frame.offset < damage.offset), default=opened_ns
        )
        after = (rows.first_ns for rows, frame in journal.frames if frame.offset > damage.offset)
        last_ns = max(first_ns, min(after, default=now_ns))
        lost = [("", "", 0)]
    reason = f"a part of the journal {journal.id} is damaged"
    return [
        GapEvent(journal.recorder, now_ns, now_ns, venue, symbol, first_ns, last_ns, rows, reason)
        for venue, symbol, rows in lost
    ]


def _unsealed_gaps(journal: Journal, type_name: str, error: Exception, now_ns: int) -> list[GapEvent]:
    """What is missing where some rows of a type, nobody knows which, did not become parts."""
    spans: dict[Stream, Span] = {}
    for rows, _ in journal.frames:
        if rows.type == type_name:
            for venue, symbol, count, _ in rows.streams:
                span = Span(count, rows.first_ns, rows.last_ns)
                spans.setdefault(Stream(type_name, venue, symbol), Span(0, rows.first_ns, rows.last_ns)).widen(span)
    return span_gaps(journal.recorder, now_ns, spans, f"{type_name} in the journal {journal.id} is not sealed: {error}")
