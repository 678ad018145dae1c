"""A run folder is read whole, or refused with a word about what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quantai.core.errors import StoreError
from quantai.simulation.report import load_run

FakeRuns = Callable[..., Any]
FILES = ("orders.parquet", "fills.parquet", "equity.parquet", "prices.parquet")


def replace_column(path: Path, name: str, values: list[Any], kind: pa.DataType) -> None:
    """Write a file again with one column changed."""
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, pa.array(values, kind)), path)


def test_a_run_is_read_as_it_was_written(fake_run: FakeRuns, tmp_path: Path) -> None:
    fake = fake_run(("a", "b"), ("BTC/USDT", "ETH/USDT:USDT"))
    run = load_run(fake.write(tmp_path / "run"))
    assert run.summary.pnl == Decimal(fake.summary()["pnl"])
    assert len(run.fills) == len(fake.fills) > 300
    assert [run.fills.instrument[row] for row in range(20)] == [f"binance:{fill['symbol']}" for fill in fake.fills[:20]]
    assert run.fills.sign[:20].tolist() == [1 if fill["side"] == "buy" else -1 for fill in fake.fills[:20]]
    assert run.fills.position[-1] == pytest.approx(float(fake.fills[-1]["position"]), rel=1e-12)
    assert set(run.strategies) == {"a", "b"}
    assert set(run.prices) == {"binance:BTC/USDT", "binance:ETH/USDT:USDT"}
    assert run.equity.equity[-1] == float(fake.summary()["ending_equity"])
    assert run.orders.state.counts()["FILLED"] == len(fake.fills)


def test_an_empty_run_is_read(empty_folder: Path) -> None:
    run = load_run(empty_folder)
    assert (len(run.fills), len(run.equity.ts), run.prices, run.window) == (0, 0, {}, None)


def test_rows_are_put_in_order_of_time(run_folder: Path) -> None:
    before = load_run(run_folder)
    path = run_folder / "equity.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(np.random.default_rng(3).permutation(len(table))), path)
    assert np.array_equal(load_run(run_folder).equity.equity, before.equity.equity)


@pytest.mark.parametrize("name", [*FILES, "summary.json"])
def test_a_missing_file_is_named(run_folder: Path, name: str) -> None:
    (run_folder / name).unlink()
    with pytest.raises(StoreError, match=name):
        load_run(run_folder)


@pytest.mark.parametrize("name", [*FILES, "summary.json"])
def test_a_corrupt_file_is_named(run_folder: Path, name: str) -> None:
    (run_folder / name).write_bytes(b"PAR1 this is no such file")
    with pytest.raises(StoreError, match=name):
        load_run(run_folder)


def test_a_missing_column_is_named(run_folder: Path) -> None:
    path = run_folder / "fills.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["position"]), path)
    with pytest.raises(StoreError, match=r"fills\.parquet has no column position"):
        load_run(run_folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_price_that_is_no_number_is_refused(run_folder: Path, value: float | None) -> None:
    path = run_folder / "prices.parquet"
    prices = pq.read_table(path)["price"].to_pylist()
    replace_column(path, "price", [value, *prices[1:]], pa.float64())
    with pytest.raises(StoreError, match=r"prices\.parquet, column price"):
        load_run(run_folder)


@pytest.mark.parametrize(
    ("name", "value", "kind", "complaint"),
    [
        ("side", "unknown", pa.string(), "side 'unknown'"),
        ("quantity", 0.0, pa.float64(), "quantity of zero or less"),
        ("ts_event", "yesterday", pa.string(), "cannot be read"),
    ],
)
def test_a_senseless_fill_is_refused(
    run_folder: Path, name: str, value: Any, kind: pa.DataType, complaint: str
) -> None:
    path = run_folder / "fills.parquet"
    rows = len(pq.read_table(path))
    replace_column(path, name, [value] * rows, kind)
    with pytest.raises(StoreError, match=complaint):
        load_run(run_folder)


@pytest.mark.parametrize(
    ("key", "value"), [("pnl", "NaN"), ("fees", "1e99"), ("fills", -1), ("start", "yesterday"), ("strategies", [])]
)
def test_a_senseless_summary_is_refused_by_key(run_folder: Path, key: str, value: Any) -> None:
    path = run_folder / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(StoreError, match=rf"summary\.json is no summary of a run: {key}"):
        load_run(run_folder)


def test_a_failed_run_says_why(run_folder: Path) -> None:
    (run_folder / "summary.json").write_text(json.dumps({"status": "failed", "error": "no data for BTC/USDT"}))
    with pytest.raises(StoreError, match="no data for BTC/USDT"):
        load_run(run_folder)


def test_a_folder_named_like_a_partition_adds_no_columns(fake_run: FakeRuns, tmp_path: Path) -> None:
    folder = fake_run(minutes=300).write(tmp_path / "strategy=other")
    assert set(load_run(folder).strategies) == {"ema_cross"}
