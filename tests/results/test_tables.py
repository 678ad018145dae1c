"""Tables of a run: written beside it, in order, whole or not in place, and never in its way."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.errors import StoreError
from quantai.results.columns import FLOAT, MONEY, TEXT, TIME, make_column
from quantai.results.tables import EQUITY, FILLS, TableWriter
from tests.oms.world import D


class Thread(ThreadPoolExecutor):
    """The writer's thread; `hold` keeps it from working, as a disk would that takes nothing."""

    def __init__(self) -> None:
        super().__init__(1)
        self.go_on = Event()

    def hold(self) -> None:
        self.submit(self.go_on.wait)


class Late(Executor):
    """Does what it is given when somebody waits for it, and what came before."""

    def __init__(self) -> None:
        self.waiting: deque[Callable[[], None]] = deque()

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = Awaited(self)
        self.waiting.append(lambda: future.set_result(work(*args, **kwargs)))
        return future


class Awaited(Future[Any]):
    """What `Late` promised."""

    def __init__(self, executor: Late) -> None:
        super().__init__()
        self._executor = executor

    def result(self, timeout: float | None = None) -> Any:
        while not self.done():
            self._executor.waiting.popleft()()
        return super().result(timeout)


@pytest.fixture
def thread() -> Iterator[Thread]:
    with Thread() as thread:
        yield thread
        thread.go_on.set()


def point(n: int) -> tuple[Any, ...]:
    return n, "", D(n), D(0)


def times(path: Path) -> list[int]:
    return [row["ts"] for row in pq.read_table(path).to_pylist()]


def test_a_table_is_in_place_only_when_it_is_whole(tmp_path: Path, thread: Thread) -> None:
    table = TableWriter(tmp_path, "equity", EQUITY, thread, chunk=2)
    for n in range(5):
        table.add(point(n))
    thread.submit(int).result()
    assert [path.name for path in tmp_path.iterdir()] == [".equity.parquet.tmp"]
    table.close()
    assert times(tmp_path / "equity.parquet") == [0, 1, 2, 3, 4]
    assert [path.name for path in tmp_path.iterdir()] == ["equity.parquet"]


def test_a_table_without_rows_is_written_with_its_schema(tmp_path: Path, thread: Thread) -> None:
    TableWriter(tmp_path, "fills", FILLS, thread).close()
    assert pq.read_schema(tmp_path / "fills.parquet").names == FILLS.names


