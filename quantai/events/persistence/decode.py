"""From rows back to events: whole columns to Python lists, then one `map` over the event class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from quantai.core.numbers import plain
from quantai.events.base import Event
from quantai.events.persistence.schema import (
    DECIMAL,
    PATH_FIELDS,
    arrow_schema,
    column_fields,
    enum_class,
    is_level_list,
)

Values = Callable[[pa.RecordBatch], Iterable[Any]]


class Decoder:
    """Makes the events of one class. Rows are prepared once; then they may be joined, reordered and sliced at will."""

    def __init__(self, cls: type[Event]) -> None:
        self.cls = cls
        fields = dict(column_fields(cls))
        self._enums = {name: enum for name, annotation in fields.items() if (enum := enum_class(annotation))}
        self._levels = [name for name, annotation in fields.items() if is_level_list(annotation)]
        self._columns = [(name, None if name in PATH_FIELDS else self._values(name)) for name in cls.__struct_fields__]

    def prepare(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """`rows` of a file with the texts of enums as positions in the enum, whatever the dictionary of the file was.

        Columns that the file is too old to have get their default. Raises `ValueError` for what the event class cannot
        hold.
        """
        schema = arrow_schema(self.cls)
        rows = self._completed(rows)
        for field in schema:
            if not field.nullable and rows.column(field.name).null_count:
                raise ValueError(f"its column {field.name!r} has empty values")
        for name in self._levels:
            prices, sizes = rows.column(f"{name}_price"), rows.column(f"{name}_size")
            if not prices.value_lengths().equals(sizes.value_lengths()):
                raise ValueError(f"its columns of {name} have levels with a price or a size alone")
        columns = [self._coded(name, rows.column(name)) for name in schema.names]
        return pa.RecordBatch.from_arrays(columns, schema.names)

    def events(self, rows: pa.RecordBatch, venues: Iterable[str], symbols: Iterable[str]) -> Iterator[Event]:
        """The events of prepared `rows`, with a venue and a symbol for each."""
        labels = {"venue": venues, "symbol": symbols}
        return map(self.cls, *(values(rows) if values else labels[name] for name, values in self._columns))

    def _completed(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        for name in arrow_schema(self.cls).names:
            if name not in rows.schema.names:
                default = default_columns(self.cls)[name]
                rows = rows.append_column(name, default.take(pa.array(np.zeros(rows.num_rows, np.int32))))
        return rows

    def _coded(self, name: str, column: pa.Array) -> pa.Array:
        if name not in self._enums:
            return column
        positions = {member.value: position for position, member in enumerate(self._enums[name])}
        texts = column.dictionary.to_pylist()
        unknown = [text for text in texts if text not in positions]
        if unknown:
            raise ValueError(f"its column {name!r} has {unknown[0]!r}, which is none of {', '.join(positions)}")
        return pa.array(np.array([positions[text] for text in texts], np.int8)[column.indices.to_numpy()])

    def _values(self, name: str) -> Values:
        if name in self._enums:
            members = np.array(list(self._enums[name]), object)
            return lambda rows: members[rows.column(name).to_numpy()].tolist()
        if name in self._levels:
            return lambda rows: _levels(rows.column(f"{name}_price"), rows.column(f"{name}_size"))
        if arrow_schema(self.cls).field(name).type == DECIMAL:
            return lambda rows: _decimals(rows.column(name))
        return lambda rows: _plain_values(rows.column(name))


@cache
def decoder(cls: type[Event]) -> Decoder:
    """The decoder of an event class."""
    return Decoder(cls)


@cache
def default_columns(cls: type[Event]) -> dict[str, pa.Array]:
    """The columns of an event class that have a default, each with that as its only row."""
    schema = arrow_schema(cls)
    annotations = dict(column_fields(cls))
    columns: dict[str, pa.Array] = {}
    for field in msgspec.structs.fields(cls):
        if field.required or field.name in PATH_FIELDS:
            continue
        value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
        if is_level_list(annotations[field.name]):
            for side, name in enumerate((f"{field.name}_price", f"{field.name}_size")):
                columns[name] = pa.array([[level[side] for level in value]], schema.field(name).type)
        else:
            columns[field.name] = pa.array([value], schema.field(field.name).type)
    return columns


def _plain_values(column: pa.Array) -> list[Any]:
    """NumPy knows no None, but makes lists fast with every version of pyarrow."""
    values: list[Any] = column.to_pylist() if column.null_count else column.to_numpy(zero_copy_only=False).tolist()
    return values


def _levels(prices: pa.ListArray, sizes: pa.ListArray) -> list[tuple[tuple[float, float], ...]]:
    levels = list(zip(_plain_values(prices.flatten()), _plain_values(sizes.flatten()), strict=True))
    ends = np.cumsum(prices.value_lengths().to_numpy()).tolist()
    return [tuple(levels[start:end]) for start, end in pairwise([0, *ends])]


def _decimals(column: pa.Array) -> list[Decimal | None]:
    """Without the zeros that fill up the column's scale; equal values share one object."""
    encoded = column.dictionary_encode()
    distinct = [Decimal(plain(value)) for value in encoded.dictionary.to_pylist()]
    return [None if position is None else distinct[position] for position in encoded.indices.to_pylist()]
