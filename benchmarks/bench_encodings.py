"""Column encodings: the size of the store's choice as a multiple of the least that any choice gives.

`python -m benchmarks.bench_encodings` prints size, write and read time of every encoding of every column, of captured
data where there is some: the choice in `part_writer` was made by these tables.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.captured import captured_tables
from benchmarks.figures import Figure, heading, number, show
from benchmarks.synthetic_trades import trade_table
from quantai.events import Event, TradeEvent
from quantai.events.persistence import PartWriter
from quantai.events.persistence.schema import type_name

_DICTIONARY = "DICTIONARY"
_LEVELS = (1, 3, 9)
_USED_LEVEL = 1  # pyarrow's own
_ROW_GROUP_ROWS = 65_536
_ROUNDS = 5
_SYNTHETIC_ROWS = 60_000
_NUMBERS = ("PLAIN", _DICTIONARY, "BYTE_STREAM_SPLIT")
_CANDIDATES = {
    pa.int64(): (*_NUMBERS, "DELTA_BINARY_PACKED"),
    pa.float64(): _NUMBERS,
    pa.string(): ("PLAIN", _DICTIONARY, "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"),
}


@dataclass(frozen=True)
class Trial:
    """One column in one encoding: bytes a row, and nanoseconds a row to write and to read it, in memory."""

    column: str
    encoding: str
    level: int
    size: float
    write_ns: float
    read_ns: float

    @property
    def cell(self) -> str:
        """Size and times."""
        return f"{number(self.size)} ({number(self.write_ns)}/{number(self.read_ns)})"


def trials(table: pa.Table, levels: Sequence[int]) -> Iterator[Trial]:
    """Every encoding of every column."""
    for field in table.schema:
        bare = field.type.value_type if pa.types.is_list(field.type) else field.type
        for encoding in _CANDIDATES.get(bare, (_DICTIONARY,)):
            for level in levels:
                yield trial(table.select([field.name]), encoding, level)


def trial(table: pa.Table, encoding: str, level: int) -> Trial:
    """Measure one; times are the best of some rounds."""
    field = table.schema.field(0)
    path = f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
    chosen: dict[str, Any] = (
        {"use_dictionary": True}
        if encoding == _DICTIONARY
        else {"use_dictionary": False, "column_encoding": {path: encoding}}
    )
    write_ns, read_ns = [], []
    for _ in range(_ROUNDS):
        sink, started_ns = pa.BufferOutputStream(), time.perf_counter_ns()
        pq.write_table(
            table, sink, row_group_size=_ROW_GROUP_ROWS, compression="zstd", compression_level=level, **chosen
        )
        write_ns.append(time.perf_counter_ns() - started_ns)
        data, started_ns = sink.getvalue(), time.perf_counter_ns()
        pq.read_table(pa.BufferReader(data), use_threads=False)
        read_ns.append(time.perf_counter_ns() - started_ns)
    rows = table.num_rows
    size = sum(chunk.total_compressed_size for chunk in chunks(pq.read_metadata(pa.BufferReader(data))))
    return Trial(field.name, encoding, level, size / rows, min(write_ns) / rows, min(read_ns) / rows)


def chunks(metadata: pq.FileMetaData) -> Iterator[pq.ColumnChunkMetaData]:
    """The column chunks of a file."""
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            yield metadata.row_group(group).column(index)


def encoding_of(names: tuple[str, ...]) -> str:
    """The encoding of the values; RLE alone is that of lengths and nulls."""
    if "RLE_DICTIONARY" in names:
        return _DICTIONARY
    return next((name for name in names if name != "RLE"), "RLE")


def stored(cls: type[Event], table: pa.Table) -> dict[str, str]:
    """The encoding of every column in the store."""
    with tempfile.TemporaryDirectory() as folder:
        (part,) = PartWriter(folder).write(cls, "binance", "BTC/USDT", table)
        metadata = pq.read_metadata(part.path)
    return {chunk.path_in_schema.partition(".")[0]: encoding_of(chunk.encodings) for chunk in chunks(metadata)}


def tables() -> Iterator[tuple[str, type[Event], pa.Table]]:
    """What is measured: captures, or else synthetic trades."""
    found = captured_tables() or {"synthetic": {TradeEvent: trade_table(_SYNTHETIC_ROWS, 1, 10_000_000)}}
    for stream, by_class in found.items():
        for cls, table in by_class.items():
            yield f"{type_name(cls)} of {stream}", cls, table


def figures() -> list[Figure]:
    """A line for each table."""
    found = []
    for name, cls, table in tables():
        chosen, least = stored(cls, table), dict.fromkeys(table.column_names, float("inf"))
        size = 0.0
        for item in trials(table, [_USED_LEVEL]):
            least[item.column] = min(least[item.column], item.size)
            size += item.size if chosen[item.column] == item.encoding else 0
        best = sum(least.values())
        found.append(Figure(f"{name}: {number(size)} of {number(best)} bytes/row", size / best, "x"))
    return found


def main() -> None:
    """Print two tables of Markdown for each table of events."""
    for name, cls, table in tables():
        chosen = stored(cls, table)
        print(f"\n{name}: bytes/row (write/read ns/row) at zstd level {_USED_LEVEL}\n\n| | |\n|---|---|")
        for column in table.column_names:
            cells = [
                f"{item.encoding}{'*' * (item.encoding == chosen[column])} {item.cell}"
                for item in trials(table.select([column]), [_USED_LEVEL])
            ]
            print(f"| `{column}` | {' · '.join(cells)} |")
        for level in _LEVELS:
            sums = [item for item in trials(table, [level]) if item.encoding == chosen[item.column]]
            size, write_ns, read_ns = (
                sum(getattr(item, what) for item in sums) for what in ("size", "write_ns", "read_ns")
            )
            print(f"| all as stored, level {level} | {Trial('', '', level, size, write_ns, read_ns).cell} |")
    show(heading(__doc__), figures())


if __name__ == "__main__":
    main()
