"""The short form of `python -m tests.torture.oms`, and that it would find what it looks for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quantai.core.clock import SimulatedClock
from quantai.core.numbers import ZERO
from quantai.events import Event, FillEvent
from quantai.oms import reports
from quantai.oms.journal import Written
from quantai.oms.ledger import Ledger
from quantai.oms.models import Order
from quantai.oms.reconciliation.resolver import Resolver
from quantai.portfolio.portfolio import Booked, Portfolio
from tests.torture.oms import world
from tests.torture.oms.__main__ import told, verdicts
from tests.torture.oms.disk import DurableModel
from tests.torture.oms.faults import KINDS
from tests.torture.oms.loop import SimulatedLoop, Stuck
from tests.torture.oms.world import Verdict, run_seed

SEEDS = 500
_ROOT = Path(__file__).resolve().parents[3]


def test_no_invariant_breaks_whatever_goes_wrong() -> None:
    crashes = 0
    for verdict in verdicts(range(SEEDS)):
        assert not verdict.problems, told(verdict)
        crashes += verdict.counts["crashes"]
    assert crashes > SEEDS / 2


def test_a_seed_does_the_same_twice_and_another_does_something_else() -> None:
    assert run_seed(7).digest == run_seed(7).digest
    assert run_seed(7).digest != run_seed(8).digest


def test_a_seed_does_the_same_in_any_process() -> None:
    code = "from tests.torture.oms.world import run_seed; print(run_seed(7).digest)"
    digests = {
        _python("-c", code, env={**os.environ, "PYTHONHASHSEED": hash_seed}).stdout.strip() for hash_seed in ("1", "2")
    }
    assert digests == {run_seed(7).digest}


def test_one_seed_is_replayed_in_words() -> None:
    replayed = _python("-m", "tests.torture.oms", "--seed", "7")
    assert "*** daemon 1 starts" in replayed.stdout
    assert f"seed 7: 0 invariants broke; the log is {run_seed(7).digest}" in replayed.stdout


def test_a_kind_of_fault_that_does_not_exist_is_refused() -> None:
    refused = _python("-m", "tests.torture.oms", "--seed", "7", "--without", "rain", is_fine=False)
    assert refused.returncode == 2
    assert "no such kind of fault: rain; there are drop," in refused.stderr


def test_a_failed_seed_says_what_broke_and_how_to_see_it_again() -> None:
    text = told(Verdict(4711, ["cash is gone"], "", ["the last line"], {}), ["drop", "delay"])
    assert "seed 4711 broke:\n  - cash is gone" in text
    assert "the last line" in text
    assert "make torture SEED=4711 ARGS='--without drop,delay'" in text


def test_without_any_fault_nothing_is_lost_and_nobody_dies() -> None:
    counts = run_seed(7, KINDS).counts
    assert counts["acts"] > 0
    assert counts["crashes"] == 0
    assert not set(counts) & set(KINDS)


def test_it_finds_orders_that_are_sent_before_they_are_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    append = DurableModel.append

    def too_early(
        self: DurableModel, order: Order, event: Any, account: Any = None, then: Written | None = None
    ) -> None:
        append(self, order, event, account)
        if then is not None:
            then(True)

    monkeypatch.setattr(DurableModel, "append", too_early)
    assert any("was sent before it was durable" in problem for problem in run_seed(7).problems)


def test_it_finds_fills_that_are_booked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    book_fill = Portfolio.book_fill

    def twice(self: Portfolio, fill: FillEvent) -> Booked:
        book_fill(self, fill)
        return book_fill(self, fill)

    monkeypatch.setattr(Portfolio, "book_fill", twice)
    assert any("position in alpha:BTC/USDT is" in problem for problem in run_seed(7, KINDS).problems)


def test_it_finds_fills_that_are_booked_though_they_were_inferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "confirmed_by", lambda order, report: ZERO)
    problems = [problem for seed in range(20) for problem in run_seed(seed).problems]
    assert any(problem.endswith("is booked") for problem in problems)


def test_it_finds_fills_that_are_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    publish = Ledger.publish

    def twice(self: Ledger, event: Event) -> None:
        publish(self, event)
        if isinstance(event, FillEvent):
            publish(self, event)

    monkeypatch.setattr(Ledger, "publish", twice)
    assert any("was published twice" in problem for problem in run_seed(7, KINDS).problems)


def test_it_finds_orders_that_nobody_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Resolver, "scan", lambda self, now_ns: None)
    monkeypatch.setattr(world, "_QUIET_WITHIN_S", 20)
    problems = [problem for seed in range(5) for problem in run_seed(seed).problems]
    assert any("did not become quiet" in problem for problem in problems)


def test_a_loop_in_which_nothing_can_happen_any_more_says_so() -> None:
    loop = SimulatedLoop(SimulatedClock())
    with pytest.raises(Stuck, match="no timer is armed"):
        loop.run_until_complete(loop.create_future())
    loop.finish()


def _python(
    *arguments: str, env: dict[str, str] | None = None, is_fine: bool = True
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=_ROOT, env=env, capture_output=True, text=True, check=is_fine
    )
