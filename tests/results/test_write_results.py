"""What a whole run leaves when something is not known, or cannot be written; the exit status is the run's own."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from quantai import daemon, run_results
from quantai.assembly import Graph
from quantai.config import load_config
from quantai.core.errors import QuantAIError, StoreError
from quantai.daemon import DONE, FAILED, UNSAFE, Outcome, run, serve
from quantai.run_results import write_results
from quantai.terminal import print_outcome
from tests.assembly.world import BRIEF, graph_of

IN_COINS = "portfolio.balances.binance={USDT: 1000, BTC: 2}"
UNKNOWN = ("starting_equity", "ending_equity", "pnl", "max_drawdown")


def results_of(graph: Graph, outcome: Outcome, folder: Path) -> dict[str, Any]:
    return write_results(
        graph, "hash", folder, wall_seconds=0.2, exit_status=outcome.status, interrupted=True,
        problems=outcome.errors, shares_script=False,
    )  # fmt: skip


async def test_a_run_stopped_before_anything_had_a_price_leaves_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    graph = graph_of(tmp_path, BRIEF, IN_COINS)
    graph.markets.feed.stop()
    outcome = await serve(graph)
    outcome.summary = results_of(graph, outcome, tmp_path)
    assert (outcome.status, outcome.summary["status"]) == (DONE, "done")
    assert {outcome.summary[name] for name in UNKNOWN} == {None}
    assert outcome.summary["unpriced"] == 1
    assert outcome.summary["balances"]["binance:BTC"] == "2"
    assert pq.read_metadata(tmp_path / "equity.parquet").num_rows == 0
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    print_outcome(outcome, tmp_path, brief=False, open_report=False)
    assert f"report: {tmp_path / 'report.html'}" in capsys.readouterr().out
    print_outcome(outcome, tmp_path, brief=True, open_report=False)
    assert "None" not in capsys.readouterr().out


async def test_the_same_account_has_its_worth_where_prices_came(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, BRIEF, IN_COINS)
    summary = results_of(graph, await serve(graph), tmp_path)
    assert None not in {summary[name] for name in UNKNOWN}
    assert pq.read_metadata(tmp_path / "equity.parquet").num_rows > 0


# A report or a table that cannot be written


def interrupted(*_: Any, **__: Any) -> Path:
    raise KeyboardInterrupt


def broken(*_: Any, **__: Any) -> Path:
    raise ZeroDivisionError("nobody foresaw it")


def refused(*_: Any, **__: Any) -> Path:
    raise StoreError("report.html cannot be written: disk full")


@pytest.mark.parametrize(
    ("failing", "told"),
    [
        (refused, "no report: report.html cannot be written: disk full; "),
        (broken, "no report: ZeroDivisionError: nobody foresaw it; "),
        (interrupted, "no report: stopped by a signal; "),
    ],
)
def test_a_report_that_cannot_be_written_is_a_warning_and_changes_nothing_else(
    failing: Callable[..., Path], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_results, "write_report", failing)
    outcome = run(load_config(["data.duration=1s", "logging.console=none"]), tmp_path)
    assert (outcome.status, outcome.errors) == (DONE, [])
    kept = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert (kept["status"], kept["exit_status"], kept["error"]) == ("done", DONE, "")
    assert kept["events"] > 0
    assert not (tmp_path / "report.html").exists()
    log = (tmp_path / "daemon.log").read_text(encoding="utf-8")
    assert f"{told}the run and its other results are whole, `quantai report {tmp_path}` writes it again" in log


@pytest.mark.parametrize(("status", "ends_with"), [(DONE, FAILED), (FAILED, FAILED), (UNSAFE, UNSAFE)])
def test_results_that_are_lost_hide_neither_the_status_nor_the_problems_of_the_run(
    status: int, ends_with: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = ["1 orders may still trade: a1"] if status else []
    monkeypatch.setattr(daemon, "_run_loop", lambda graph: Outcome(status, errors=problems))
    (tmp_path / "orders.parquet").mkdir()
    with pytest.raises(QuantAIError) as caught:
        run(load_config(["data.duration=1s", "logging.console=none"]), tmp_path)
    assert caught.value.exit_status == ends_with
    assert str(caught.value).startswith("; ".join([*problems, f"{tmp_path / 'orders.parquet'} is not written"]))


def test_a_table_that_cannot_be_drawn_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = {"events": 5, "wall_seconds": 0.1, "events_per_second": 50, "strategies": {}, "fees": "1E+999"}
    print_outcome(Outcome(UNSAFE, summary=summary), tmp_path, brief=False, open_report=False)
    printed = capsys.readouterr().out
    assert "summary.json is no summary of a run" in printed
    assert "5 events in 0.1 s" in printed
