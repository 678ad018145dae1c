"""Blocks of CSV lines into columns, fast where all is well and row by row where it is not.

A block is parsed and converted as a whole; where that fails it is halved until the lines at fault stand alone. So good
rows never pay for the search, and a bad row is known by its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from quantai.data.importers.outcome import Outcome
from quantai.data.importers.source import Source, as_kind

LINE = "line"
_WRONG_WIDTH = re.compile(r"Expected (\d+) columns, got (\d+)")
_IN_COLUMN = re.compile(r"In CSV column #(\d+): (.*)", re.DOTALL)
_IN_TEXT = re.compile(r"'(.*)'", re.DOTALL)


class RowParser:
    """Parses blocks of a file of `width` columns into tables: one column for each of `sources`, and `line`."""

    def __init__(self, sources: Mapping[str, Source], width: int, delimiter: str, outcome: Outcome) -> None:
        self._sources = sources
        self._width = width
        self._outcome = outcome
        self._users = {
            str(column): name
            for name, source in reversed(list(sources.items()))
            for column in source.columns
            if column < width
        }
        self._parse_options = pa_csv.ParseOptions(delimiter=delimiter)
        self._convert_options = pa_csv.ConvertOptions(
            column_types=self._kinds(), include_columns=list(self._users), null_values=[""], strings_can_be_null=False
        )

    def parse(self, block: bytes, first_line: int) -> pa.Table:
        """The good rows of a block that begins with line `first_line`, no columns but `line` where there are none."""
        try:
            tables = [] if block.isspace() else [self._table(block, first_line)]
        except pa.ArrowInvalid:
            tables = self._halved([line + b"\n" for line in block.split(b"\n")], first_line)
        rows: pa.Table = pa.concat_tables(tables).combine_chunks() if tables else self._empty()
        self._outcome.rows_read += rows.num_rows
        return rows

    def _halved(self, lines: list[bytes], first_line: int) -> list[pa.Table]:
        middle = len(lines) // 2
        tables: list[pa.Table] = []
        for half, first in ((lines[:middle], first_line), (lines[middle:], first_line + middle)):
            block = b"".join(half)
            if not block or block.isspace():
                continue
            try:
                tables.append(self._table(block, first))
            except pa.ArrowInvalid as error:
                if len(half) > 1:
                    tables += self._halved(half, first)
                else:
                    self._outcome.rows_read += 1
                    self._outcome.reject(first, self._explained(str(error)))
        return tables

    def _table(self, block: bytes, first_line: int) -> pa.Table:
        read_options = pa_csv.ReadOptions(
            column_names=[str(column) for column in range(self._width)], block_size=len(block) + 1, use_threads=True
        )
        parsed = pa_csv.read_csv(pa.BufferReader(block), read_options, self._parse_options, self._convert_options)
        numbers = _line_numbers(block, parsed.num_rows, first_line)
        columns = {name: parsed.column(name).combine_chunks() for name in parsed.column_names}
        fields = {name: _field(name, source, columns) for name, source in self._sources.items()}
        return pa.table({**fields, LINE: numbers})

    def _kinds(self) -> dict[str, pa.DataType]:
        """What each column is parsed as: text, where two sources want it differently, and then converted for each."""
        kinds: dict[str, pa.DataType] = {}
        for source in self._sources.values():
            for column in map(str, source.columns):
                kinds[column] = source.kind if kinds.get(column, source.kind) == source.kind else pa.string()
        return kinds

    def _explained(self, message: str) -> str:
        if width := _WRONG_WIDTH.search(message):
            return f"{width[2]} columns where there should be {width[1]}"
        if (at := _IN_COLUMN.match(message)) is None:
            return message
        text = _IN_TEXT.search(at[2])
        why = "finer than a nanosecond" if "Rescaling" in at[2] else text[0][:80] if text else at[2]
        return f"{self._users[at[1]]} cannot be read: {why}"

    def _empty(self) -> pa.Table:
        return pa.table({LINE: pa.array([], pa.int64())})


def _field(name: str, source: Source, columns: Mapping[str, pa.Array]) -> pa.Array:
    try:
        return source.read([as_kind(columns[str(column)], source.kind) for column in source.columns])
    except pa.ArrowInvalid as error:
        raise pa.ArrowInvalid(f"{name} cannot be read: {error}") from None


def _line_numbers(block: bytes, rows: int, first_line: int) -> pa.Array:
    """The line of every row. Raises `pa.ArrowInvalid` where rows are not lines, as after a stray quote."""
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    if rows == lines:
        return pa.array(np.arange(first_line, first_line + lines))
    numbers = [first_line + number for number, line in enumerate(block.split(b"\n")) if line.strip(b"\r")]
    if len(numbers) != rows:
        raise pa.ArrowInvalid("a quote or a carriage return stands inside of the line")
    return pa.array(numbers, pa.int64())
