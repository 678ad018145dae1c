"""Where the events of an import gather before any reader can see them: bounded buffers, then parts in a hidden folder.

Every flush of the buffers sorts their rows and writes a part for each day. Where a file was not in order of time,
parts of one day overlap; they are then merged, so that rows of equal time keep the order of the file.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from quantai.data.importers.merge import merged
from quantai.events import MarketEvent
from quantai.events.persistence.part_writer import PartWriter
from quantai.events.persistence.parts import Part

BUFFER_ROWS = 524_288
# Rows of deep books are wide; this bounds the buffers in bytes.
BUFFER_BYTES = 128 * 2**20


class _Key(NamedTuple):
    cls: type[MarketEvent]
    symbol: str


class Stage:
    """Gathers the events of one import below `folder`."""

    def __init__(self, folder: Path, venue: str) -> None:
        self._venue = venue
        self._writer = PartWriter(folder / "written")
        self._merger = PartWriter(folder / "merged")
        self._buffers: dict[_Key, list[pa.Table]] = defaultdict(list)
        self._rows = self._bytes = 0
        self._days: dict[tuple[_Key, str], list[Part]] = defaultdict(list)

    def add(self, cls: type[MarketEvent], symbol: str, table: pa.Table) -> None:
        """Take rows with the columns of `cls`, in the order of the file."""
        self._buffers[_Key(cls, symbol)].append(table)
        self._rows += table.num_rows
        self._bytes += table.nbytes
        if self._rows >= BUFFER_ROWS or self._bytes >= BUFFER_BYTES:
            self._flush()

    def finish(self) -> list[Part]:
        """All parts; those of one day follow each other in time, and in the order of the file where times are equal."""
        self._flush()
        return [part for (key, _), parts in self._days.items() for part in self._in_order(key, parts)]

    def _flush(self) -> None:
        for key, tables in self._buffers.items():
            for part in self._writer.write(key.cls, self._venue, key.symbol, pa.concat_tables(tables)):
                self._days[key, part.date].append(part)
        self._buffers.clear()
        self._rows = self._bytes = 0

    def _in_order(self, key: _Key, parts: list[Part]) -> list[Part]:
        if all(_keep_order(earlier, later) for earlier, later in combinations(parts, 2)):
            return sorted(parts, key=lambda part: (part.start_ns, part.end_ns, part.number))
        tables = merged([part.path for part in parts], BUFFER_ROWS)
        return [part for table in tables for part in self._merger.write(key.cls, self._venue, key.symbol, table)]


def _keep_order(earlier: Part, later: Part) -> bool:
    """Whether two parts need no merge; the rows of the earlier stood before those of the later in the file."""
    return earlier.end_ns <= later.start_ns or later.end_ns < earlier.start_ns
