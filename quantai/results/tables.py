"""The tables of a run folder, written as the run goes: constant memory, and in place only when they are whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from quantai.core.errors import StoreError

_MONEY = pa.decimal128(38, 18)
_TEXT = pa.string()
_TIME = pa.int64()

ORDERS = pa.schema(
    [
        ("client_order_id", _TEXT), ("strategy", _TEXT), ("venue", _TEXT), ("symbol", _TEXT), ("side", _TEXT),
        ("order_type", _TEXT), ("time_in_force", _TEXT), ("price", _MONEY), ("quantity", _MONEY),
        ("filled_quantity", _MONEY), ("average_price", _MONEY), ("state", _TEXT), ("ts_submitted", _TIME),
        ("ts_last", _TIME), ("reason", _TEXT), ("cause", _TEXT),
    ]
)  # fmt: skip
FILLS = pa.schema(
    [
        ("ts_event", _TIME), ("client_order_id", _TEXT), ("trade_id", _TEXT), ("strategy", _TEXT), ("venue", _TEXT),
        ("symbol", _TEXT), ("side", _TEXT), ("price", _MONEY), ("quantity", _MONEY), ("fee", _MONEY),
        ("fee_currency", _TEXT), ("liquidity", _TEXT), ("cause", _TEXT), ("position", _MONEY), ("realized_pnl", _MONEY),
    ]
)  # fmt: skip
EQUITY = pa.schema([("ts", _TIME), ("strategy", _TEXT), ("equity", _MONEY), ("pnl", _MONEY)])
PRICES = pa.schema([("ts", _TIME), ("venue", _TEXT), ("symbol", _TEXT), ("price", pa.float64())])


class TableWriter:
    """Writes rows to `<folder>/<name>.parquet`, `chunk` at a time, under a hidden name until `close`."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema, chunk: int = 16_384) -> None:
        self._target = folder / f"{name}.parquet"
        self._hidden = folder / f".{name}.parquet.tmp"
        self._schema = schema
        self._chunk = chunk
        self._rows: list[tuple[Any, ...]] = []
        self._writer: pq.ParquetWriter | None = None

    def add(self, row: tuple[Any, ...]) -> None:
        """One row, its values in the order of the schema."""
        self._rows.append(row)
        if len(self._rows) >= self._chunk:
            self._flush()

    def _flush(self) -> None:
        try:
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._hidden, self._schema, compression="zstd")
            columns = list(zip(*self._rows, strict=True)) or [()] * len(self._schema)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"cannot write {self._target}: {error}") from error
        self._rows.clear()

    def close(self) -> None:
        """Write what is left and put the table in its place."""
        self._flush()
        if self._writer is not None:
            self._writer.close()
        self._hidden.replace(self._target)
