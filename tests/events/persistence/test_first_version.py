"""What an earlier version of QuantAI wrote is read by this one."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quantai.core.enums import Liquidity, Side
from quantai.core.errors import StoreError
from quantai.events import OrderBookSnapshotEvent, OrderCanceledEvent, OrderFilledEvent, TradeEvent
from quantai.events.base import Event, Level
from quantai.events.persistence import EventReader, PartWriter, list_parts
from quantai.events.persistence.decode import default_columns
from quantai.events.persistence.schema import EVENT_TYPES, SCHEMA_VERSION, arrow_schema, to_table

FIRST = Path(__file__).parent / "first_version"


def read(root: Path) -> list[Any]:
    return [event for batch in EventReader(root).read_batches() for event in batch]


def by_type(events: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    grouped = defaultdict(list)
    for event in events:
        grouped[event["type"]].append(event)
    return grouped


def test_every_event_of_the_first_version_is_read_equal_field_by_field() -> None:
    written = by_type(json.loads((FIRST / "events.json").read_text()))
    found = by_type(json.loads(msgspec.json.encode(read(FIRST / "store"))))
    assert found.keys() == written.keys()
    for name, events in written.items():
        fields = events[0].keys()
        assert [{field: event[field] for field in fields} for event in found[name]] == events


def test_what_is_stored_changes_only_with_the_schema_version() -> None:
    """Else files of one version would have different columns: raise `SCHEMA_VERSION` and add a store of it here."""
    parts = list_parts(FIRST / "store")
    assert {part.type for part in parts} <= EVENT_TYPES.keys()
    for part in parts:
        columns = pq.read_schema(part.path)
        assert SCHEMA_VERSION > 1 or columns.equals(arrow_schema(EVENT_TYPES[part.type])), part.type


class Thing(msgspec.Struct, frozen=True):
    """What got fields after it was first stored; no event, for other tests look at all events there are."""

    topic_prefix: ClassVar[str] = "market.trade"

    venue: str
    symbol: str
    ts_event: int
    ts_init: int
    price: float
    side: Side = Side.SELL
    note: str = "none"
    limit: Decimal | None = None
    fee: Decimal = Decimal("0.25")
    count: int = 7
    bids: tuple[Level, ...] = ((1.0, 2.0), (0.5, 3.0))
    asks: tuple[Level, ...] = ()


THING = cast(type[Event], Thing)
THINGS = [Thing("v", "s", ts, ts, float(ts)) for ts in range(3_000)]
FIRST_COLUMNS = ["ts_event", "ts_init", "price"]


@pytest.fixture
def old_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of things as version 1 wrote them."""
    monkeypatch.setitem(EVENT_TYPES, "trade", THING)
    (part,) = PartWriter(tmp_path).write(THING, "v", "s", things(THINGS))
    rewrite(part.path, pq.read_table(part.path, partitioning=None).select(FIRST_COLUMNS), version=1)
    return tmp_path


def things(rows: list[Thing]) -> pa.Table:
    return to_table(THING, cast(list[Event], rows))


def rewrite(path: Path, table: pa.Table, version: int) -> None:
    pq.write_table(table.replace_schema_metadata({"quantai.schema_version": str(version)}), path)


def test_columns_that_came_later_have_their_default_in_old_files(old_store: Path) -> None:
    assert read(old_store) == THINGS


def test_old_files_and_new_ones_are_one_stream(old_store: Path) -> None:
    newer = [Thing("v", "s", ts, ts, 1.0, Side.BUY, "new", Decimal(5), asks=((1.0, 1.0),)) for ts in (5, 4_000)]
    PartWriter(old_store).write(THING, "v", "s", things(newer))
    found = read(old_store)
    assert [event for event in found if event.note == "new"] == newer
    assert [event for event in found if event.note == "none"] == THINGS


def test_fills_of_the_second_version_did_not_say_what_the_venue_had_realized(tmp_path: Path) -> None:
    fills = [
        OrderFilledEvent(
            "o", "a", "v", "s", ts, ts, "", "t", Side.BUY, Decimal(1), Decimal(2), Decimal(2), Decimal(0),
            Decimal("0.1"), "USDT", Liquidity.MAKER,
        )
        for ts in range(3)
    ]  # fmt: skip
    (part,) = PartWriter(tmp_path).write(OrderFilledEvent, "v", "s", to_table(OrderFilledEvent, fills))
    rewrite(part.path, pq.read_table(part.path, partitioning=None).drop_columns(["realized_pnl"]), version=2)
    told = [msgspec.structs.replace(fill, ts_init=9, realized_pnl=Decimal("-0.91539999")) for fill in fills]
    PartWriter(tmp_path).write(OrderFilledEvent, "v", "s", to_table(OrderFilledEvent, told))
    assert read(tmp_path) == [*fills, *told]


def test_a_file_of_this_version_must_have_every_column(old_store: Path) -> None:
    (part,) = list_parts(old_store)
    rewrite(part.path, pq.read_table(part.path, partitioning=None), version=SCHEMA_VERSION)
    with pytest.raises(StoreError, match="no column 'side'"):
        read(old_store)


def test_a_column_without_a_default_must_be_in_every_file(old_store: Path) -> None:
    (part,) = list_parts(old_store)
    rewrite(part.path, pq.read_table(part.path, partitioning=None).drop_columns(["price"]), version=1)
    with pytest.raises(StoreError, match="no column 'price'"):
        read(old_store)


@pytest.mark.parametrize("cls", [TradeEvent, OrderBookSnapshotEvent, OrderCanceledEvent])
def test_events_without_defaults_have_no_optional_columns(cls: type[Event]) -> None:
    required = {field.name for field in msgspec.structs.fields(cls) if field.required}
    assert not required & default_columns(cls).keys()
