"""How fast the store reads and writes, and how small it is: `python benchmarks/bench_store.py [events]`.

Figures are for one process; the plain loop over the events that a replay makes is part of the reading.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from quantai.core.enums import Side
from quantai.events import Event, OrderBookDeltaEvent, TradeEvent
from quantai.events.persistence import EventReader, ParquetEventWriter, PartWriter, list_parts
from quantai.events.persistence.schema import arrow_schema, to_table

START_NS = 1_767_225_600_000_000_000
STREAMS = 32
LEVELS = 20


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


def deltas(count: int) -> list[Event]:
    """Book deltas of `LEVELS` levels a side."""
    bids = tuple((60_000.0 - level, 0.5 + level) for level in range(LEVELS))
    return [
        OrderBookDeltaEvent("binance", "BTC/USDT", ts, ts, bids, bids, ts)
        for ts in range(START_NS, START_NS + count * 1_000_000, 1_000_000)
    ]


def loop(batches: Iterable[list[Event]]) -> int:
    """The plain loop of a replay: look at every event."""
    count = 0
    for batch in batches:
        for event in batch:
            count += event is not None
    return count


def report(what: str, run: Callable[[], int]) -> None:
    """Print the best rate of three runs."""
    rates = []
    for _ in range(3):
        started = time.perf_counter()
        rates.append(run() / (time.perf_counter() - started))
    print(f"{what:52} {max(rates) / 1e6:8.2f} M/s {1e9 / max(rates):8.0f} ns each")


def trades_of(root: Path) -> Iterator[list[Event]]:
    """Every trade in the store."""
    return EventReader(root).read_batches(types="trade")


async def record(root: Path, events: list[Event]) -> int:
    """Through the recorder, up to the disk."""
    async with ParquetEventWriter(root, max_buffered=len(events)) as writer:
        for event in events:
            writer.write_event(event)
            if writer.buffered % 8_192 == 0:
                await asyncio.sleep(0)
    return writer.written


async def read_one_by_one(root: Path) -> int:
    """The promised `async for`."""
    count = 0
    async for _ in EventReader(root).read_range():
        count += 1
    return count


def main(events: int, folder: Path) -> None:
    """Print one line for each figure."""
    one, many, books, recorded = folder / "one", folder / "many", folder / "books", folder / "recorded"
    PartWriter(one).write(TradeEvent, "binance", "BTC/USDT", trade_table(events, 1, 10_000_000))
    for stream in range(STREAMS):
        table = trade_table(events // STREAMS, stream, 10_000_000 * STREAMS)
        PartWriter(many).write(TradeEvent, "binance", f"C{stream}/USDT", table)
    PartWriter(books).write(OrderBookDeltaEvent, "binance", "BTC/USDT", to_table(OrderBookDeltaEvent, deltas(20_000)))

    size = sum(part.bytes for part in list_parts(one)) / events
    print(f"{'bytes a trade (synthetic)':52} {size:8.2f}")
    report("read, one stream of trades", lambda: loop(trades_of(one)))
    report(f"read, {STREAMS} merged streams of trades", lambda: loop(trades_of(many)))
    report("read, one stream, async for", lambda: asyncio.run(read_one_by_one(one)))
    report(f"read, book deltas of 2 x {LEVELS} levels", lambda: loop(EventReader(books).read_batches()))
    sample = [event for batch in trades_of(many) for event in batch][: min(events, 500_000)]
    report("columns of trades (to_table)", lambda: to_table(TradeEvent, sample).num_rows)
    report(f"record trades of {STREAMS} streams, to the disk", lambda: asyncio.run(record(recorded, sample)))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000, Path(temporary))
