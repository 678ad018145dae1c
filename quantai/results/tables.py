"""The tables of a run folder, written as the run goes: constant memory, and in place only when they are whole."""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import Executor, Future
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from quantai.core.errors import StoreError
from quantai.results.columns import FLOAT, MONEY, TEXT, TIME, Column, make_column

logger = logging.getLogger(__name__)

_SLICE = 64
_COMPUTED_STEP = Decimal("1e-12")
_WIDE = Context(prec=56)  # the default's 28 digits end at 1e16, which an account counted in rupiah may pass

ORDERS = pa.schema(
    [
        ("client_order_id", TEXT), ("strategy", TEXT), ("venue", TEXT), ("symbol", TEXT), ("side", TEXT),
        ("order_type", TEXT), ("time_in_force", TEXT), ("price", MONEY), ("quantity", MONEY),
        ("filled_quantity", MONEY), ("average_price", MONEY), ("state", TEXT), ("ts_submitted", TIME),
        ("ts_last", TIME), ("reason", TEXT), ("cause", TEXT),
    ]
)  # fmt: skip
FILLS = pa.schema(
    [
        ("ts_event", TIME), ("client_order_id", TEXT), ("trade_id", TEXT), ("strategy", TEXT), ("venue", TEXT),
        ("symbol", TEXT), ("side", TEXT), ("price", MONEY), ("quantity", MONEY), ("fee", MONEY),
        ("fee_currency", TEXT), ("liquidity", TEXT), ("cause", TEXT), ("position", MONEY), ("realized_pnl", MONEY),
    ]
)  # fmt: skip
EQUITY = pa.schema([("ts", TIME), ("strategy", TEXT), ("equity", MONEY), ("pnl", MONEY)])
PRICES = pa.schema([("ts", TIME), ("venue", TEXT), ("symbol", TEXT), ("price", FLOAT)])


def computed(amount: Decimal) -> Decimal:
    """An amount that was computed (converted, averaged), to the 12 decimals that tables and `summary.json` keep."""
    return amount.quantize(_COMPUTED_STEP, context=_WIDE)


class TableWriter:
    """Writes rows to `<folder>/<name>.parquet`, `chunk` at a time, under a hidden name until `close`.

    `thread` is one that does what it is given in order: it compresses and writes, so that whoever adds a row never
    waits for the disk. At most `backlog` chunks wait for it: then the next `add` waits too, or, without `waits`, the
    table has failed. A table that fails never stops the run: it is logged, rows from then on are counted, and `close`
    says how many are lost.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        schema: pa.Schema,
        thread: Executor,
        *,
        waits: bool = True,
        chunk: int = 16_384,
        backlog: int = 8,
    ) -> None:
        self._target = folder / f"{name}.parquet"
        self._hidden = folder / f".{name}.parquet.tmp"
        self._schema = schema
        self._thread = thread
        self._waits = waits
        self._chunk = chunk
        self._slice = min(_SLICE, chunk)
        self._rows: list[tuple[Any, ...]] = []
        self._backlog = backlog
        self._pending: deque[Future[None]] = deque()
        self._writer: pq.ParquetWriter | None = None
        self._failure: Exception | None = None
        self._added = self._written = 0
        self._begin_chunk()

    @property
    def lost(self) -> int:
        """Rows that will not be in the table, which has failed."""
        return 0 if self._failure is None else self._added - self._written

    def add(self, row: tuple[Any, ...]) -> None:
        """One row, its values in the order of the schema."""
        self._added += 1
        if self._failure is not None:
            return
        self._rows.append(row)
        if len(self._rows) == self._slice:
            self._take_rows()

    def close(self) -> None:
        """Write what is left and put the table in its place. Raises `StoreError` where it is not whole."""
        self._waits = True
        if self._failure is None:
            self._take_rows()
            self._flush()
        self._thread.submit(self._finish).result()
        if self._failure is not None:
            raise StoreError(
                f"{self._target} is not written, {self.lost} rows are lost (what is there is in {self._hidden.name}): "
                f"{self._failure}"
            ) from self._failure

    def _begin_chunk(self) -> None:
        self._columns = [make_column(field.type) for field in self._schema]
        self._taken = 0

    def _take_rows(self) -> None:
        """Put rows into columns: a few at a time, so that there is never a long moment of it."""
        rows, self._rows = self._rows, []
        try:
            for column, values in zip(self._columns, zip(*rows, strict=True), strict=bool(rows)):
                column.extend(values)
        except (ArithmeticError, TypeError, ValueError) as error:
            self._fail(error)
            return
        self._taken += len(rows)
        if self._taken >= self._chunk:
            self._flush()

    def _flush(self) -> None:
        while self._pending and self._pending[0].done():
            self._pending.popleft()
        if len(self._pending) >= self._backlog:
            if not self._waits:
                self._fail(StoreError(f"the disk is too slow: {self._backlog * self._chunk} rows wait for it"))
                return
            self._pending.popleft().result()
        self._pending.append(self._thread.submit(self._write, self._columns, self._taken))
        self._begin_chunk()

    def _write(self, columns: list[Column], rows: int) -> None:
        """In the thread; after a failure nothing more is written."""
        if self._failure is not None:
            return
        try:
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._hidden, self._schema, compression="zstd")
            arrays = [column.finish() for column in columns]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
            self._written += rows
        except Exception as error:
            self._fail(error)

    def _finish(self) -> None:
        """In the thread, the last that it does."""
        if self._failure is not None or self._writer is None:
            return
        try:
            self._writer.close()
            self._hidden.replace(self._target)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._failure = error
        logger.error("%s will not be whole, the run goes on without it: %s", self._target, error)
