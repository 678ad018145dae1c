"""The update ids of book deltas: where they go back, and where some seem to be missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from quantai.events.persistence.maintenance.rows import merge_rows, read_rows
from quantai.events.persistence.parts import Part

_SHARE_BY_ONE = 0.99


@dataclass(slots=True)
class Sequences:
    """How the ids of a stream go from one delta to the next.

    Many venues number updates of all instruments together, or several updates in one message: ids then jump all the
    time, and a jump says nothing. `counts_by_one` tells streams where it does.
    """

    by_one: int = 0
    jumps: int = 0
    backward: int = 0
    missing: int = 0

    @property
    def counts_by_one(self) -> bool:
        """Whether nearly every id is the next number."""
        return self.by_one >= _SHARE_BY_ONE * (self.by_one + self.jumps)


def check_sequence(parts: Sequence[Part]) -> Sequences:
    """The steps between the sequences of the deltas in `parts`, all of one stream; 0 is none. Raises `StoreError`."""
    found = Sequences()
    last = np.zeros(0, np.int64)
    for rows in merge_rows(parts, _read):
        numbers = rows.column("sequence").to_numpy()
        numbers = np.concatenate([last, numbers[numbers > 0]])
        steps = np.diff(numbers)
        found.by_one += int(np.count_nonzero(steps == 1))
        found.backward += int(np.count_nonzero(steps < 0))
        found.jumps += int(np.count_nonzero(steps > 1))
        found.missing += int((steps[steps > 1] - 1).sum())
        last = numbers[-1:]
    return found


def _read(part: Part, max_bytes: int) -> Iterator[pa.RecordBatch]:
    return read_rows(part, max_bytes, ("ts_init", "sequence"))
