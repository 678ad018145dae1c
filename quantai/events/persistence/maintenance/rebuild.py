"""New parts from what can still be read of a damaged, misnamed or disordered one, which goes to the quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from quantai.core.errors import StoreError
from quantai.events import Event, GapEvent
from quantai.events.persistence.decode import decoder
from quantai.events.persistence.maintenance.fingerprint import Digest
from quantai.events.persistence.maintenance.part_check import READ_ERRORS
from quantai.events.persistence.maintenance.replacement import quarantine
from quantai.events.persistence.maintenance.rows import read_group, read_rows
from quantai.events.persistence.part_writer import PartWriter
from quantai.events.persistence.parts import Part, Stream, open_part
from quantai.events.persistence.schema import arrow_schema, event_class, to_table
from quantai.events.persistence.storage import Storage
from quantai.events.persistence.times import END_NS

Range = tuple[int, int]

_CHUNK_ROWS = 1_000_000
_CHUNK_BYTES = 256_000_000
_PIECE_BYTES = 1 << 20
_COMPONENT = "repair"


@dataclass(slots=True)
class _Salvage:
    """What became of a file's rows; `lost` are the times (None: nobody knows) and the number in each bad group."""

    rows: int = 0
    parts: int = 0
    lost: list[tuple[Range | None, int]] = field(default_factory=list)

    def __str__(self) -> str:
        lost = sum(count for _, count in self.lost)
        told = f", {lost:,} rows lost" if lost else ", nobody knows how many rows lost" if self.lost else ""
        return f"{self.rows:,} rows in {self.parts} new parts{told}"


def rebuild(storage: Storage, path: PurePosixPath, stream: Stream, named: Range | None = None) -> str:
    """Write the readable row groups of a file anew, sorted and under the right names; what was done, in words.

    `named` are the times in the name of the file: what nobody can read is told to the gap ledger as lost between them,
    or between the times in the footer. The new parts are read back before the file goes to the quarantine. Doing it
    again after a crash writes nothing twice. Raises `StoreError` or `OSError`; the file is then where it was.
    """
    origin = f"repair of {path}"
    salvage = _Salvage()
    with ExitStack() as opened:
        file = _opened(storage, path, stream, opened)
        if file is None:
            salvage.lost.append((None, 0))
        else:
            for table in _chunks(storage, path, file, event_class(stream.type), salvage):
                _write(storage, stream, table, f"{origin} from row {salvage.rows}", salvage)
    for number, (span, count) in enumerate(salvage.lost):
        if (known := span or named) is not None:
            _write_gap(storage, stream, known, count, f"{path.name} was damaged", f"{origin}, gap {number}")
    return f"{salvage}; the original is {storage.display(quarantine(storage, path))}"


def _opened(storage: Storage, path: PurePosixPath, stream: Stream, opened: ExitStack) -> pq.ParquetFile | None:
    """The file, None where it is damaged beyond its row groups."""
    try:
        return opened.enter_context(open_part(Part(storage, path, stream, "", 0, END_NS - 1)))
    except (pa.ArrowException, OSError):
        _require_bytes(storage, path)
        return None
    except ValueError as error:
        raise StoreError(f"{storage.display(path)} cannot be repaired: {error}") from error


def _require_bytes(storage: Storage, path: PurePosixPath) -> None:
    """Make sure it is what is in the file that cannot be read, and not the disk or the network. Raises `OSError`."""
    with storage.open(path) as source:
        while source.read(_PIECE_BYTES):
            pass


def _chunks(
    storage: Storage, path: PurePosixPath, file: pq.ParquetFile, cls: type[Event], salvage: _Salvage
) -> Iterator[pa.Table]:
    """The readable row groups, some at a time; the others are noted as lost."""
    waiting: list[pa.Table] = []
    for index in range(file.metadata.num_row_groups):
        try:
            waiting += _read_all(file, cls, index)
        except READ_ERRORS:
            _require_bytes(storage, path)
            salvage.lost.append((_span(file.metadata.row_group(index)), file.metadata.row_group(index).num_rows))
        if sum(map(len, waiting)) >= _CHUNK_ROWS or sum(table.nbytes for table in waiting) >= _CHUNK_BYTES:
            yield pa.concat_tables(waiting).unify_dictionaries()
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting).unify_dictionaries()


def _read_all(file: pq.ParquetFile, cls: type[Event], index: int) -> list[pa.Table]:
    """A row group, which raises where a reader would."""
    tables = []
    for rows in read_group(file, cls, index):
        decoder(cls).prepare(rows)
        tables.append(pa.Table.from_arrays(rows.columns, schema=arrow_schema(cls)))
    return tables


def _span(group: pq.RowGroupMetaData) -> Range | None:
    columns = (group.column(index) for index in range(group.num_columns))
    statistics = next((column.statistics for column in columns if column.path_in_schema == "ts_init"), None)
    return (statistics.min, statistics.max) if statistics is not None and statistics.has_min_max else None


def _write(storage: Storage, stream: Stream, table: pa.Table, origin: str, salvage: _Salvage) -> None:
    parts = PartWriter(storage).write(event_class(stream.type), stream.venue, stream.symbol, table, origin)
    written = Digest.of(rows for part in parts for rows in read_rows(part))
    source = Digest.of(table.to_batches())
    if (written.rows, written.content) != (source.rows, source.content):
        raise StoreError(f"{', '.join(part.name for part in parts)} was read back with other rows than were written")
    salvage.rows += table.num_rows
    salvage.parts += len(parts)


def _write_gap(storage: Storage, stream: Stream, span: Range, lost: int, reason: str, origin: str) -> None:
    """A row of the ledger at the end of what is missing, where a replay should learn of it."""
    start_ns, end_ns = span
    told = f"{stream.type}: {reason}"
    gap = GapEvent(_COMPONENT, end_ns, end_ns, stream.venue, stream.symbol, start_ns, end_ns, lost, told)
    PartWriter(storage).write(GapEvent, stream.venue, stream.symbol, to_table(GapEvent, [gap]), origin)
