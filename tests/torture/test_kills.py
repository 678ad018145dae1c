"""The short form of `python -m tests.torture.recorder`."""

from __future__ import annotations

from pathlib import Path

from tests.torture.recorder import Torture, read_everything

ROUNDS, AT_ONCE = 3, 2


def test_a_recorder_killed_at_any_moment_loses_one_flush_interval_at_most(tmp_path: Path) -> None:
    torture = Torture(tmp_path, seed=20_261_122)
    for _ in range(ROUNDS):
        torture.kill_some(AT_ONCE)
    torture.check()
    assert len(torture.losses) == ROUNDS * AT_ONCE
    assert read_everything(torture.store) > sum(loss.found for loss in torture.losses) > 0
