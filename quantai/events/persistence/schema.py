"""How each event type lies in a store: its folder, its columns, and the way between columns and events.

A store is plain hive: `<root>/type=trade/venue=binance/symbol=BTC%2FUSDT/date=2026-11-22/<start>_<end>.parquet`, where the
date is that of `ts_init` in UTC. What the path says (type, venue, symbol) is not repeated in the file. Events without a
venue or symbol lie under `_`. Lists of book levels are two columns of numbers, `bids_price` and `bids_size`.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import PurePosixPath
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import quote, unquote

import msgspec
import pyarrow as pa

import quantai.events as all_events
from quantai.core.errors import StoreError
from quantai.events.base import Event

SCHEMA_VERSION = 1
NO_VALUE = "_"
PATH_FIELDS = ("venue", "symbol")

# 20 digits before the point and 18 after hold every balance and price of a venue, wei included.
DECIMAL = pa.decimal128(38, 18)
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


def event_class(name: str) -> type[Event]:
    """The event class of a folder name. Raises `StoreError` for one nobody knows."""
    try:
        return EVENT_TYPES[name]
    except KeyError:
        raise StoreError(f"no event type {name!r}; there are {', '.join(sorted(EVENT_TYPES))}") from None


def partition(name: str, venue: str, symbol: str, date: str) -> PurePosixPath:
    """The folder of one type, venue, symbol and day, below the root of the store."""
    return PurePosixPath(f"type={name}", f"venue={quote(venue, safe='')}", f"symbol={quote(symbol, safe='')}", f"date={date}")


def parse_partition(path: PurePosixPath) -> dict[str, str]:
    """The `type`, `venue`, `symbol` and `date` in a store path, unescaped."""
    return {key: unquote(value) for key, _, value in (part.partition("=") for part in path.parts) if value}


def is_level_list(annotation: Any) -> bool:
    """Whether a field holds book levels, which are stored as two columns."""
    return get_origin(annotation) is tuple


def column_fields(cls: type[Event]) -> list[tuple[str, Any]]:
    """The fields of `cls` that are stored in the file, with their bare types, in the order of the struct."""
    hints = get_type_hints(cls, include_extras=False)
    return [(name, hints[name]) for name in cls.__struct_fields__ if name not in PATH_FIELDS]


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
    elif isinstance(bare, type) and issubclass(bare, StrEnum):
        kind = TEXT
    elif bare is str:
        kind = pa.string()
    else:
        raise TypeError(f"event field {name} of type {annotation} has no column type")
    return pa.field(name, kind, nullable)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [argument for argument in get_args(annotation) if argument is not type(None)]
        return rest[0], True
    return annotation, False


def to_table(cls: type[Event], events: Sequence[Event]) -> pa.Table:
    """The columns of `events`, all of class `cls` and of one venue and symbol."""
    schema = arrow_schema(cls)
    columns: list[pa.Array] = []
    rows = [msgspec.structs.astuple(event) for event in events]
    by_name = dict(zip(cls.__struct_fields__, zip(*rows, strict=True), strict=True)) if rows else {}
    for name, annotation in column_fields(cls):
        values = by_name.get(name, ())
        if is_level_list(annotation):
            columns.append(pa.array([[level[0] for level in levels] for levels in values], LEVELS))
            columns.append(pa.array([[level[1] for level in levels] for levels in values], LEVELS))
        else:
            columns.append(pa.array(values, schema.field(name).type))
    return pa.Table.from_arrays(columns, schema=schema)
