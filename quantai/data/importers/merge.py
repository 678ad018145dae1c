"""Merging sorted parts into tables in order of time, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from quantai.core.clock import NEVER

_TIME = "ts_init"


class _Run:
    """A sorted part being read: the rows loaded and not yet taken, and the time of the last of them."""

    def __init__(self, path: Path, batch_rows: int) -> None:
        file = pq.ParquetFile(path)
        self._batches = file.iter_batches(batch_rows)
        self._rows = file.schema_arrow.empty_table()
        self.last_ns = 0
        self.load()

    def load(self) -> None:
        """Load some more rows; `last_ns` becomes `NEVER` where there are none."""
        batch = next(self._batches, None)
        if batch is None:
            self.last_ns = NEVER
        else:
            self._rows = pa.concat_tables([self._rows, pa.table(batch)])
            self.last_ns = batch.column(_TIME)[-1].as_py()

    def take_before(self, ts_ns: int) -> pa.Table:
        """The loaded rows before `ts_ns`."""
        count = int(np.searchsorted(self._rows.column(_TIME).to_numpy(), ts_ns))
        taken, self._rows = self._rows.slice(0, count), self._rows.slice(count)
        return taken


def merged(paths: Sequence[Path], buffer_rows: int) -> Iterator[pa.Table]:
    """The rows of sorted parts by `ts_init`, about `buffer_rows` at a time; equal times in the order of `paths`.

    Rows at the time of the last loaded row wait, for the same part may go on with that time.
    """
    runs = [_Run(path, max(1_024, buffer_rows // len(paths))) for path in paths]
    waiting: list[pa.Table] = []
    rows = 0
    while True:
        bound_ns = min(run.last_ns for run in runs)
        table = pa.concat_tables([run.take_before(bound_ns) for run in runs])
        waiting.append(_sorted(table))
        rows += table.num_rows
        if rows >= buffer_rows or bound_ns == NEVER:
            yield pa.concat_tables(waiting)
            waiting, rows = [], 0
        if bound_ns == NEVER:
            return
        for run in runs:
            if run.last_ns == bound_ns:
                run.load()


def _sorted(table: pa.Table) -> pa.Table:
    return table.take(np.argsort(table.column(_TIME).to_numpy(), kind="stable"))
