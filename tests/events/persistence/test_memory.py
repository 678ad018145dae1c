"""Reading takes the same memory however long a recording is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest

from quantai.events import TradeEvent
from quantai.events.persistence import EventReader, PartWriter
from quantai.events.persistence.schema import arrow_schema

GROUP_ROWS = 4_096


def trades(start_ns: int, rows: int) -> pa.Table:
    ts = np.arange(start_ns, start_ns + rows)
    schema = arrow_schema(TradeEvent)
    side = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["buy"]))
    ids = pa.array(ts).cast(pa.string())
    numbers = pa.array(np.random.default_rng(1).random(rows))
    return pa.Table.from_arrays([pa.array(ts), pa.array(ts), numbers, numbers, side, ids], schema=schema)


@pytest.fixture(autouse=True)
def small_groups_and_windows() -> Iterator[None]:
    with (
        patch("quantai.events.persistence.part_writer.ROW_GROUP_ROWS", GROUP_ROWS),
        patch.multiple("quantai.events.persistence.lanes", _MAX_ROWS=1_024, _MIN_ROWS=256),
    ):
        yield


def peaks(root: str | Path, symbol: str) -> tuple[int, int]:
    """The most bytes held at a time while a stream is read, by Arrow and by Python."""
    arrow_before, arrow_most = pa.total_allocated_bytes(), 0
    tracemalloc.start()
    try:
        for _ in EventReader(root).read_batches(symbols=symbol):
            arrow_most = max(arrow_most, pa.total_allocated_bytes() - arrow_before)
        return arrow_most, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def write_short_and_long(root: str | Path) -> None:
    writer = PartWriter(root)
    writer.write(TradeEvent, "v", "SHORT", trades(0, 2 * GROUP_ROWS))
    writer.write(TradeEvent, "v", "LONG", trades(0, 16 * GROUP_ROWS))


def test_a_long_part_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    write_short_and_long(tmp_path)
    for short, long in zip(peaks(tmp_path, "SHORT"), peaks(tmp_path, "LONG"), strict=True):
        assert long < 1.5 * short


def test_of_a_long_object_only_a_row_group_is_fetched_ahead(object_root: str) -> None:
    """What Python holds is that of the server in this process, too."""
    write_short_and_long(object_root)
    (short, _), (long, _) = peaks(object_root, "SHORT"), peaks(object_root, "LONG")
    assert long < 1.5 * short


def test_many_parts_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path)
    for part in range(16):
        for symbol in ("FEW", "MANY")[part > 1 :]:
            writer.write(TradeEvent, "v", symbol, trades(part * GROUP_ROWS, GROUP_ROWS))
    for few, many in zip(peaks(tmp_path, "FEW"), peaks(tmp_path, "MANY"), strict=True):
        assert many < 1.5 * few
