from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.events.persistence import list_parts
from quantai.events.persistence.maintenance import rows as module
from quantai.events.persistence.maintenance.rows import clusters, merge_rows
from tests.events.persistence.maintenance.stores import read, trades, write

parts_times = st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=8), min_size=1, max_size=7)


@settings(max_examples=50)
@given(parts_times)
def test_rows_come_in_the_order_of_the_reader(times: list[list[int]]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for number, part_times in enumerate(times):
            write(root, trades(part_times, first_id=100 * number))
        merged = [row for batch in merge_rows(list_parts(root)) for row in batch.column("trade_id").to_pylist()]
        assert merged == [event.trade_id for event in read(root)]  # type: ignore[attr-defined]


def test_small_batches_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        write(tmp_path, trades([time // 7 for time in range(number, 3_000, 2)], first_id=10_000 * number))
    monkeypatch.setattr(module, "BUDGET_BYTES", 4)
    batches = list(merge_rows(list_parts(tmp_path)))
    assert max(batch.num_rows for batch in batches) <= 4 * 256
    merged = [row for batch in batches for row in batch.column("trade_id").to_pylist()]
    assert merged == [event.trade_id for event in read(tmp_path)]  # type: ignore[attr-defined]


def test_parts_that_share_a_time_are_one_cluster(tmp_path: Path) -> None:
    for first, last in ((1, 5), (5, 6), (7, 9), (8, 8), (10, 11)):
        write(tmp_path, trades([first, last]))
    found = [[(part.start_ns, part.end_ns) for part in cluster] for cluster in clusters(list_parts(tmp_path))]
    assert found == [[(1, 5), (5, 6)], [(7, 9), (8, 8)], [(10, 11)]]
