"""DuckDB, Polars and pandas open a store as it is, as the guide says, and read only what they are asked for."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

from quantai.events import TradeEvent
from quantai.events.persistence.schema import partition
from tests.docs.session import NOON, SYMBOLS, Session

CONDITION = "symbol = 'BTC/USDT' AND date = '2026-01-06'"


@pytest.fixture(autouse=True)
def beside_the_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def duckdb_rows(query: str) -> list[tuple[Any, ...]]:
    relation = duckdb.sql(query)
    assert relation is not None
    return relation.fetchall()


def duckdb_types(kind: str) -> dict[str, str]:
    return {name: described for name, described, *_ in duckdb_rows(f"DESCRIBE FROM 'store/type={kind}/**/*.parquet'")}


def polars_scan(kind: str) -> pl.LazyFrame:
    return pl.scan_parquet(f"store/type={kind}/**/*.parquet", hive_partitioning=True)


def test_duckdb_has_the_types_of_the_guide() -> None:
    trades = duckdb_types("trade")
    assert (trades["venue"], trades["symbol"], trades["date"]) == ("VARCHAR", "VARCHAR", "DATE")
    assert (trades["ts_init"], trades["price"], trades["side"]) == ("BIGINT", "DOUBLE", "VARCHAR")
    assert duckdb_types("order_filled")["price"] == "DECIMAL(38,18)"
    assert duckdb_types("book")["bids_size"] == "DOUBLE[]"


def test_polars_has_the_types_of_the_guide() -> None:
    trades = polars_scan("trade").collect_schema()
    strings, choices = pl.String(), pl.Categorical()
    assert (trades["venue"], trades["symbol"], trades["date"]) == (strings, strings, pl.Date())
    assert (trades["ts_init"], trades["price"], trades["side"]) == (pl.Int64(), pl.Float64(), choices)
    assert polars_scan("order_filled").collect_schema()["price"] == pl.Decimal(38, 18)
    assert polars_scan("book").collect_schema()["bids_size"] == pl.List(pl.Float64)


def test_pandas_has_the_types_of_the_guide() -> None:
    trades = pd.read_parquet("store/type=trade")
    assert (trades.dtypes[["venue", "symbol", "date", "side"]] == "category").all()
    assert all(isinstance(day, str) for day in trades["date"].cat.categories)
    assert (trades["ts_init"].dtype, trades["price"].dtype) == (np.int64, np.float64)
    assert isinstance(pd.read_parquet("store/type=order_filled")["price"][0], Decimal)
    assert isinstance(pd.read_parquet("store/type=book")["bids_size"][0], np.ndarray)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_symbols_are_decoded(symbol: str, session: Session) -> None:
    count = sum(trade.symbol == symbol for trade in session.of(TradeEvent))
    assert duckdb_rows(f"SELECT count(*) FROM 'store/type=trade/**/*.parquet' WHERE symbol = '{symbol}'") == [(count,)]
    assert polars_scan("trade").filter(pl.col("symbol") == symbol).collect().height == count
    assert len(pd.read_parquet("store/type=trade", filters=[("symbol", "==", symbol)])) == count


def test_what_has_no_venue_or_symbol_has_an_underscore() -> None:
    assert duckdb_rows("SELECT DISTINCT venue, symbol FROM 'store/type=system_started/**/*.parquet'") == [("_", "_")]
    assert polars_scan("system_started").select("venue", "symbol").collect().rows() == [("_", "_")]
    [started] = pd.read_parquet("store/type=system_started").to_dict("records")
    assert (started["venue"], started["symbol"]) == ("_", "_")


def test_duckdb_multiplies_money_only_after_a_cast() -> None:
    with pytest.raises(duckdb.Error, match="Overflow in multiplication"):
        duckdb_rows("SELECT price * quantity FROM 'store/type=order_filled/**/*.parquet'")


def test_hidden_files_do_not_disturb(session: Session) -> None:
    query = "SELECT count(*) FROM read_parquet('store/type=*/**/*.parquet', union_by_name = true)"
    assert duckdb_rows(query) == [(len(session.events),)]
    trades = len(session.of(TradeEvent))
    assert polars_scan("trade").collect().height == trades
    assert len(pd.read_parquet("store/type=trade")) == trades


def test_without_type_in_the_pattern_duckdb_meets_hidden_files() -> None:
    with pytest.raises(duckdb.InvalidInputException, match="quarantine"):
        duckdb_rows("SELECT count(*) FROM read_parquet('store/**/*.parquet', union_by_name = true)")


def test_polars_does_not_take_the_folder_of_a_store_in_use() -> None:
    with pytest.raises(pl.exceptions.InvalidOperationError, match="different file extensions"):
        pl.scan_parquet("store/type=trade", hive_partitioning=True).collect()


def test_duckdb_reads_only_the_folders_asked_for() -> None:
    files = len(list(Path("store", partition("trade", "binance", "BTC/USDT", "2026-01-06")).glob("*.parquet")))
    query = f"EXPLAIN ANALYZE SELECT count(*) FROM 'store/type=trade/**/*.parquet' WHERE {CONDITION}"
    [(_, plan)] = duckdb_rows(query)
    assert re.search(rf"Scanning Files: {files}/\d+", plan)


def test_polars_reads_only_the_folders_and_columns_asked_for() -> None:
    wanted = polars_scan("trade").filter(pl.col("symbol") == "BTC/USDT", pl.col("date") == NOON.date())
    plan = wanted.select("price").explain()
    assert set(re.findall(r"symbol=([^/]+)/date=([^/]+)/", plan)) == {("BTC%2FUSDT", "2026-01-06")}
    assert re.search(r"PROJECT \d/10 COLUMNS", plan)
