"""Writing a part from batches of rows, a row group at a time, so that parts may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from quantai.events.persistence.part_writer import ROW_GROUP_BYTES, ROW_GROUP_ROWS, parquet_options


def write_rows(file: BinaryIO, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write `batches`, which have the columns of `schema` in its order, with the encodings of all parts."""
    with pq.ParquetWriter(file, schema, **parquet_options(schema)) as writer:
        for table in _row_groups(schema, batches):
            writer.write_table(table, row_group_size=table.num_rows)


def _row_groups(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    waiting = schema.empty_table()
    for batch in batches:
        rows = pa.Table.from_arrays(batch.columns, schema=schema)
        waiting = pa.concat_tables([waiting, rows]) if waiting.num_rows else rows
        while waiting.num_rows >= (size := _group_rows(waiting)):
            yield waiting.slice(0, size).unify_dictionaries()
            waiting = waiting.slice(size)
    if waiting.num_rows:
        yield waiting.unify_dictionaries()


def _group_rows(table: pa.Table) -> int:
    rows: int = ROW_GROUP_BYTES * table.num_rows // max(1, table.nbytes)
    return min(ROW_GROUP_ROWS, max(1, rows))
