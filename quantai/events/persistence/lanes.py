"""Reading parts a window of rows at a time, so that memory stays the same however long a recording is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from quantai.core.clock import NEVER
from quantai.events.persistence.decode import decoder
from quantai.events.persistence.parts import Part, naming, open_part
from quantai.events.persistence.schema import arrow_schema, event_class

# All lanes together hold about this many values (8 bytes each) at a time, a lane never more or fewer rows than these.
_VALUES = 2_000_000
_MAX_ROWS, _MIN_ROWS = 65_536, 1_024


class Lane:
    """Parts of one stream that follow each other in time, read as one sequence of rows.

    `rows` are loaded and not yet taken, the last of them at `last_ns`; `is_read` says that there are no others. No row
    is before `first_ns`. Lanes are numbered (`rank`) in the order in which rows of equal time are to come.
    """

    def __init__(self, rank: int, parts: list[Part], range_ns: tuple[int, int], values: int) -> None:
        self.rank = rank
        self.stream = parts[0].stream
        self.first_ns = parts[0].start_ns
        self.last_ns = NEVER
        self.rows = 0
        self.is_read = False
        self._decoder = decoder(cls := event_class(self.stream.type))
        self._column_names = arrow_schema(cls).names
        self._parts = parts
        self._range_ns = range_ns
        self._values = values
        self._window_rows = _MAX_ROWS
        self._unread = self._read()
        self._loaded: deque[tuple[np.ndarray, pa.RecordBatch]] = deque()

    @property
    def limit(self) -> tuple[int, int]:
        """Up to where the order among lanes is known: a time, and the last lane whose rows of that time are."""
        return self.last_ns, self.rank

    def fill(self) -> None:
        """Load rows until half a window is there, or there are no more."""
        while self.rows < (self._window_rows + 1) // 2:
            batch = next(self._unread, None)
            if batch is None:
                self.is_read = True
                return
            times = _times(batch)
            self._loaded.append((times, batch))
            self.rows += len(times)
            self.last_ns = int(times[-1])

    def take(self, limit: tuple[int, int]) -> list[pa.RecordBatch]:
        """The loaded rows up to a limit, in order."""
        limit_ns, rank = limit
        edge: Literal["left", "right"] = "right" if self.rank <= rank else "left"
        taken = []
        while self._loaded:
            times, batch = self._loaded[0]
            count = int(times.searchsorted(limit_ns, edge))
            if count:
                taken.append(batch.slice(0, count))
                self.rows -= count
            if count < len(times):
                self._loaded[0] = times[count:], batch.slice(count)
                break
            self._loaded.popleft()
        return taken

    def _read(self) -> Iterator[pa.RecordBatch]:
        for part in self._parts:
            with naming(part.name), open_part(part) as file:
                self._window_rows = _window_rows(file.metadata, self._values)
                for batch in self._batches(file):
                    _check_order(part, _times(batch))
                    batch = self._in_range(batch)
                    if batch.num_rows:
                        yield self._decoder.prepare(batch)

    def _batches(self, file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
        """One row group after the other, for what is fetched ahead is all of the groups that are asked for."""
        there = set(file.schema_arrow.names)
        names = [name for name in self._column_names if name in there]
        for group in self._row_groups(file.metadata):
            yield from file.iter_batches(self._window_rows, [group], names, use_threads=False)

    def _row_groups(self, metadata: pq.FileMetaData) -> list[int]:
        """Those that may have rows in the range; one without statistics may."""
        start_ns, end_ns = self._range_ns
        chosen = []
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            columns = (group.column(column) for column in range(group.num_columns))
            statistics = next(column.statistics for column in columns if column.path_in_schema == "ts_init")
            is_known = statistics is not None and statistics.has_min_max
            if not is_known or (statistics.min < end_ns and statistics.max >= start_ns):
                chosen.append(index)
        return chosen

    def _in_range(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        start_ns, end_ns = self._range_ns
        times = _times(batch)
        first = int(np.searchsorted(times, start_ns))
        return batch.slice(first, int(np.searchsorted(times, end_ns - 1, "right")) - first)


def make_lanes(parts: Iterable[Part], range_ns: tuple[int, int]) -> list[Lane]:
    """As few lanes of parts that do not overlap as hold `parts`, which are sorted by stream and time."""
    runs = [run for _, stream_parts in groupby(parts, key=attrgetter("stream")) for run in runs_of(stream_parts)]
    values = _VALUES // max(1, len(runs))
    return [Lane(rank, run, range_ns, values) for rank, run in enumerate(runs)]


def runs_of(parts: Iterable[Part]) -> list[list[Part]]:
    """As few sequences of parts that follow each other as hold `parts`, which are of one stream and sorted by time."""
    runs: list[list[Part]] = []
    for part in parts:
        run = next((run for run in runs if run[-1].end_ns <= part.start_ns), None)
        if run is None:
            runs.append([part])
        else:
            run.append(part)
    return runs


def _window_rows(metadata: pq.FileMetaData, values: int) -> int:
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    in_file: int = sum(group.column(index).num_values for group in groups for index in range(group.num_columns))
    rows: int = values * metadata.num_rows // max(1, in_file)
    return min(_MAX_ROWS, max(_MIN_ROWS, rows))


def _times(batch: pa.RecordBatch) -> np.ndarray:
    times: np.ndarray = batch.column("ts_init").to_numpy()
    return times


def _check_order(part: Part, times: np.ndarray) -> None:
    if np.any(times[1:] < times[:-1]):
        raise ValueError("its rows are not in order of ts_init")
    if len(times) and not (part.start_ns <= times[0] and times[-1] <= part.end_ns):
        raise ValueError("it has rows of other times than its name says")
