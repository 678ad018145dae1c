"""`quantai data export`: a range of a store as one file for other tools, in the order of replay, in constant memory."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from quantai.core.errors import ConfigError, StoreError
from quantai.core.numbers import plain
from quantai.events import Event
from quantai.events.persistence.maintenance.findings import OnProgress
from quantai.events.persistence.reader import EventReader
from quantai.events.persistence.schema import PATH_FIELDS, TEXT, arrow_schema, event_class, to_table
from quantai.events.persistence.storage import TEMPORARY_SUFFIX, Root, open_storage
from quantai.events.persistence.store import Names, Types, list_parts
from quantai.events.persistence.times import Time

Batches = Iterator[Sequence[Event]]

_PARQUET_ROWS = 65_536


class ExportFormat(StrEnum):
    """What the name of an export can end with."""

    CSV = ".csv"
    CSV_GZ = ".csv.gz"
    JSON_LINES = ".jsonl"
    JSON_LINES_GZ = ".jsonl.gz"
    PARQUET = ".parquet"


def export(
    root: Root,
    path: Path,
    types: Types | None = None,
    venues: Names | None = None,
    symbols: Names | None = None,
    start: Time | None = None,
    end: Time | None = None,
    on_progress: OnProgress | None = None,
) -> int:
    """Write the events of a range (as `EventReader.read_range`) to `path`, whose ending says how; how many they are.

    CSV and Parquet have a column for each field, so they take events of one type; JSON lines take any, and `type` says
    which. Times are nanoseconds UTC. The file appears whole or not at all.

    Raises `ConfigError` for an ending nobody knows or events of several types, `StoreError` where `path` is taken, or
    the store has nothing of what is asked for.
    """
    ending = _ending(path)
    storage = open_storage(root)
    parts = list_parts(storage, types, venues, symbols, start, end)
    names = sorted({part.type for part in parts})
    if not names:
        raise StoreError(f"the store at {storage.name} has nothing at that time: `quantai data ls` lists what there is")
    if len(names) > 1 and ending in (ExportFormat.CSV, ExportFormat.CSV_GZ, ExportFormat.PARQUET):
        raise ConfigError(f"{path} can hold events of one type, not {', '.join(names)}: choose one, or write .jsonl")
    rows = sum(part.rows for part in parts) if on_progress else 0
    batches = EventReader(storage).read_batches(start, end, types, venues, symbols)
    counter = _Counter(path.name, rows, on_progress)
    _create(path, lambda file: _WRITERS[ending](file, event_class(names[0]), counter.counted(batches)))
    return counter.events


def _ending(path: Path) -> ExportFormat:
    for ending in sorted(ExportFormat, key=len, reverse=True):
        if path.name.endswith(ending):
            return ending
    raise ConfigError(f"{path} must end with one of {', '.join(ExportFormat)}, which says what to write")


class _Counter:
    """Counts what goes by."""

    def __init__(self, what: str, total: int, on_progress: OnProgress | None) -> None:
        self.events = 0
        self._what = what
        self._total = total
        self._on_progress = on_progress

    def counted(self, batches: Batches) -> Batches:
        for batch in batches:
            yield batch
            self.events += len(batch)
            if self._on_progress:
                self._on_progress(self._what, self.events, self._total)


def _create(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Make a file that appears whole, and never in the place of another."""
    taken = StoreError(f"{path} is there already: nothing is overwritten, so move it away or choose another name")
    if path.exists():
        raise taken
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        with temporary.open("wb") as file:
            write(file)
        path.hardlink_to(temporary)
    except FileExistsError:
        raise taken from None
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _write_csv(file: BinaryIO, cls: type[Event], batches: Batches) -> None:
    with TextIOWrapper(file, encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(cls.__struct_fields__)
        for batch in batches:
            writer.writerows([_cell(value) for value in msgspec.structs.astuple(event)] for event in batch)


def _cell(value: Any) -> Any:
    """Floats keep all their digits, decimals no zeros of the store; book levels are JSON."""
    if isinstance(value, Decimal):
        return plain(value)
    return json.dumps(value) if isinstance(value, tuple) else value


def _write_json_lines(file: BinaryIO, cls: type[Event], batches: Batches) -> None:
    encoder = msgspec.json.Encoder()
    for batch in batches:
        file.write(encoder.encode_lines(batch))


def _write_parquet(file: BinaryIO, cls: type[Event], batches: Batches) -> None:
    columns = [pa.field(name, TEXT) for name in PATH_FIELDS if name in cls.__struct_fields__]
    schema = pa.schema([*columns, *arrow_schema(cls)])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for events in _gathered(batches, _PARQUET_ROWS):
            labels = [
                pa.array([getattr(event, field.name) for event in events]).dictionary_encode() for field in columns
            ]
            table = pa.Table.from_arrays([*labels, *to_table(cls, events).columns], schema=schema)
            writer.write_table(table)


def _gathered(batches: Batches, rows: int) -> Iterator[list[Event]]:
    events: list[Event] = []
    for batch in batches:
        events += batch
        if len(events) >= rows:
            yield events
            events = []
    if events:
        yield events


def _gzipped(
    write: Callable[[BinaryIO, type[Event], Batches], None],
) -> Callable[[BinaryIO, type[Event], Batches], None]:
    def write_gzipped(file: BinaryIO, cls: type[Event], batches: Batches) -> None:
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
            write(cast(BinaryIO, packed), cls, batches)

    return write_gzipped


_WRITERS = {
    ExportFormat.CSV: _write_csv,
    ExportFormat.CSV_GZ: _gzipped(_write_csv),
    ExportFormat.JSON_LINES: _write_json_lines,
    ExportFormat.JSON_LINES_GZ: _gzipped(_write_json_lines),
    ExportFormat.PARQUET: _write_parquet,
}
