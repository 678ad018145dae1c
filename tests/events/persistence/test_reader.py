from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.enums import Side
from quantai.core.errors import StoreError
from quantai.events import OrderBookDeltaEvent, TickEvent, TradeEvent
from quantai.events.persistence import EventReader, Part, PartWriter, list_parts
from quantai.events.persistence.lanes import make_lanes
from quantai.events.persistence.schema import SCHEMA_VERSION, to_table

DAY_NS = 86_400_000_000_000
LANES = "quantai.events.persistence.lanes"
FSYNC = "quantai.events.persistence.storage.os.fsync"  # what takes the time of many small writes
PARTS = "quantai.events.persistence.part_writer"


def write_trades(root: Path, times: Sequence[int], symbol: str = "A/B", name: str = "") -> Part:
    trades = [TradeEvent("v", symbol, ts, ts, 1.0, 1.0, Side.BUY, f"{name}{row}") for row, ts in enumerate(times)]
    return PartWriter(root).write(TradeEvent, "v", symbol, to_table(TradeEvent, trades))[0]


def write_ticks(root: Path, times: Sequence[int], symbol: str = "A/B") -> Part:
    ticks = [TickEvent("v", symbol, ts, ts, 1.0, 1.0, 2.0, 1.0) for ts in times]
    return PartWriter(root).write(TickEvent, "v", symbol, to_table(TickEvent, ticks))[0]


def read(root: Path, *range_and_names: Any, **selection: Any) -> list[Any]:
    return [event for batch in EventReader(root).read_batches(*range_and_names, **selection) for event in batch]


def test_streams_are_merged_by_time_and_at_equal_times_causes_come_first(tmp_path: Path) -> None:
    write_trades(tmp_path, [1, 3, 3, 5], "C/D")
    write_trades(tmp_path, [3, 3, 4], "A/B")
    write_ticks(tmp_path, [0, 3, 9], "E/F")
    found = [(event.ts_init, event.symbol, getattr(event, "trade_id", "tick")) for event in read(tmp_path)]
    assert found == [
        (0, "E/F", "tick"),
        (1, "C/D", "0"),
        (3, "A/B", "0"),
        (3, "A/B", "1"),
        (3, "C/D", "1"),
        (3, "C/D", "2"),
        (3, "E/F", "tick"),
        (4, "A/B", "2"),
        (5, "C/D", "3"),
        (9, "E/F", "tick"),
    ]


def test_parts_of_one_stream_that_overlap_are_read_in_order(tmp_path: Path) -> None:
    write_trades(tmp_path, [1, 5, 9], name="a")
    write_trades(tmp_path, [2, 5, 8], name="b")
    write_trades(tmp_path, [9, 10], name="c")
    assert [event.trade_id for event in read(tmp_path)] == ["a0", "b0", "a1", "b1", "b2", "a2", "c0", "c1"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["trade", "tick"]),
            st.sampled_from(["A/B", "C/D"]),
            st.lists(st.integers(0, 30), min_size=1, max_size=25).map(sorted),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_parts_are_read_in_order_and_whole_whatever_the_window(parts: list[tuple[str, str, list[int]]]) -> None:
    with (
        TemporaryDirectory() as folder,
        patch.multiple(LANES, _MAX_ROWS=4, _MIN_ROWS=2),
        patch(f"{PARTS}.ROW_GROUP_ROWS", 5),
        patch(FSYNC),
    ):
        root = Path(folder)
        for number, (kind, symbol, times) in enumerate(parts):
            if kind == "trade":
                write_trades(root, times, symbol, f"{number}.")
            else:
                write_ticks(root, times, symbol)
        events = read(root)

    def key(event: TickEvent | TradeEvent) -> tuple[int, bool, str]:
        return event.ts_init, isinstance(event, TickEvent), event.symbol

    expected = [(ts, kind == "tick", symbol) for kind, symbol, times in parts for ts in times]
    assert [key(event) for event in events] == sorted(expected)
    ids = [event.trade_id.split(".") for event in events if isinstance(event, TradeEvent)]
    for _, rows in groupby(sorted(ids, key=lambda name: name[0]), key=lambda name: name[0]):
        positions = [int(row) for _, row in rows]
        assert positions == sorted(positions)


