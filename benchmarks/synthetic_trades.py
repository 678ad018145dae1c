"""Trades as a busy market makes them, as columns of a store."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from quantai.core.enums import Side
from quantai.events import TradeEvent
from quantai.events.persistence.schema import arrow_schema

START_NS = 1_767_225_600_000_000_000


def trade_table(rows: int, seed: int, mean_gap_ns: int) -> pa.Table:
    """A random walk on a price grid, with round sizes and running trade ids."""
    rng = np.random.default_rng(seed)
    ts_init = START_NS + np.cumsum(rng.integers(1, 2 * mean_gap_ns, rows))
    sides = pa.array([side.value for side in Side])
    columns = {
        "ts_event": pa.array((ts_init - 5_000_000) // 1_000_000 * 1_000_000),
        "ts_init": pa.array(ts_init),
        "price": pa.array(np.round(60_000 + np.cumsum(rng.normal(0, 0.5, rows)), 2)),
        "size": pa.array(np.round(rng.exponential(0.05, rows) + 1e-5, 5)),
        "side": pa.DictionaryArray.from_arrays(pa.array(rng.integers(0, 2, rows), pa.int32()), sides),
        "trade_id": pa.array(np.arange(rows) + 3_000_000_000).cast(pa.string()),
    }
    schema = arrow_schema(TradeEvent)
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
