"""Starting a source somewhere in the middle, without it knowing how."""

from __future__ import annotations

import pytest

from tests.oms.world import START_NS
from tests.simulation.replays import ListSource


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (-5, [[0, 1], [2, 2], [5]]),
        (1, [[1], [2, 2], [5]]),
        (2, [[2, 2], [5]]),
        (3, [[5]]),
        (6, []),
    ],
)
def test_what_is_before_a_time_is_left_out(start: int, expected: list[list[int]]) -> None:
    batches = ListSource(0, 1, 2, 2, 5).batches_from(START_NS + start, lambda topic: True)
    assert [[event.ts_init - START_NS for event in batch] for batch in batches] == expected


def test_nothing_wanted_gives_nothing() -> None:
    assert list(ListSource(1, 2).batches_from(0, lambda topic: False)) == []
