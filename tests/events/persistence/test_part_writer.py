from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quantai.core.enums import Side
from quantai.core.errors import StoreError
from quantai.events import TradeEvent
from quantai.events.persistence import EventReader, Part, PartWriter
from quantai.events.persistence.schema import to_table

DAY_NS = 86_400_000_000_000


def trades(times: Sequence[int], price: float = 1.0) -> pa.Table:
    events = [TradeEvent("v", "A/B", ts, ts, price, 1.0, Side.BUY, str(i)) for i, ts in enumerate(times)]
    return to_table(TradeEvent, events)


def write(root: Path, table: pa.Table, origin: str = "") -> list[Part]:
    return PartWriter(root).write(TradeEvent, "v", "A/B", table, origin)


def test_a_part_is_named_by_its_first_and_last_time(tmp_path: Path) -> None:
    (part,) = write(tmp_path, trades([30, 10, 20]))
    assert part.path == tmp_path / "type=trade/venue=v/symbol=A%2FB/date=1970-01-01/10_30.parquet"
    assert (part.start_ns, part.end_ns, part.rows) == (10, 30, 3)
    assert part.bytes == part.path.stat().st_size


def test_rows_are_sorted_by_time_and_keep_their_order_among_equals(tmp_path: Path) -> None:
    (part,) = write(tmp_path, trades([20, 10, 20, 10]))
    assert pq.read_table(part.path, partitioning=None)["trade_id"].to_pylist() == ["1", "3", "0", "2"]


def test_midnight_utc_starts_a_new_part(tmp_path: Path) -> None:
    parts = write(tmp_path, trades([DAY_NS - 1, DAY_NS, 3 * DAY_NS]))
    found = [(part.date, part.start_ns, part.rows) for part in parts]
    assert found == [("1970-01-01", DAY_NS - 1, 1), ("1970-01-02", DAY_NS, 1), ("1970-01-04", 3 * DAY_NS, 1)]


def test_a_part_never_replaces_another(tmp_path: Path) -> None:
    for price in (1.0, 2.0, 3.0):
        write(tmp_path, trades([10, 20], price))
    assert sorted(path.name for path in tmp_path.rglob("*.parquet")) == [
        "10_20-1.parquet",
        "10_20-2.parquet",
        "10_20.parquet",
    ]
    events = [event for batch in EventReader(tmp_path).read_batches() for event in batch]
    assert [event.price for event in events if isinstance(event, TradeEvent)] == [1.0, 2.0, 3.0] * 2


def test_a_write_of_one_origin_that_is_repeated_makes_no_second_part(tmp_path: Path) -> None:
    write(tmp_path, trades([10, 20], 1.0))
    first = write(tmp_path, trades([10, 20, DAY_NS], 2.0), "journal 7")
    assert write(tmp_path, trades([10, 20, DAY_NS], 2.0), "journal 7") == first
    assert write(tmp_path, trades([10, 20], 3.0), "journal 8")[0].number == 2
    assert pq.read_metadata(first[0].path).metadata[b"quantai.origin"] == b"journal 7"
    assert len(list(tmp_path.rglob("*.parquet"))) == 4


def test_parts_without_an_origin_are_never_taken_for_one_another(tmp_path: Path) -> None:
    assert [write(tmp_path, trades([10]))[0].number for _ in range(3)] == [0, 1, 2]


def test_a_damaged_part_of_the_same_times_is_left_and_the_rows_are_written(tmp_path: Path) -> None:
    (damaged,) = write(tmp_path, trades([10]), "journal 7")
    damaged.path.write_bytes(b"PAR1")
    (part,) = write(tmp_path, trades([10]), "journal 7")
    assert (part.number, part.rows) == (1, 1)


def test_no_rows_make_no_part(tmp_path: Path) -> None:
    assert write(tmp_path, trades([])) == []
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="must have the columns"):
        write(tmp_path, trades([10]).drop_columns(["price"]))


def test_a_time_before_1970_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="before 1970"):
        write(tmp_path, trades([-5, 10]))


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("quantai.events.persistence.part_writer.pq.write_table", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path, trades([10]))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_times_and_ids_are_stored_as_deltas_and_prices_by_distinct_value(tmp_path: Path) -> None:
    (part,) = write(tmp_path, trades(range(2_000)))
    group = pq.ParquetFile(part.path).metadata.row_group(0)
    columns = {group.column(index).path_in_schema: group.column(index) for index in range(group.num_columns)}
    assert "DELTA_BINARY_PACKED" in columns["ts_init"].encodings
    assert "DELTA_BYTE_ARRAY" in columns["trade_id"].encodings
    assert "RLE_DICTIONARY" in columns["price"].encodings
    assert {column.compression for column in columns.values()} == {"ZSTD"}
