"""Writing part files that appear whole or not at all."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from quantai.core.errors import StoreError
from quantai.events.base import Event
from quantai.events.persistence.parts import Part, Stream, part_name
from quantai.events.persistence.schema import arrow_schema, partition, type_name
from quantai.events.persistence.storage import Root, open_storage
from quantai.events.persistence.times import DAY_NS, utc_date

ORIGIN = b"quantai.origin"

ROW_GROUP_ROWS = 65_536
# Rows of deep books are so wide that 65,536 of them would be too much to hold in memory.
ROW_GROUP_BYTES = 32_000_000
_ENCODINGS = {pa.int64(): "DELTA_BINARY_PACKED", pa.string(): "DELTA_BYTE_ARRAY"}


class PartWriter:
    """Writes tables of events into the store at `root` (a local path or a URI), from any thread."""

    def __init__(self, root: Root) -> None:
        self.storage = open_storage(root)

    def write(self, cls: type[Event], venue: str, symbol: str, table: pa.Table, origin: str = "") -> list[Part]:
        """Write the rows of `table`, sorted by `ts_init` (stable), as one part for each UTC day.

        Nothing that is there is replaced: a part of the same times gets the next free number. `origin` names where
        these rows come from, and nothing else comes from there: where the part of that origin is there already, it is
        returned and nothing is written, so that a write can be repeated.

        Raises `StoreError` where the columns are not those of `schema.arrow_schema(cls)` or a time is before 1970,
        `OSError` where the disk or the object storage fails: the days before that one are then written.
        """
        schema = arrow_schema(cls)
        if not table.schema.equals(schema):
            raise StoreError(f"a table of {type_name(cls)} must have the columns\n{schema}\nand not\n{table.schema}")
        if not table.num_rows:
            return []
        metadata = {**schema.metadata, ORIGIN: origin.encode()} if origin else schema.metadata
        table, times = _sorted(table.replace_schema_metadata(metadata))
        if times[0] < 0:
            raise StoreError(
                f"{type_name(cls)} of {symbol or 'no symbol'} at {venue or 'no venue'} has a ts_init before 1970"
            )
        edges = [0, *(np.flatnonzero(np.diff(times // DAY_NS)) + 1).tolist(), len(times)]
        stream = Stream(type_name(cls), venue, symbol)
        return [
            self._write_day(stream, table.slice(first, after - first), int(times[first]), int(times[after - 1]), origin)
            for first, after in pairwise(edges)
        ]

    def _write_day(self, stream: Stream, table: pa.Table, start_ns: int, end_ns: int, origin: str) -> Part:
        date = utc_date(start_ns)
        folder = partition(stream.type, stream.venue, stream.symbol, date)
        number = 0
        while True:
            relative = folder / part_name(start_ns, end_ns, number)
            part = Part(self.storage, relative, stream, date, start_ns, end_ns, number)
            is_new = self.storage.create(relative, lambda file: _write_file(file, table))
            if is_new or (origin and part_origin(part) == origin):
                return part
            number += 1


def part_origin(part: Part) -> str:
    """Where the rows of a part come from, empty where it does not say or is damaged. Raises `OSError`."""
    try:
        with part.storage.open(part.relative) as file:
            metadata = pq.read_metadata(file).metadata or {}
    except pa.ArrowException:
        return ""
    except OSError:  # pyarrow says so of some broken footers too: then the bytes themselves can be read
        part.storage.read_bytes(part.relative)
        return ""
    return str(metadata.get(ORIGIN, b"").decode())


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """How every part is written: compression, checksums, and encodings by column."""
    return {
        "compression": "zstd",
        "write_page_checksum": True,
        "column_encoding": {field.name: _ENCODINGS[field.type] for field in schema if field.type in _ENCODINGS},
        "use_dictionary": _dictionary_columns(schema),
    }


def _sorted(table: pa.Table) -> tuple[pa.Table, np.ndarray]:
    times = table["ts_init"].to_numpy()
    if np.all(times[:-1] <= times[1:]):
        return table, times
    order = np.argsort(times, kind="stable")
    return table.take(order), times[order]


def _write_file(file: BinaryIO, table: pa.Table) -> None:
    rows = min(ROW_GROUP_ROWS, max(1, ROW_GROUP_BYTES * table.num_rows // max(1, table.nbytes)))
    pq.write_table(table, file, row_group_size=rows, **parquet_options(table.schema))


def _dictionary_columns(schema: pa.Schema) -> list[str]:
    """Everything but times and texts, which are smaller as deltas; prices and sizes repeat more than their bytes do.

    On captured trades this makes 5 to 8 bytes a row: 8 to 12 with split float bytes, 11 to 14 by pyarrow's defaults.
    """
    return [
        f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
        for field in schema
        if field.type not in _ENCODINGS
    ]
