"""Order books of Tardis: whole snapshots to some depth, and increments grouped to the messages they came in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quantai.core.enums import Side
from quantai.core.errors import StoreError
from quantai.data.importers.checks import Mask, RowFilter, checked
from quantai.data.importers.converter import Batch, Converter, by_symbol, event_columns
from quantai.data.importers.levels import Floats, level_columns
from quantai.data.importers.outcome import Outcome
from quantai.data.importers.source import Source
from quantai.events import MarketEvent, OrderBookDeltaEvent, OrderBookSnapshotEvent

# One message of a venue holds far less; more rows of one arrival time mean that the column is not what it should be.
MAX_MESSAGE_ROWS = 1_000_000


def level_names(level: int) -> tuple[str, ...]:
    """The columns of one level in a `book_snapshot_N` file; level 0 is the best."""
    return tuple(f"{side}[{level}].{part}" for side in ("asks", "bids") for part in ("price", "amount"))


class BookSnapshots(Converter):
    """`book_snapshot_N`: one row, one `OrderBookSnapshotEvent` of up to `depth` levels; missing levels are empty."""

    header_lines = 1

    def __init__(self, sources: Mapping[str, Source], depth: int) -> None:
        self.sources = sources
        self._depth = depth

    def convert(self, rows: pa.Table, outcome: Outcome) -> Iterator[Batch]:
        rows = checked(OrderBookSnapshotEvent, rows, outcome)
        levels = RowFilter(rows, outcome)
        best = {side: self._check_side(side, rows, levels) for side in ("bids", "asks")}
        levels.note(best["bids"] > best["asks"], "bid above ask")
        for symbol, part in by_symbol(levels.kept()):
            yield Batch(OrderBookSnapshotEvent, symbol, event_columns(OrderBookSnapshotEvent, self._with_lists(part)))

    def _check_side(self, side: str, rows: pa.Table, levels: RowFilter) -> Floats:
        """Refuse rows with impossible levels; the best price of each row, NaN where the side is empty."""
        prices, sizes = self._matrix(side, "price", rows), self._matrix(side, "amount", rows)
        present = self._present(side, rows)
        possible = (prices > 0) & (prices < np.inf) & (sizes > 0) & (sizes < np.inf)
        levels.require(_every(possible | ~present), lambda _: f"{side} has a price or amount that is not above 0")
        levels.require(_every(present[:, :-1] >= present[:, 1:]), lambda _: f"{side} has a gap between its levels")
        steps = np.diff(prices, axis=1) * (-1 if side == "bids" else 1)
        levels.require(_every(~(steps < 0)), lambda _: f"{side} is not sorted from the best price")
        return prices[:, 0]

    def _with_lists(self, rows: pa.Table) -> pa.Table:
        for side in ("bids", "asks"):
            present = self._present(side, rows)
            prices, sizes = self._matrix(side, "price", rows)[present], self._matrix(side, "amount", rows)[present]
            for name, column in level_columns(side, present.sum(axis=1), prices, sizes).items():
                rows = rows.append_column(name, column)
        return rows

    def _matrix(self, side: str, part: str, rows: pa.Table) -> Floats:
        return np.column_stack([rows.column(f"{side}[{level}].{part}").to_numpy() for level in range(self._depth)])

    def _present(self, side: str, rows: pa.Table) -> Mask:
        """Which levels a row has: those of which price or amount is not empty."""
        valid = [
            pc.or_(*(pc.is_valid(rows.column(f"{side}[{level}].{part}")) for part in ("price", "amount"))).to_numpy()
            for level in range(self._depth)
        ]
        return np.column_stack(valid)


def _every(of_levels: Mask) -> Mask:
    rows: Mask = np.logical_and.reduce(of_levels, axis=1)
    return rows


class IncrementalBook(Converter):
    """`incremental_book_L2`: consecutive rows of one symbol, arrival time and `is_snapshot` are one event.

    Updates of a symbol before its first snapshot change a book nobody knows, so they are left out and counted, as
    Tardis advises; `ts_event` is that of the last row of a message.
    """

    header_lines = 1

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.sources = sources
        self._held_back: pa.Table | None = None
        self._known_books: set[str | None] = set()

    def convert(self, rows: pa.Table, outcome: Outcome) -> Iterator[Batch]:
        good = checked(OrderBookDeltaEvent, rows, outcome)
        if self._held_back is not None:
            good = pa.concat_tables([self._held_back, good])
        whole = _rows_before_last_message(good)
        self._held_back = good.slice(whole)
        if self._held_back.num_rows > MAX_MESSAGE_ROWS:
            raise StoreError(f"{outcome.path}: more than {MAX_MESSAGE_ROWS:,} rows have one local_timestamp")
        yield from self._events(good.slice(0, whole), outcome)

    def finish(self, outcome: Outcome) -> Iterator[Batch]:
        if self._held_back is not None:
            yield from self._events(self._held_back, outcome)

    def _events(self, rows: pa.Table, outcome: Outcome) -> Iterator[Batch]:
        for symbol, part in by_symbol(rows):
            known = self._of_known_book(symbol, part, outcome)
            if known.num_rows:
                yield from _messages(symbol, known, outcome)

    def _of_known_book(self, symbol: str | None, rows: pa.Table, outcome: Outcome) -> pa.Table:
        if symbol in self._known_books:
            return rows
        snapshot_rows = np.flatnonzero(_is_snapshot(rows))
        first = int(snapshot_rows[0]) if snapshot_rows.size else rows.num_rows
        outcome.note("update before the first snapshot, left out", first)
        if snapshot_rows.size:
            self._known_books.add(symbol)
        return rows.slice(first)


def _rows_before_last_message(rows: pa.Table) -> int:
    arrivals = rows.column("ts_init").to_numpy()
    other = np.flatnonzero(arrivals != arrivals[-1]) if arrivals.size else arrivals
    return int(other[-1]) + 1 if other.size else 0


def _is_snapshot(rows: pa.Table) -> Mask:
    flags: Mask = rows.column("is_snapshot").to_numpy()
    return flags


def _messages(symbol: str | None, rows: pa.Table, outcome: Outcome) -> Iterator[Batch]:
    arrivals, is_snapshot = rows.column("ts_init").to_numpy(), _is_snapshot(rows)
    starts = np.concatenate(([True], (np.diff(arrivals) != 0) | (is_snapshot[1:] != is_snapshot[:-1])))
    message = np.cumsum(starts) - 1
    ends = np.append(np.flatnonzero(starts)[1:], rows.num_rows) - 1
    prices, sizes = rows.column("price").to_numpy(), rows.column("size").to_numpy()
    is_bid: Mask = pc.equal(rows.column("side").cast(pa.string()), Side.BUY.value).to_numpy()
    empty = is_snapshot & (sizes == 0)
    outcome.note("empty level in a snapshot, left out", int(empty.sum()))
    columns = {"ts_event": rows.column("ts_event").take(ends), "ts_init": rows.column("ts_init").take(ends)}
    for name, mine, from_best in (("bids", is_bid & ~empty, -prices), ("asks", ~is_bid & ~empty, prices)):
        # A snapshot is sorted from its best price; a delta keeps its order, its last word on a level counts.
        order = np.lexsort((np.where(is_snapshot, from_best, 0.0), message))
        order = order[mine[order]]
        columns |= level_columns(name, np.bincount(message[mine], minlength=ends.size), prices[order], sizes[order])
    events = pa.table(columns)
    for cls, wanted in ((OrderBookSnapshotEvent, is_snapshot[ends]), (OrderBookDeltaEvent, ~is_snapshot[ends])):
        if wanted.any():
            yield _batch(cls, symbol, events.filter(pa.array(wanted)))


def _batch(cls: type[MarketEvent], symbol: str | None, events: pa.Table) -> Batch:
    return Batch(cls, symbol, event_columns(cls, events))
