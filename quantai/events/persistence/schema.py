"""How each event type lies in a store: its folder, its columns, and the way between columns and events.

A store is plain hive: `<root>/type=trade/venue=binance/symbol=BTC%2FUSDT/date=2026-11-22/<start>_<end>.parquet`, where
the date is that of `ts_init` in UTC. What the path says (type, venue, symbol) is not repeated in the file. Events
without a venue or symbol lie under `_`. Lists of book levels are two columns of numbers, `bids_price` and `bids_size`.

Decimals keep 18 places, which hold every price and quantity of a venue exactly; only a computed value with more (an
average price, say) is rounded, half to even.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from decimal import Context, Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from itertools import accumulate
from operator import attrgetter
from pathlib import PurePosixPath
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import quote, unquote

import pyarrow as pa

import quantai.events as all_events
from quantai.core.errors import StoreError
from quantai.events.base import Event

SCHEMA_VERSION = 3
NO_VALUE = "_"
PATH_FIELDS = ("venue", "symbol")

# 20 digits before the point and 18 after hold every balance and price of a venue, wei included.
DECIMAL = pa.decimal128(38, 18)
_SMALLEST = Decimal(1).scaleb(-DECIMAL.scale)
_DIGITS = Context(prec=DECIMAL.precision)
TEXT = pa.dictionary(pa.int32(), pa.string())
LEVELS = pa.list_(pa.float64())


def type_name(cls: type[Event]) -> str:
    """The folder name of an event class: `trade`, `book_delta`, `order_filled`."""
    return cls.topic_prefix.removeprefix("market.").replace(".", "_")


EVENT_TYPES: dict[str, type[Event]] = {
    type_name(cls): cls
    for cls in vars(all_events).values()
    if isinstance(cls, type) and issubclass(cls, Event) and cls.topic_prefix
}


# What a venue says of one moment comes in this order: the book and the trades in it, then the quote they leave behind.
_CAUSES_FIRST = ("status", "book", "book_delta", "trade", "tick")

REPLAY_RANK = {
    name: rank for rank, name in enumerate((*_CAUSES_FIRST, *sorted(EVENT_TYPES.keys() - set(_CAUSES_FIRST))))
}
"""Which type comes first among events of equal time."""


def event_class(name: str) -> type[Event]:
    """The event class of a folder name. Raises `StoreError` for one nobody knows."""
    try:
        return EVENT_TYPES[name]
    except KeyError:
        raise StoreError(f"no event type {name!r}; there are {', '.join(sorted(EVENT_TYPES))}") from None


def partition(name: str, venue: str, symbol: str, date: str) -> PurePosixPath:
    """The folder of one type, venue, symbol and day, below the root of the store."""
    return PurePosixPath(f"type={name}", f"venue={_escape(venue)}", f"symbol={_escape(symbol)}", f"date={date}")


def parse_partition(path: PurePosixPath) -> dict[str, str]:
    """The `type`, `venue`, `symbol` and `date` in a store path, unescaped."""
    return {key: _unescape(value) for key, _, value in (part.partition("=") for part in path.parts) if value}


def _escape(text: str) -> str:
    return "%5F" if text == NO_VALUE else quote(text, safe="") or NO_VALUE


def _unescape(text: str) -> str:
    return "" if text == NO_VALUE else unquote(text)


def is_level_list(annotation: Any) -> bool:
    """Whether a field holds book levels, which are stored as two columns."""
    return get_origin(annotation) is tuple


@cache
def column_fields(cls: type[Event]) -> tuple[tuple[str, Any], ...]:
    """The fields of `cls` that are stored in the file, with their bare types, in the order of the struct."""
    hints = get_type_hints(cls, include_extras=False)
    return tuple((name, hints[name]) for name in cls.__struct_fields__ if name not in PATH_FIELDS)


@cache
def arrow_schema(cls: type[Event]) -> pa.Schema:
    """The columns of an event class, with the schema version and type in the metadata."""
    fields: list[pa.Field] = []
    for name, annotation in column_fields(cls):
        if is_level_list(annotation):
            fields += [pa.field(f"{name}_price", LEVELS, False), pa.field(f"{name}_size", LEVELS, False)]
        else:
            fields.append(_arrow_field(name, annotation))
    return pa.schema(fields, {"quantai.type": type_name(cls), "quantai.schema_version": str(SCHEMA_VERSION)})


def _arrow_field(name: str, annotation: Any) -> pa.Field:
    bare, nullable = _without_none(annotation)
    if bare is bool:
        kind = pa.bool_()
    elif bare is int:
        kind = pa.int64()
    elif bare is float:
        kind = pa.float64()
    elif bare is Decimal:
        kind = DECIMAL
    elif enum_class(bare):
        kind = TEXT
    elif bare is str:
        kind = pa.string()
    else:
        raise TypeError(f"event field {name} of type {annotation} has no column type")
    return pa.field(name, kind, nullable)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [argument for argument in get_args(annotation) if argument is not type(None)]
        return rest[0], True
    return annotation, False


def enum_class(annotation: Any) -> type[StrEnum] | None:
    """The enum a field holds, if it holds one."""
    bare, _ = _without_none(annotation)
    return bare if isinstance(bare, type) and issubclass(bare, StrEnum) else None


def to_table(cls: type[Event], events: Sequence[Event]) -> pa.Table:
    """The columns of `events`, all of class `cls` and of one venue and symbol.

    Raises `ValueError`, `TypeError` or `ArithmeticError` for a value its column cannot hold.
    """
    schema = arrow_schema(cls)
    columns: list[pa.Array] = []
    for name, annotation in column_fields(cls):
        values = list(map(attrgetter(name), events))
        if is_level_list(annotation):
            columns += _level_columns(values)
        else:
            columns.append(_column(schema.field(name), annotation, values))
    return pa.Table.from_arrays(columns, schema=schema)


def _level_columns(values: Sequence[Sequence[tuple[float, float]]]) -> list[pa.Array]:
    offsets = pa.array(accumulate(map(len, values), initial=0), pa.int32())
    return [
        pa.ListArray.from_arrays(
            offsets, pa.array([level[side] for levels in values for level in levels], pa.float64())
        )
        for side in (0, 1)
    ]


def _column(field: pa.Field, annotation: Any, values: Sequence[Any]) -> pa.Array:
    if enum := enum_class(annotation):
        column = _enum_column(field.name, enum, values)
    else:
        column = pa.array([_to_scale(value) for value in values] if field.type == DECIMAL else values, field.type)
    if column.null_count and not field.nullable:
        raise ValueError(f"{field.name} is None")
    return column


def _enum_column(name: str, enum: type[StrEnum], values: Sequence[Any]) -> pa.DictionaryArray:
    """All have the same dictionary, so that columns made at different times join as they are."""
    positions, members = _dictionary(enum)
    try:
        indices = pa.array(list(map(positions.__getitem__, values)), TEXT.index_type)
    except KeyError as error:
        raise ValueError(f"{name} is {error}, which is none of {', '.join(members.to_pylist())}") from None
    return pa.DictionaryArray.from_arrays(indices, members)


@cache
def _dictionary(enum: type[StrEnum]) -> tuple[dict[str | None, int | None], pa.Array]:
    members = [member.value for member in enum]
    return {**{text: position for position, text in enumerate(members)}, None: None}, pa.array(members, pa.string())


def _to_scale(value: Decimal | None) -> Decimal | None:
    try:
        return None if value is None else value.quantize(_SMALLEST, context=_DIGITS)
    except InvalidOperation:
        raise ValueError(f"{value} is not finite, or has more than 20 digits before the point") from None
