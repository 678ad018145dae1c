"""Writing part files that appear whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from quantai.core.errors import StoreError
from quantai.events.base import Event
from quantai.events.persistence.parts import Part, Stream, part_name
from quantai.events.persistence.schema import arrow_schema, partition, type_name
from quantai.events.persistence.times import DAY_NS, utc_date

TEMPORARY_SUFFIX = ".tmp"

_ROW_GROUP_ROWS = 65_536
# Rows of deep books are so wide that 65,536 of them would be too much to hold in memory.
_ROW_GROUP_BYTES = 32_000_000
_ENCODINGS = {pa.int64(): "DELTA_BINARY_PACKED", pa.string(): "DELTA_BYTE_ARRAY"}
_serial = count()


class PartWriter:
    """Writes tables of events into the store at `root`, from any thread."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def write(self, cls: type[Event], venue: str, symbol: str, table: pa.Table) -> list[Part]:
        """Write the rows of `table`, sorted by `ts_init` (stable), as one part for each UTC day.

        Nothing that is there is replaced: a part of the same times gets the next free number. Raises `StoreError`
        where the columns are not those of `schema.arrow_schema(cls)` or a time is before 1970, `OSError` where the disk
        fails: the days before that one are then written.
        """
        schema = arrow_schema(cls)
        if not table.schema.equals(schema):
            raise StoreError(f"a table of {type_name(cls)} must have the columns\n{schema}\nand not\n{table.schema}")
        if not table.num_rows:
            return []
        table, times = _sorted(table.replace_schema_metadata(schema.metadata))
        if times[0] < 0:
            raise StoreError(
                f"{type_name(cls)} of {symbol or 'no symbol'} at {venue or 'no venue'} has a ts_init before 1970"
            )
        edges = [0, *(np.flatnonzero(np.diff(times // DAY_NS)) + 1).tolist(), len(times)]
        stream = Stream(type_name(cls), venue, symbol)
        return [
            self._write_day(stream, table.slice(first, after - first), int(times[first]), int(times[after - 1]))
            for first, after in pairwise(edges)
        ]

    def _write_day(self, stream: Stream, table: pa.Table, start_ns: int, end_ns: int) -> Part:
        date = utc_date(start_ns)
        folder = self.root / partition(stream.type, stream.venue, stream.symbol, date)
        unsynced = [folder, *(parent for parent in folder.parents if not parent.exists())]
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{part_name(start_ns, end_ns)}.{os.getpid()}-{next(_serial)}{TEMPORARY_SUFFIX}"
        try:
            _write_file(temporary, table)
            path, number = _publish(temporary, start_ns, end_ns)
        finally:
            with suppress(OSError):
                temporary.unlink()
        for changed in unsynced:
            sync_folder(changed)
        return Part(path, stream, date, start_ns, end_ns, number)


def _sorted(table: pa.Table) -> tuple[pa.Table, np.ndarray]:
    times = table["ts_init"].to_numpy()
    if np.all(times[:-1] <= times[1:]):
        return table, times
    order = np.argsort(times, kind="stable")
    return table.take(order), times[order]


def _write_file(path: Path, table: pa.Table) -> None:
    rows = min(_ROW_GROUP_ROWS, max(1, _ROW_GROUP_BYTES * table.num_rows // max(1, table.nbytes)))
    with path.open("wb") as file:
        pq.write_table(
            table,
            file,
            row_group_size=rows,
            compression="zstd",
            write_page_checksum=True,
            column_encoding={field.name: _ENCODINGS[field.type] for field in table.schema if field.type in _ENCODINGS},
            use_dictionary=_dictionary_columns(table.schema),
        )
        file.flush()
        os.fsync(file.fileno())


def _dictionary_columns(schema: pa.Schema) -> list[str]:
    """Everything but times and texts, which are smaller as deltas; prices and sizes repeat more than their bytes do.

    On captured trades this makes 5 to 8 bytes a row: 8 to 12 with split float bytes, 11 to 14 by pyarrow's defaults.
    """
    return [
        f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
        for field in schema
        if field.type not in _ENCODINGS
    ]


def _publish(temporary: Path, start_ns: int, end_ns: int) -> tuple[Path, int]:
    """Name the file by a hard link: unlike a rename it refuses to replace what is there."""
    number = 0
    while True:
        path = temporary.with_name(part_name(start_ns, end_ns, number))
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            number += 1
        else:
            return path, number


def sync_folder(folder: Path) -> None:
    """Make new names in `folder` survive a power cut; where that cannot be (some network mounts) the rows are safe."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
