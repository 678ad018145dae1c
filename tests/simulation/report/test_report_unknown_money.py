"""Money that nobody knows (something had no price) is a dash, ranks last and is drawn nowhere; it is never a zero."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from quantai.simulation.report import (
    compare_runs,
    comparison_table,
    load_run,
    summary_table,
    write_comparison,
    write_report,
)
from quantai.simulation.report.formatting import DASH
from quantai.simulation.report.page import plotly_library

FakeRuns = Callable[..., Any]
Browser = Callable[[Path], str]
MONEY = ("fees", "pnl", "realized_pnl", "unrealized_pnl", "max_drawdown", "traded_notional")
RUN_MONEY = ("fees", "starting_equity", "ending_equity", "pnl", "max_drawdown")
STOPPED_AT_ONCE = dict.fromkeys(RUN_MONEY)
ROW = re.compile(r"<tr[^>]*>(.*?)</tr>", re.DOTALL)


def forget(folder: Path, strategy: str | None = None, *, instrument: str | None = None, run: bool = False) -> Path:
    """Money that `summary.json` knew of a strategy, an instrument and the whole is known no more."""
    file = folder / "summary.json"
    summary = json.loads(file.read_text(encoding="utf-8"))
    if strategy is not None:
        summary["strategies"][strategy] |= dict.fromkeys(MONEY)
    if instrument is not None:
        summary["instruments"][instrument] |= dict.fromkeys(("fees", "pnl", "traded_notional"))
    if run:
        summary |= STOPPED_AT_ONCE
    file.write_text(json.dumps(summary), encoding="utf-8")
    return folder


@pytest.fixture
def nothing_known(run_folder: Path) -> Path:
    """A run that traded, and of which no amount is known."""
    forget(run_folder, run=True)
    for name in ("ema_cross", "mean_reversion"):
        forget(run_folder, name)
    for name in ("binance:BTC/USDT", "binance:ETH/USDT"):
        forget(run_folder, instrument=name)
    return run_folder


def own_part(path: Path) -> str:
    """The page without the library in it."""
    return path.read_text(encoding="utf-8").replace(plotly_library(), "")


def cells(page: str, name: str) -> list[str]:
    """The texts of the first row of a table that begins with `name`."""
    for row in ROW.findall(page):
        texts = [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        if texts and texts[0] == name:
            return texts
    raise AssertionError(f"no row {name!r}")


def chart(path: Path, name: str) -> dict[str, Any]:
    """A figure in a page."""
    match = re.search(r'<script type="application/json" id="charts">(.*?)</script>', own_part(path), re.DOTALL)
    assert match is not None
    [found] = [each["variants"][0] for each in json.loads(match[1]) if each["id"] == name]
    return dict(found)


def printed(table: Any) -> list[str]:
    console = Console(width=100, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get().splitlines()


def line_of(lines: list[str], name: str) -> list[str]:
    [line] = [line for line in lines if line.strip().startswith(name)]
    return line.split()


def test_totals_are_known_only_where_every_part_is(run_folder: Path) -> None:
    whole = load_run(run_folder).summary
    parts = whole.strategies.values()
    assert whole.realized_pnl == sum(part.realized_pnl or Decimal(0) for part in parts) != 0
    part_known = load_run(forget(run_folder, "ema_cross")).summary
    assert [part_known.realized_pnl, part_known.unrealized_pnl, part_known.traded_notional] == [None] * 3
    assert part_known.pnl == whole.pnl
    assert part_known.total_return is not None


@pytest.mark.parametrize("lost", ["starting_equity", "ending_equity"])
def test_without_a_start_or_an_end_there_is_no_return(run_folder: Path, lost: str) -> None:
    file = run_folder / "summary.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | {lost: None}), encoding="utf-8")
    assert load_run(run_folder).summary.total_return is None
    assert cells(own_part(write_report(run_folder)), "Total return")[1] == DASH


def test_a_run_stopped_before_anything_had_a_price_has_a_page(
    fake_run: FakeRuns, tmp_path: Path, open_page: Browser
) -> None:
    folder = fake_run(symbols=("BTC/USDT",)).write_files(tmp_path / "run", **STOPPED_AT_ONCE)
    path = write_report(forget(folder, "ema_cross", instrument="binance:BTC/USDT"))
    dom = open_page(path)
    assert "data-error" not in dom
    assert 'data-drawn="7"' in dom
    assert f"{DASH} \N{RIGHTWARDS ARROW} {DASH}" in own_part(path)
    assert "No PnL is known." in dom


def test_a_run_that_traded_and_knows_no_amount_shows_dashes_and_counts(nothing_known: Path) -> None:
    path = write_report(nothing_known)
    page = own_part(path)
    for name in ("Total return", "PnL", "Realized PnL", "Unrealized PnL", "Fees", "Max drawdown", "Turnover"):
        assert cells(page, name)[1] == DASH
    fills = load_run(nothing_known).fills.strategy.counts()
    for name in ("ema_cross", "mean_reversion"):
        row = cells(page, name)
        assert row[2] == f"{fills[name]:,}"
        assert row[5:11] == [DASH] * 6
    assert cells(page, "Portfolio")[5:11] == [DASH] * 6
    assert cells(page, "binance:BTC/USDT")[2:4] == [DASH] * 2
    assert chart(path, "by-strategy")["data"] == chart(path, "by-instrument")["data"] == []
    assert "shapes" not in chart(path, "equity")["layout"]
    assert chart(path, "equity")["data"] != []


def test_one_unknown_strategy_ranks_last_and_has_no_bar(run_folder: Path) -> None:
    known = load_run(run_folder).summary.strategies["mean_reversion"]
    path = write_report(forget(run_folder, "ema_cross", instrument="binance:ETH/USDT"))
    page = own_part(path)
    assert page.index(">mean_reversion</td>") < page.index(">ema_cross</td>")
    assert chart(path, "by-strategy")["data"][0]["x"] == [pytest.approx(float(known.pnl or 0))]
    assert len(chart(path, "by-instrument")["data"][0]["x"]) == 1
    assert page.count("after fees; of 1 it is unknown") == 2
    assert page.index(">binance:BTC/USDT</td>") < page.index(">binance:ETH/USDT</td>")


def test_the_terminal_shows_dashes_and_ranks_the_unknown_last(run_folder: Path) -> None:
    file = forget(run_folder, "ema_cross", run=True) / "summary.json"
    summary = json.loads(file.read_text(encoding="utf-8"))
    summary["strategies"]["mean_reversion"]["pnl"] = "-5"
    lines = printed(summary_table(summary))
    assert line_of(lines, "ema_cross")[1:4] == line_of(lines, "Total")[1:4] == [DASH] * 3
    assert line_of(lines, "mean_reversion")[1] == "-5.00000000"
    names = [line.split()[0] for line in lines if line.split()[:1] in (["ema_cross"], ["mean_reversion"])]
    assert names == ["mean_reversion", "ema_cross"]


@pytest.fixture
def ranked(fake_run: FakeRuns, tmp_path: Path) -> list[Path]:
    """A run that lost, one whose PnL is unknown, one that failed."""
    known = fake_run(minutes=60).write(tmp_path / "known", pnl="-7")
    unknown = forget(fake_run(minutes=60).write(tmp_path / "unknown"), "ema_cross", run=True)
    failed = tmp_path / "failed"
    failed.mkdir()
    (failed / "summary.json").write_text(json.dumps({"status": "failed", "error": "gone"}))
    return [failed, unknown, known]


def test_in_a_comparison_unknown_pnl_follows_any_known_and_precedes_failures(ranked: list[Path]) -> None:
    assert [run.label for run in compare_runs(ranked).runs] == ["known", "unknown", "failed"]
    lines = printed(comparison_table(compare_runs(ranked)))
    assert line_of(lines, "unknown")[1:3] == [DASH] * 2
    assert line_of(lines, "known")[1] == "-7.00"


def test_the_comparison_page_shows_dashes_and_draws_the_curve(ranked: list[Path], tmp_path: Path) -> None:
    target = write_comparison(ranked, tmp_path / "comparison.html")
    [row] = [row for row in ROW.findall(own_part(target)) if ">unknown<" in row]
    texts = [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
    rank, name, pnl, earned, drawdown, _, _, fees, traded = texts
    assert (rank, name) == ("2", "unknown")
    assert {pnl, earned, drawdown, fees, traded} == {DASH}
    assert len(chart(target, "equity")["data"]) == 2
