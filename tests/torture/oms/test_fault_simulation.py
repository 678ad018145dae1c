"""The short form of `python -m tests.torture.oms`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.oms.__main__ import told
from tests.torture.oms.world import run_seed

SEEDS, BATCH = 500, 50
_ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("first", range(0, SEEDS, BATCH))
def test_no_invariant_breaks_whatever_goes_wrong(first: int) -> None:
    for seed in range(first, first + BATCH):
        verdict = run_seed(seed)
        assert not verdict.problems, told(verdict)


def test_a_seed_does_the_same_twice_and_another_does_something_else() -> None:
    assert run_seed(7).digest == run_seed(7).digest
    assert run_seed(7).digest != run_seed(8).digest


def test_a_seed_does_the_same_in_any_process() -> None:
    code = "from tests.torture.oms.world import run_seed; print(run_seed(7).digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=_ROOT, env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }  # fmt: skip
    assert digests == {run_seed(7).digest}
