"""Rows that a stream has twice, found in constant memory among rows that are close in time.

A trade that a venue sent again, or that was recorded and imported, has the id, price, size, side and venue time (to the
millisecond, for not all sources tell more) of another: certainly the same. An id with another price or time is
suspected only, and so are rows of other types that two overlapping parts have in common to the last bit: a redelivery
looks like that, but a market can repeat itself too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quantai.core.clock import NS_PER_MS
from quantai.events.persistence.maintenance.fingerprint import Hashes, row_hashes
from quantai.events.persistence.maintenance.rows import ReadRows, clusters, merge_rows, read_rows
from quantai.events.persistence.parts import Part

WINDOW_ROWS = 1_000_000
"""A row is compared with those between one and two windows before it, and all closer ones."""

_TRADE_COLUMNS = ("trade_id", "price", "size", "side", "ts_event")


@dataclass(slots=True)
class Duplicates:
    """How many rows of a stream are there before: `certain` by part and number of the row in it, or suspected."""

    certain: dict[Part, list[int]] = field(default_factory=lambda: defaultdict(list))
    suspected: int = 0
    suspected_in: set[Part] = field(default_factory=set)

    @property
    def count(self) -> int:
        """Rows that are certainly duplicates."""
        return sum(map(len, self.certain.values()))


def find_duplicates(parts: Sequence[Part]) -> Duplicates:
    """The duplicates among the rows of the parts of one stream. Raises `StoreError` for a part that cannot be read."""
    found = Duplicates()
    if not parts:
        return found
    if parts[0].type == "trade":
        _find_trades(parts, found)
    else:
        for cluster in clusters(parts):
            if len(cluster) > 1:
                _find_rows(cluster, found)
    return found


def _find_trades(parts: Sequence[Part], found: Duplicates) -> None:
    same_trade, same_id = _Window(), _Window()
    for rows in merge_rows(parts, _numbered(parts, ("ts_init", *_TRADE_COLUMNS))):
        rows = rows.filter(pc.not_equal(rows.column("trade_id"), ""))
        if not rows.num_rows:
            continue
        owners, numbers = rows.column("part").to_numpy(), rows.column("row").to_numpy()
        milliseconds = pc.divide(rows.column("ts_event"), NS_PER_MS)
        trades = rows.select(_TRADE_COLUMNS).set_column(_TRADE_COLUMNS.index("ts_event"), "ts_event", milliseconds)
        again = same_trade.repeated(row_hashes(trades), owners)[0]
        id_again = same_id.repeated(row_hashes(rows.select(["trade_id"])), owners)[0]
        for owner, number in zip(owners[again].tolist(), numbers[again].tolist(), strict=True):
            found.certain[parts[owner]].append(number)
        _suspect(found, parts, owners[id_again & ~again])


def _find_rows(parts: Sequence[Part], found: Duplicates) -> None:
    """Rows that more than one of some overlapping parts has; those of one part alone are what was recorded."""
    window = _Window()
    for rows in merge_rows(parts, _numbered(parts, None)):
        owners = rows.column("part").to_numpy()
        again, first_owners = window.repeated(row_hashes(rows.drop_columns(["part", "row"])), owners)
        _suspect(found, parts, owners[again & (first_owners != owners)])


def _suspect(found: Duplicates, parts: Sequence[Part], owners: np.ndarray) -> None:
    found.suspected += len(owners)
    found.suspected_in |= {parts[owner] for owner in np.unique(owners).tolist()}


def _numbered(parts: Sequence[Part], columns: Sequence[str] | None) -> ReadRows:
    """Reads parts with two columns more: which of `parts` a row is from, and its number in it."""
    positions = {part: position for position, part in enumerate(parts)}

    def read(part: Part, max_bytes: int) -> Iterator[pa.RecordBatch]:
        first = 0
        for rows in read_rows(part, max_bytes, columns):
            owner = pa.array(np.full(rows.num_rows, positions[part], np.int32))
            number = pa.array(np.arange(first, first + rows.num_rows))
            yield rows.append_column("part", owner).append_column("row", number)
            first += rows.num_rows

    return read


class _Window:
    """The distinct hashes of the last rows, in two generations of up to `WINDOW_ROWS`."""

    def __init__(self) -> None:
        self._older: list[_Block] = []
        self._newer: list[_Block] = []

    def repeated(self, hashes: Hashes, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of the next rows were there before, and the owner of the first of each."""
        block, first_rows, inverse = _Block.distinct(hashes, owners)
        is_known, first_owners = np.zeros(len(block.hashes), bool), block.owners
        for known in (*reversed(self._newer), *reversed(self._older)):
            is_there, known_owners = known.find(block.hashes)
            is_known |= is_there
            first_owners = np.where(is_there, known_owners, first_owners)
        self._add(block)
        return is_known[inverse] | (first_rows[inverse] != np.arange(len(hashes))), first_owners[inverse]

    def _add(self, block: _Block) -> None:
        if sum(len(known.hashes) for known in self._newer) + len(block.hashes) > WINDOW_ROWS:
            self._older, self._newer = self._newer, []
        # Each block is at least twice as long as the next, so that there are few, and each hash is sorted a few times.
        while self._newer and len(self._newer[-1].hashes) < 2 * len(block.hashes):
            block = self._newer.pop().joined(block)
        self._newer.append(block)


@dataclass(frozen=True, slots=True)
class _Block:
    """Sorted distinct hashes, each with the part of its first row."""

    hashes: Hashes
    owners: np.ndarray

    @classmethod
    def distinct(cls, hashes: Hashes, owners: np.ndarray) -> tuple[_Block, np.ndarray, np.ndarray]:
        unique, first_rows, inverse = np.unique(hashes, return_index=True, return_inverse=True)
        return cls(unique, owners[first_rows]), first_rows, inverse

    def find(self, hashes: Hashes) -> tuple[np.ndarray, np.ndarray]:
        places = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return self.hashes[places] == hashes, self.owners[places]

    def joined(self, other: _Block) -> _Block:
        """Both, the owners of this one where they share a hash."""
        hashes = np.concatenate([self.hashes, other.hashes])
        owners = np.concatenate([self.owners, other.owners])
        return _Block.distinct(hashes, owners)[0]
