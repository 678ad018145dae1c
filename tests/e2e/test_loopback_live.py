"""A few minutes of the hour of `make hour`: faults on, the daemon killed once; then everything must agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantai.core.clock import NS_PER_SECOND
from tests.e2e.hour import live
from tests.e2e.hour_run import RECORDING, TRADING, Run
from tests.e2e.hour_venues import fault_plan

MINUTES, SPEED = 2.0, 12.0
SPAN_NS = 600 * NS_PER_SECOND


async def test_venue_journal_and_portfolio_agree_after_faults_and_a_kill(tmp_path: Path) -> None:
    report = await live(Run(TRADING, MINUTES, SPEED, 3, tmp_path))
    assert report.wrong == []
    assert report.figures["fills"] > 0
    assert report.figures["faults"]["cut"] > 0
    assert report.figures["answered_429"] == report.figures["faults"].get("rate_limit", 0)


async def test_a_recording_has_all_that_was_printed_but_what_its_ledger_excuses(tmp_path: Path) -> None:
    report = await live(Run(RECORDING, MINUTES, SPEED, 4, tmp_path))
    assert report.wrong == []
    assert report.figures["trades_printed"] > report.figures["trades_in_gaps"]
    assert report.figures["gap_rows"] > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_what_goes_wrong_depends_on_the_seed_alone_and_ends_before_the_end(seed: int) -> None:
    plan = fault_plan(seed, SPAN_NS)
    assert plan == fault_plan(seed, SPAN_NS) != fault_plan(seed + 1, SPAN_NS)
    assert max(each.after_ns for each in plan) < SPAN_NS * 4 // 5