def test_rows_are_cut_where_the_chunk_is_full_however_slow_the_disk_is(tmp_path: Path, thread: Thread) -> None:
    thread.hold()
    table = TableWriter(tmp_path, "equity", EQUITY, thread, chunk=128)
    for n in range(300):
        table.add(point(n))
    thread.go_on.set()
    table.close()
    file = pq.ParquetFile(tmp_path / "equity.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [128, 128, 44]
    assert times(tmp_path / "equity.parquet") == list(range(300))


def test_whoever_adds_does_not_wait_for_a_disk_that_stands_still(tmp_path: Path, thread: Thread) -> None:
    thread.hold()
    table = TableWriter(tmp_path, "equity", EQUITY, thread, waits=False, chunk=2, backlog=3)
    for n in range(7):
        table.add(point(n))
    assert table.lost == 0
    thread.go_on.set()
    table.close()
    assert times(tmp_path / "equity.parquet") == list(range(7))


def test_what_waits_for_the_disk_is_bounded_and_what_is_lost_is_counted(
    tmp_path: Path, thread: Thread, caplog: pytest.LogCaptureFixture
) -> None:
    thread.hold()
    table = TableWriter(tmp_path, "equity", EQUITY, thread, waits=False, chunk=2, backlog=3)
    for n in range(100):
        table.add(point(n))
    assert table.lost == 100
    assert len(table._pending) == 3
    assert len(caplog.records) == 1
    thread.go_on.set()
    with pytest.raises(StoreError, match=r"100 rows are lost .*: the disk is too slow: 6 rows wait for it"):
        table.close()
    assert not (tmp_path / "equity.parquet").exists()


def test_simulated_time_waits_for_the_disk_and_loses_nothing(tmp_path: Path) -> None:
    table = TableWriter(tmp_path, "equity", EQUITY, Late(), chunk=2, backlog=3)
    for n in range(6):
        table.add(point(n))
    assert list(tmp_path.iterdir()) == []
    table.add(point(6))
    assert list(tmp_path.iterdir()) == []
    table.add(point(7))
    assert [path.name for path in tmp_path.iterdir()] == [".equity.parquet.tmp"]
    table.close()
    assert times(tmp_path / "equity.parquet") == list(range(8))


def test_a_full_backlog_does_not_lose_a_table_that_is_closed(tmp_path: Path, thread: Thread) -> None:
    thread.hold()
    table = TableWriter(tmp_path, "equity", EQUITY, thread, waits=False, chunk=2, backlog=1)
    for n in range(3):
        table.add(point(n))
    with ThreadPoolExecutor(1) as run:
        closing = run.submit(table.close)
        thread.go_on.set()
        closing.result(timeout=30)
    assert times(tmp_path / "equity.parquet") == [0, 1, 2]


def test_a_disk_that_fails_is_told_at_the_end_and_keeps_no_rows(tmp_path: Path, thread: Thread) -> None:
    table = TableWriter(tmp_path / "missing", "equity", EQUITY, thread, chunk=2)
    for n in range(7):
        table.add(point(n))
    thread.submit(int).result()
    for n in range(7):
        table.add(point(n))
    assert table.lost == 14
    assert len(table._rows) < 2
    with pytest.raises(StoreError, match=r"equity.parquet is not written, 14 rows are lost") as raised:
        table.close()
    assert isinstance(raised.value.__cause__, FileNotFoundError)


def test_a_table_that_cannot_be_put_in_its_place_is_told(tmp_path: Path, thread: Thread) -> None:
    table = TableWriter(tmp_path, "equity", EQUITY, thread)
    (tmp_path / "equity.parquet").mkdir()
    with pytest.raises(StoreError, match=r"equity.parquet is not written"):
        table.close()


@pytest.mark.parametrize("amount", ["1e-19", "100000000000000000000", "-1e30", "1E+80", "NaN", "Infinity"])
@pytest.mark.parametrize("before", [0, 63, 64])
def test_an_amount_that_does_not_fit_is_told_and_never_rounded_in_silence(
    tmp_path: Path, thread: Thread, amount: str, before: int
) -> None:
    table = TableWriter(tmp_path, "equity", EQUITY, thread)
    for n in range(before):
        table.add(point(n))
    table.add((before, "", D(amount), D(0)))
    with pytest.raises(StoreError, match=f"{before + 1} rows are lost") as raised:
        table.close()
    assert isinstance(raised.value.__cause__, pa.ArrowException | ValueError)
    assert not (tmp_path / "equity.parquet").exists()


def test_a_row_of_another_length_fails_its_table_and_nothing_else(tmp_path: Path, thread: Thread) -> None:
    table = TableWriter(tmp_path, "equity", EQUITY, thread, chunk=1)
    table.add((1, ""))
    table.add(point(2))
    with pytest.raises(StoreError, match="2 rows are lost"):
        table.close()


amounts = st.decimals(-(10**19), 10**19, places=18) | st.integers(-(10**20) + 1, 10**20 - 1).map(Decimal)


@given(
    st.sampled_from(
        [
            (MONEY, st.none() | amounts),
            (TEXT, st.none() | st.text(st.characters(exclude_categories=["Cs"]))),
            (TIME, st.integers(-(2**63), 2**63 - 1)),
            (FLOAT, st.floats(allow_nan=False)),
        ]
    ).flatmap(lambda kind: st.tuples(st.just(kind[0]), st.lists(st.lists(kind[1], max_size=4), max_size=4)))
)
def test_a_column_holds_what_pyarrow_would_make_of_its_values(given_: tuple[pa.DataType, list[list[Any]]]) -> None:
    kind, slices = given_
    column = make_column(kind)
    for values in slices:
        column.extend(values)
    made = column.finish()
    made.validate(full=True)
    assert made.equals(pa.array([value for values in slices for value in values], kind))


def test_tables_do_not_import_pandas(tmp_path: Path) -> None:
    script = f"""
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from quantai.results.tables import EQUITY, TableWriter

with ThreadPoolExecutor(1) as thread:
    table = TableWriter(Path({str(tmp_path)!r}), "equity", EQUITY, thread)
    table.add((1, "", Decimal(1), Decimal("-0.5")))
    table.close()
sys.exit("pandas" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
    assert times(tmp_path / "equity.parquet") == [1]


def test_a_run_that_is_killed_leaves_no_table_in_place(tmp_path: Path) -> None:
    script = f"""
import os, signal
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from quantai.results.tables import EQUITY, TableWriter

with ThreadPoolExecutor(1) as thread:
    table = TableWriter(Path({str(tmp_path)!r}), "equity", EQUITY, thread, chunk=2)
    for n in range(9):
        table.add((n, "", Decimal(1), Decimal(1)))
    thread.submit(os.kill, os.getpid(), signal.SIGKILL).result()
"""
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == [".equity.parquet.tmp"]
