"""The tables of a run folder, written as the run goes: constant memory, and in place only when they are whole."""

from __future__ import annotations

from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from quantai.core.errors import StoreError

_MONEY = pa.decimal128(38, 18)
_TEXT = pa.string()
_TIME = pa.int64()
_COMPUTED_STEP = Decimal("1e-12")
_WIDE = Context(prec=56)  # the default's 28 digits end at 1e16, which an account counted in rupiah may pass

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


def computed(amount: Decimal) -> Decimal:
    """An amount that was computed (converted, averaged), to the 12 decimals that tables and `summary.json` keep."""
    return amount.quantize(_COMPUTED_STEP, context=_WIDE)


class TableWriter:
    """Writes rows to `<folder>/<name>.parquet`, `chunk` at a time, under a hidden name until `close`.

    A disk that fails never stops the run: rows from then on are counted, and `close` says how many are lost.
    """

    def __init__(self, folder: Path, name: str, schema: pa.Schema, chunk: int = 16_384) -> None:
        self._target = folder / f"{name}.parquet"
        self._hidden = folder / f".{name}.parquet.tmp"
        self._schema = schema
        self._chunk = chunk
        self._rows: list[tuple[Any, ...]] = []
        self._writer: pq.ParquetWriter | None = None
        self._failure: Exception | None = None
        self._lost = 0

    def add(self, row: tuple[Any, ...]) -> None:
        """One row, its values in the order of the schema."""
        self._rows.append(row)
        if len(self._rows) >= self._chunk:
            self._flush()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if self._failure is None:
            try:
                self._write(rows)
            except (OSError, pa.ArrowException) as error:
                self._failure = error
        if self._failure is not None:
            self._lost += len(rows)

    def _write(self, rows: list[tuple[Any, ...]]) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._hidden, self._schema, compression="zstd")
        columns = list(zip(*rows, strict=True)) or [()] * len(self._schema)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        """Write what is left and put the table in its place. Raises `StoreError` where it is not whole."""
        self._flush()
        if self._failure is None and self._writer is not None:
            try:
                self._writer.close()
                self._hidden.replace(self._target)
            except OSError as error:
                self._failure = error
        if self._failure is not None:
            raise StoreError(
                f"{self._target} is not written, {self._lost} rows are lost (what is there is in {self._hidden.name}): "
                f"{self._failure}"
            ) from self._failure