def test_events_come_in_slices(tmp_path: Path) -> None:
    write_trades(tmp_path, range(2_500))
    assert [len(batch) for batch in EventReader(tmp_path).read_batches()] == [1_024, 1_024, 452]


def test_no_more_than_a_window_is_held_of_a_long_part(tmp_path: Path) -> None:
    write_trades(tmp_path, range(5_000))
    with patch.multiple(LANES, _MAX_ROWS=100, _MIN_ROWS=10):
        (lane,) = make_lanes(list_parts(tmp_path), (0, 2**63))
        held, taken = [], 0
        lane.fill()
        while lane.rows:
            held.append(lane.rows)
            taken += sum(batch.num_rows for batch in lane.take((lane.last_ns, 0)))
            lane.fill()
    assert taken == 5_000
    assert max(held) <= 150


@pytest.mark.parametrize(
    ("start", "end", "times"),
    [
        (None, None, [10, 20, DAY_NS - 1, DAY_NS]),
        (10, 20, [10]),
        (11, 21, [20]),
        ("1970-01-01T00:00:00.000000020Z", DAY_NS, [20, DAY_NS - 1]),
        (datetime(1970, 1, 2, tzinfo=UTC), None, [DAY_NS]),
        (None, "1970-01-02", [10, 20, DAY_NS - 1]),
        (20, 20, []),
        (21, 22, []),
        ("1980-01-01", None, []),
    ],
)
async def test_the_start_is_included_and_the_end_is_not(tmp_path: Path, start: Any, end: Any, times: list[int]) -> None:
    write_trades(tmp_path, [10, 20, DAY_NS - 1])
    write_trades(tmp_path, [DAY_NS])
    assert [event.ts_init for event in read(tmp_path, start, end)] == times
    assert [event async for event in EventReader(tmp_path).read_range(start, end)] == read(tmp_path, start, end)


async def test_types_venues_and_symbols_select(tmp_path: Path) -> None:
    write_trades(tmp_path, [1], "A/B")
    write_trades(tmp_path, [2], "C/D")
    write_ticks(tmp_path, [3], "A/B")
    reader = EventReader(tmp_path)
    assert [type(event) async for event in reader.read_range(types=[TickEvent], symbols="A/B")] == [TickEvent]
    assert [event.ts_init for event in read(tmp_path, types="trade", venues=["v"])] == [1, 2]
    assert [event.ts_init for event in read(tmp_path, streams={("trade", "v", "C/D"), ("tick", "v", "A/B")})] == [2, 3]
    with pytest.raises(StoreError, match="nothing of venues"):
        read(tmp_path, venues="elsewhere")


def test_leftovers_of_an_interrupted_write_are_ignored(tmp_path: Path) -> None:
    part = write_trades(tmp_path, [1, 2])
    part.path.with_name(".3_4.parquet.99-0.tmp").write_bytes(b"PAR1")
    assert [event.ts_init for event in read(tmp_path)] == [1, 2]


def assert_refused(part: Part, root: Path, reason: str) -> None:
    with pytest.raises(StoreError, match=reason) as caught:
        read(root)
    assert str(part.path) in str(caught.value)
    assert "quantai data repair" in str(caught.value)


@pytest.mark.parametrize("size", [0, 3, 100, -1])
def test_a_truncated_file_is_named(tmp_path: Path, size: int) -> None:
    part = write_trades(tmp_path, range(100))
    part.path.write_bytes(part.path.read_bytes()[:size])
    assert_refused(part, tmp_path, "cannot be read")


