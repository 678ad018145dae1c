"""Whether an import is about to put rows into a store that may hold them already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from quantai.core.clock import iso_utc
from quantai.data.importers.manifest import PartEntry
from quantai.events.persistence.parts import Part, naming, parts_in
from quantai.events.persistence.storage import LocalStorage


def overlaps(store: Path, stage: Path, entries: Sequence[PartEntry]) -> Iterator[str]:
    """A line for each part of the store that covers times of a staged one; of trades it says how many ids are in both.

    Bars of other intervals do not count. Raises `StoreError` for a part that cannot be read.
    """
    for entry in entries:
        for there in _same_times(store, entry):
            common = _common(stage / entry.staged, there)
            if common is not None:
                start, end = iso_utc(max(entry.start_ns, there.start_ns)), iso_utc(min(entry.end_ns, there.end_ns))
                yield f"{entry.path} and {there.relative} both cover {start} to {end}{common}"


def _same_times(store: Path, entry: PartEntry) -> Iterator[Part]:
    day = PurePosixPath(entry.path).parent
    names = sorted(path.name for path in (store / day).glob("*.parquet"))
    for part in parts_in(LocalStorage(store), day, names):
        if part.start_ns <= entry.end_ns and entry.start_ns <= part.end_ns:
            yield part


def _common(staged: Path, there: Part) -> str | None:
    """What two parts have in common, in words; None where their rows cannot be the same."""
    if there.type == "bar":
        return "" if _count_in_both("interval_ns", staged, there.path) else None
    if there.type != "trade":
        return ""
    count = _count_in_both("trade_id", staged, there.path)
    return f"; {count:,} trade ids are in both" if count else "; no trade id is in both"


def _count_in_both(column: str, staged: Path, there: Path) -> int:
    """How many values of a column two parts have in common, empty texts not counted."""
    ours, theirs = _values(staged, column), _values(there, column)
    count: int = pc.sum(pc.and_(pc.is_in(ours, theirs), pc.not_equal(ours.cast(pa.string()), ""))).as_py() or 0
    return count


def _values(path: Path, column: str) -> pa.Array:
    with naming(path):
        return pc.unique(pq.read_table(path, columns=[column]).column(column))
