from __future__ import annotations

import csv
import gzip
import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.enums import Side
from quantai.core.errors import ConfigError, StoreError
from quantai.events import OrderBookSnapshotEvent, PortfolioValueEvent, TradeEvent
from quantai.events.persistence.maintenance import export
from quantai.events.persistence.schema import EVENT_TYPES
from tests.events.persistence.maintenance.stores import files, read, trades, write
from tests.generators import events


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write(tmp_path / "store", trades(range(0, 10, 2)))
    write(tmp_path / "store", [TradeEvent("w", "C/D", 3, 5, 0.1 + 0.2, 2.0, Side.SELL, 'a "quoted", id')])
    return tmp_path / "store"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv_has_a_row_an_event_in_the_order_of_replay(store: Path, tmp_path: Path) -> None:
    assert export(store, tmp_path / "x.csv") == 6
    found = rows(tmp_path / "x.csv")
    assert [row["ts_init"] for row in found] == ["0", "2", "4", "5", "6", "8"]
    assert found[3] == {
        "venue": "w",
        "symbol": "C/D",
        "ts_event": "3",
        "ts_init": "5",
        "price": "0.30000000000000004",
        "size": "2.0",
        "side": "sell",
        "trade_id": 'a "quoted", id',
    }


def test_a_range_and_a_selection_are_exported(store: Path, tmp_path: Path) -> None:
    assert export(store, tmp_path / "x.csv", "trade", "v", "A/B", 2, 6) == 2
    assert [row["ts_init"] for row in rows(tmp_path / "x.csv")] == ["2", "4"]


def test_packed_csv_is_the_same(store: Path, tmp_path: Path) -> None:
    export(store, tmp_path / "x.csv")
    export(store, tmp_path / "x.csv.gz")
    assert gzip.decompress((tmp_path / "x.csv.gz").read_bytes()) == (tmp_path / "x.csv").read_bytes()


def test_book_levels_are_json_in_csv(tmp_path: Path) -> None:
    write(tmp_path / "store", [OrderBookSnapshotEvent("v", "A/B", 1, 1, ((1.5, 2.0), (1.0, 3.0)), ())])
    export(tmp_path / "store", tmp_path / "book.csv")
    (row,) = rows(tmp_path / "book.csv")
    assert json.loads(row["bids"]) == [[1.5, 2.0], [1.0, 3.0]]


@settings(max_examples=3)
@given(data=st.data())
@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_json_lines_and_parquet_have_every_field(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cls = EVENT_TYPES[name]
    folder = tmp_path_factory.mktemp("export")
    write(folder / "store", [data.draw(events(cls))])
    (event,) = read(folder / "store")
    for ending in ("jsonl", "jsonl.gz", "parquet", "csv"):
        assert export(folder / "store", folder / f"x.{ending}") == 1
    line = (folder / "x.jsonl").read_bytes()
    assert msgspec.json.decode(line, type=cls) == event
    assert gzip.decompress((folder / "x.jsonl.gz").read_bytes()) == line
    (row,) = pq.read_table(folder / "x.parquet").to_pylist()
    for field, value in msgspec.structs.asdict(event).items():
        if isinstance(value, tuple):
            assert list(zip(row[f"{field}_price"], row[f"{field}_size"], strict=True)) == list(value)
        else:
            assert row[field] == value


def test_json_lines_hold_events_of_several_types(store: Path, tmp_path: Path) -> None:
    write(store, [OrderBookSnapshotEvent("v", "A/B", 1, 1, (), ())])
    assert export(store, tmp_path / "x.jsonl") == 7
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert [line["type"] for line in lines[:3]] == ["TradeEvent", "OrderBookSnapshotEvent", "TradeEvent"]


def test_columns_take_events_of_one_type(store: Path, tmp_path: Path) -> None:
    write(store, [OrderBookSnapshotEvent("v", "A/B", 1, 1, (), ())])
    with pytest.raises(ConfigError, match=r"not book, trade: choose one, or write \.jsonl"):
        export(store, tmp_path / "x.csv")
    assert export(store, tmp_path / "x.csv", "book") == 1


def test_nothing_is_overwritten(store: Path, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("mine")
    with pytest.raises(StoreError, match="nothing is overwritten"):
        export(store, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "mine"


def test_an_export_that_fails_leaves_nothing_behind(store: Path, tmp_path: Path) -> None:
    part = next(store.rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:40])
    to = tmp_path / "to"
    to.mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        export(store, to / "x.csv")
    assert files(tmp_path, "to") == []


@pytest.mark.parametrize("name", ["x", "x.txt", "x.csv.zip"])
def test_an_ending_nobody_knows_is_refused(store: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"must end with one of \.csv"):
        export(store, tmp_path / name)


def test_a_folder_that_is_not_there_is_said(store: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        export(store, tmp_path / "no" / "x.csv")


def test_a_time_without_events_is_an_error(store: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing at that time"):
        export(store, tmp_path / "x.csv", start="2030-01-01")


def test_decimals_keep_their_digits_and_no_others(tmp_path: Path) -> None:
    value = PortfolioValueEvent(1, 1, "USDT", Decimal("1.50"), Decimal("-0.000000000000000001"), Decimal(0))
    write(tmp_path / "store", [value])
    export(tmp_path / "store", tmp_path / "x.csv")
    (row,) = rows(tmp_path / "x.csv")
    assert (row["equity"], row["pnl"], row["fees"]) == ("1.5", "-0.000000000000000001", "0")