def test_a_flipped_bit_is_found_by_the_checksum(tmp_path: Path) -> None:
    part = write_trades(tmp_path, range(1_000))
    column = pq.ParquetFile(part.path).metadata.row_group(0).column(1)
    content = bytearray(part.path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size - 1] ^= 1
    part.path.write_bytes(content)
    assert_refused(part, tmp_path, "cannot be read")


def rewrite(part: Part, table: pa.Table) -> None:
    pq.write_table(table, part.path)


def test_a_file_of_another_schema_is_named_with_the_column(tmp_path: Path) -> None:
    part = write_trades(tmp_path, [1])
    table = pq.read_table(part.path, partitioning=None)
    rewrite(part, table.drop_columns(["price"]))
    assert_refused(part, tmp_path, "no column 'price'")
    rewrite(part, table.set_column(2, "price", pa.array(["dear"])))
    assert_refused(part, tmp_path, "column 'price' is string, not double")


def test_a_file_of_a_newer_quantai_asks_for_an_upgrade(tmp_path: Path) -> None:
    part = write_trades(tmp_path, [1])
    table = pq.read_table(part.path, partitioning=None)
    rewrite(part, table.replace_schema_metadata({"quantai.schema_version": str(SCHEMA_VERSION + 1)}))
    assert_refused(part, tmp_path, f"schema version {SCHEMA_VERSION + 1}.*must be upgraded")


def test_a_file_without_our_metadata_is_read_where_its_columns_are_right(tmp_path: Path) -> None:
    part = write_trades(tmp_path, [1])
    expected = read(tmp_path)
    rewrite(part, pq.read_table(part.path, partitioning=None).replace_schema_metadata(None))
    assert read(tmp_path) == expected


def test_columns_that_are_not_ours_are_passed_over(tmp_path: Path) -> None:
    part = write_trades(tmp_path, [1])
    expected = read(tmp_path)
    rewrite(part, pq.read_table(part.path, partitioning=None).append_column("note", pa.array(["mine"])))
    assert read(tmp_path) == expected


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("side", pa.array(["buy", "up"]).dictionary_encode(), "'side' has 'up'"),
        ("price", pa.array([1.0, None]), "'price' has empty values"),
        ("ts_init", pa.array([2, 1]), "not in order"),
        ("ts_init", pa.array([1, 3]), "other times than its name"),
    ],
)
def test_rows_that_make_no_events_are_refused(tmp_path: Path, column: str, values: pa.Array, reason: str) -> None:
    part = write_trades(tmp_path, [1, 2])
    table = pq.read_table(part.path, partitioning=None)
    if values.type == pa.dictionary(pa.int32(), pa.string()):
        values = values.cast(table.schema.field(column).type)
    rewrite(part, table.set_column(table.schema.get_field_index(column), column, values))
    with pytest.raises(StoreError, match=reason):
        read(tmp_path)


def test_levels_without_a_size_are_refused(tmp_path: Path) -> None:
    deltas = [OrderBookDeltaEvent("v", "A/B", 1, 1, ((1.0, 2.0), (0.5, 1.0)), (), 1)]
    (part,) = PartWriter(tmp_path).write(OrderBookDeltaEvent, "v", "A/B", to_table(OrderBookDeltaEvent, deltas))
    table = pq.read_table(part.path, partitioning=None)
    rewrite(part, table.set_column(table.schema.get_field_index("bids_size"), "bids_size", pa.array([[2.0]])))
    assert_refused(part, tmp_path, "levels with a price or a size alone")


def test_row_groups_out_of_the_range_are_not_read(tmp_path: Path) -> None:
    with patch(f"{PARTS}.ROW_GROUP_ROWS", 100):
        part = write_trades(tmp_path, range(200))
    column = pq.ParquetFile(part.path).metadata.row_group(0).column(1)
    content = bytearray(part.path.read_bytes())
    content[column.data_page_offset + column.total_compressed_size - 1] ^= 1
    part.path.write_bytes(content)
    assert [event.ts_init for event in read(tmp_path, 150, 153)] == [150, 151, 152]
    with pytest.raises(StoreError):
        read(tmp_path, 50, 153)
