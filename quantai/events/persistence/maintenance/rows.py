"""The rows of parts as columns: read a batch at a time, and merged into one order by `ts_init`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from quantai.events.base import Event
from quantai.events.persistence.decode import default_columns
from quantai.events.persistence.lanes import runs_of
from quantai.events.persistence.parts import Part, naming, open_part
from quantai.events.persistence.schema import arrow_schema, event_class

ReadRows = Callable[[Part, int], Iterator[pa.RecordBatch]]
"""Reads a part in batches of up to so many bytes."""

BUDGET_BYTES = 64_000_000
_MAX_ROWS, _MIN_ROWS = 65_536, 256


def read_rows(
    part: Part, max_bytes: int = BUDGET_BYTES, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of a part in the order of the file, all `columns` or some. Raises `StoreError`."""
    names = list(columns or arrow_schema(event_class(part.type)).names)
    with naming(part.name), open_part(part) as file:
        for group in range(file.metadata.num_row_groups):
            yield from read_group(file, event_class(part.type), group, max_bytes, names)


def read_group(
    file: pq.ParquetFile,
    cls: type[Event],
    group: int,
    max_bytes: int = BUDGET_BYTES,
    columns: Sequence[str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of one row group; columns that a file is too old to have are filled with their default."""
    names = list(columns or arrow_schema(cls).names)
    there = [name for name in names if name in file.schema_arrow.names]
    for batch in file.iter_batches(batch_rows(file.metadata, max_bytes), [group], there, use_threads=False):
        for name in names:
            if name not in there:
                default = default_columns(cls)[name].take(pa.array(np.zeros(batch.num_rows, np.int32)))
                batch = batch.append_column(name, default)
        yield batch.select(names)


def batch_rows(metadata: pq.FileMetaData, max_bytes: int = BUDGET_BYTES) -> int:
    """How many rows of a file make about `max_bytes` in memory."""
    groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
    size: int = sum(group.total_byte_size for group in groups)
    rows: int = max_bytes * metadata.num_rows // max(1, size)
    return min(_MAX_ROWS, max(_MIN_ROWS, rows))


def clusters(parts: Sequence[Part]) -> list[list[Part]]:
    """Parts of one stream in groups that share no time: no row of one has the time of a row of another."""
    found: list[list[Part]] = []
    end_ns = -1
    for part in sorted(parts, key=lambda part: (part.start_ns, part.end_ns, part.number)):
        if part.start_ns > end_ns:
            found.append([])
        found[-1].append(part)
        end_ns = max(end_ns, part.end_ns)
    return found


def merge_rows(parts: Sequence[Part], read: ReadRows = read_rows) -> Iterator[pa.RecordBatch]:
    """The rows of parts of one stream by `ts_init`, those of equal time in the order in which `EventReader` has them.

    Memory is bounded by `BUDGET_BYTES`, however long the parts are.
    """
    for cluster in clusters(parts):
        runs = runs_of(cluster)
        yield from _merged([_Lane(rank, run, read, BUDGET_BYTES // len(runs)) for rank, run in enumerate(runs)])


class _Lane:
    """One run of parts; rows of equal time come from the lane of lower rank first."""

    def __init__(self, rank: int, parts: Sequence[Part], read: ReadRows, max_bytes: int) -> None:
        self.rank = rank
        self._batches = chain.from_iterable(read(part, max_bytes) for part in parts)
        self._rows: pa.RecordBatch = None
        self._times = np.zeros(0, np.int64)

    @property
    def limit(self) -> tuple[int, int]:
        """Up to where this lane lets the order be known: the time of its last loaded row, and its rank."""
        return int(self._times[-1]), self.rank

    def load(self) -> bool:
        """Have rows; False where there are no more."""
        while not len(self._times):
            rows = next(self._batches, None)
            if rows is None:
                return False
            self._rows = rows
            self._times = self._rows.column("ts_init").to_numpy()
        return True

    def take(self, limit: tuple[int, int]) -> pa.RecordBatch:
        """The loaded rows up to a limit."""
        limit_ns, rank = limit
        count = int(np.searchsorted(self._times, limit_ns, "right" if self.rank <= rank else "left"))
        taken = self._rows.slice(0, count)
        self._rows, self._times = self._rows.slice(count), self._times[count:]
        return taken


def _merged(lanes: list[_Lane]) -> Iterator[pa.RecordBatch]:
    while lanes := [lane for lane in lanes if lane.load()]:
        limit = min(lane.limit for lane in lanes)
        taken = [rows for lane in lanes if (rows := lane.take(limit)).num_rows]
        if len(taken) == 1:
            yield taken[0]
        else:
            rows = pa.concat_batches(taken)
            yield rows.take(pa.array(np.argsort(rows.column("ts_init").to_numpy(), kind="stable")))
