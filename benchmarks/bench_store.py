"""Store: how fast it reads, and how small it is.

Rates are the best of five runs of one process; the plain loop over the events that a replay makes is part of reading.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.captured import captured_tables
from benchmarks.figures import Figure, heading, show
from benchmarks.synthetic_trades import START_NS, trade_table
from benchmarks.timing import best_rate
from quantai.events import Event, OrderBookDeltaEvent, TradeEvent
from quantai.events.persistence import EventReader, PartWriter, list_parts
from quantai.events.persistence.schema import to_table, type_name

_EVENTS = 2_000_000
_STREAMS = 32
_LEVELS = 20
_DELTAS = 20_000
_MEAN_GAP_NS = 10_000_000


def deltas() -> list[Event]:
    """Book deltas of `_LEVELS` levels a side."""
    bids = tuple((60_000.0 - level, 0.5 + level) for level in range(_LEVELS))
    return [
        OrderBookDeltaEvent("binance", "BTC/USDT", ts, ts, bids, bids, ts)
        for ts in range(START_NS, START_NS + _DELTAS * 1_000_000, 1_000_000)
    ]


def loop(batches: Iterable[list[Event]]) -> int:
    """The plain loop of a replay: look at every event."""
    count = 0
    for batch in batches:
        for event in batch:
            count += event is not None
    return count


def trades_of(root: Path) -> Iterator[list[Event]]:
    """Every trade in the store."""
    return EventReader(root).read_batches(types="trade")


async def read_one_by_one(root: Path) -> int:
    """The promised `async for`."""
    count = 0
    async for _ in EventReader(root).read_range():
        count += 1
    return count


def sizes(folder: Path) -> list[Figure]:
    """Bytes a row of what was captured; of what was made, where there are no captures."""
    found = []
    for number, (stream, tables) in enumerate(captured_tables().items()):
        for cls, table in tables.items():
            root = folder / f"captured-{number}-{type_name(cls)}"
            PartWriter(root).write(cls, "binance", "BTC/USDT", table)
            size = sum(part.bytes for part in list_parts(root)) / table.num_rows
            what = f"size, captured {type_name(cls)} of {stream}"
            is_trade = cls is TradeEvent
            found.append(Figure.at_most(what, size, "bytes/row", 14) if is_trade else Figure(what, size, "bytes/row"))
    return found


def rates(folder: Path) -> list[Figure]:
    """Events a second from the disk to a loop, and from events to columns."""
    one, many, books = folder / "one", folder / "many", folder / "books"
    PartWriter(one).write(TradeEvent, "binance", "BTC/USDT", trade_table(_EVENTS, 1, _MEAN_GAP_NS))
    for stream in range(_STREAMS):
        table = trade_table(_EVENTS // _STREAMS, stream, _MEAN_GAP_NS * _STREAMS)
        PartWriter(many).write(TradeEvent, "binance", f"C{stream}/USDT", table)
    PartWriter(books).write(OrderBookDeltaEvent, "binance", "BTC/USDT", to_table(OrderBookDeltaEvent, deltas()))
    sample = [event for batch in trades_of(many) for event in batch][:500_000]

    size = sum(part.bytes for part in list_parts(one)) / _EVENTS
    read_one = best_rate(lambda: loop(trades_of(one))) / 1e6
    read_many = best_rate(lambda: loop(trades_of(many))) / 1e6
    read_async = best_rate(lambda: asyncio.run(read_one_by_one(one))) / 1e6
    read_books = best_rate(lambda: loop(EventReader(books).read_batches())) / 1e6
    to_columns = best_rate(lambda: int(to_table(TradeEvent, sample).num_rows)) / 1e6
    return [
        Figure.at_least("read one stream of trades", read_one, "M/s", 2.5),
        Figure.at_least(f"read {_STREAMS} merged streams of trades", read_many, "M/s", 1.8),
        Figure("read one stream of trades, async for", read_async, "M/s"),
        Figure(f"read book deltas of 2 x {_LEVELS} levels", read_books, "M/s"),
        Figure("trades to columns (to_table)", to_columns, "M/s"),
        Figure.at_most("size, synthetic trades", size, "bytes/row", 14),
    ]


def figures() -> list[Figure]:
    """Rates, then sizes."""
    with tempfile.TemporaryDirectory() as folder:
        return rates(Path(folder)) + sizes(Path(folder))


def main() -> None:
    """Show the figures."""
    show(heading(__doc__), figures())


if __name__ == "__main__":
    main()
