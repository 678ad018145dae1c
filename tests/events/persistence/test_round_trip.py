"""What was written is what is read, for every event type, field by field."""

from __future__ import annotations

import types
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pyarrow.dataset as ds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.enums import Side
from quantai.events import Event, OrderBookSnapshotEvent, PositionOpenedEvent, TradeEvent
from quantai.events.persistence import EventReader, ParquetEventWriter
from quantai.events.persistence.schema import EVENT_TYPES, REPLAY_RANK, type_name

NOON_NS = 1_767_268_800_000_000_000
HOUR_NS = 3_600_000_000_000

times = st.one_of(st.integers(NOON_NS - 20 * HOUR_NS, NOON_NS + 20 * HOUR_NS), st.sampled_from([0, NOON_NS, 2**63 - 1]))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
decimals = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(1 - 10**20, 10**20 - 1), st.integers(0, 18)
)
by_type: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    str: texts,
    Decimal: decimals,
}


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of a field of this type."""
    if get_origin(annotation) is Annotated:
        return values(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return st.none() | values(next(kind for kind in get_args(annotation) if kind is not type(None)))
    if get_origin(annotation) is tuple:
        return st.lists(st.tuples(by_type[float], by_type[float]), max_size=4).map(tuple)
    if issubclass(annotation, StrEnum):
        return st.sampled_from(list(annotation))
    return by_type[annotation]


def events_of(cls: type[Event]) -> st.SearchStrategy[Event]:
    hints = get_type_hints(cls)
    fields = {name: values(hints[name]) for name in cls.__struct_fields__}
    return st.builds(cls, **{**fields, "ts_event": times, "ts_init": times})


def in_order(events: Sequence[Event]) -> list[Event]:
    def key(event: Any) -> tuple[int, int, str, str]:
        rank = REPLAY_RANK[type_name(type(event))]
        return event.ts_init, rank, getattr(event, "venue", ""), getattr(event, "symbol", "")

    return sorted(events, key=key)


async def stored(events: Sequence[Event]) -> list[Event]:
    with TemporaryDirectory() as folder:
        async with ParquetEventWriter(folder) as writer:
            for event in events:
                writer.write_event(event)
        assert (writer.written, writer.dropped) == (len(events), 0)
        return [event async for event in EventReader(folder).read_range()]


@pytest.mark.parametrize("cls", EVENT_TYPES.values(), ids=lambda cls: cls.__name__)
@settings(max_examples=5, deadline=None)
@given(st.data())
async def test_every_type_is_read_as_it_was_written(cls: type[Event], data: st.DataObject) -> None:
    events = data.draw(st.lists(events_of(cls), min_size=1, max_size=4))
    assert await stored(events) == in_order(events)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(*map(events_of, EVENT_TYPES.values())), min_size=1, max_size=30))
async def test_a_mix_of_types_is_read_in_order(events: list[Event]) -> None:
    assert await stored(events) == in_order(events)


def trade(symbol: str = "BTC/USDT") -> TradeEvent:
    return TradeEvent("binance", symbol, NOON_NS, NOON_NS, 0.1, 2.5, Side.SELL, "")


@pytest.mark.parametrize("symbol", ["", "_", "%5F", "BTC/USDT:USDT-261225-100000-C", "円/ドル", "a b", "..", "x=y"])
async def test_any_symbol_survives_its_folder_name(symbol: str) -> None:
    assert await stored([trade(symbol)]) == [trade(symbol)]


async def test_enums_come_back_as_members() -> None:
    (event,) = await stored([trade()])
    assert isinstance(event, TradeEvent)
    assert event.side is Side.SELL


def position(average_price: Decimal) -> PositionOpenedEvent:
    some = Decimal("1.50")
    return PositionOpenedEvent("ema", "binance", "BTC/USDT", 0, 0, some, average_price, some, some, "USDT")


async def test_decimals_come_back_exact_and_without_filling_zeros() -> None:
    (event,) = await stored([position(Decimal("20000000000000000000.000000000000000001"))])
    assert isinstance(event, PositionOpenedEvent)
    assert (str(event.quantity), str(event.average_price)) == ("1.5", "20000000000000000000.000000000000000001")


async def test_a_computed_decimal_is_rounded_to_18_places() -> None:
    (event,) = await stored([position(Decimal(2) / Decimal(3))])
    assert isinstance(event, PositionOpenedEvent)
    assert event.average_price == Decimal("0.666666666666666667")


async def test_books_of_different_depths_keep_their_levels() -> None:
    books: list[Event] = [
        OrderBookSnapshotEvent("v", "A/B", ts, ts, ((1.0, 2.0),) * (ts % 3), ((4.0, 0.0), (5.0, 6.0))[: ts % 2], ts)
        for ts in range(20)
    ]
    assert await stored(books) == books


async def test_other_tools_open_a_store_as_plain_hive(tmp_path: Path) -> None:
    async with ParquetEventWriter(tmp_path) as writer:
        writer.write_event(trade())
    (row,) = ds.dataset(tmp_path / "type=trade", format="parquet", partitioning="hive").to_table().to_pylist()
    found = {name: row[name] for name in ("venue", "symbol", "date", "ts_init", "price", "side")}
    day = {"venue": "binance", "symbol": "BTC/USDT", "date": "2026-01-01"}
    assert found == {**day, "ts_init": NOON_NS, "price": 0.1, "side": "sell"}
