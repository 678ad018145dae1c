"""Several runs side by side."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from quantai.core.errors import ConfigError, StoreError
from quantai.simulation.report import compare_runs, comparison_table, write_comparison, write_report
from quantai.simulation.report.page import plotly_library

FakeRuns = Callable[..., Any]
Browser = Callable[[Path], str]


@pytest.fixture
def sweep(fake_run: FakeRuns, tmp_path: Path) -> list[Path]:
    """Four jobs of a sweep: three finished, one failed."""
    folders = []
    for job, (pnl, drawdown) in enumerate((("5", "0.1"), ("9", "0.3"), ("9", "0.2"))):
        folder = fake_run(minutes=400, seed=job).write(tmp_path / "sweep" / str(job), pnl=pnl, max_drawdown=drawdown)
        folders.append(folder)
    failed = tmp_path / "sweep" / "3"
    failed.mkdir()
    (failed / "summary.json").write_text(json.dumps({"status": "failed", "error": "fast <b>must</b> be below slow"}))
    folders.append(failed)
    for job, folder in enumerate(folders):
        override(folder, "mode=simulation", f"strategies.ema.params.fast={5 + job}", "+strategies.ema.params.note=a=b")
    return folders


def override(folder: Path, *lines: str) -> None:
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text("".join(f"- {line}\n" for line in lines))


def rendered(table: Any, width: int) -> list[str]:
    console = Console(width=width, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get().splitlines()


def test_runs_rank_by_pnl_then_by_drawdown_and_failures_come_last(sweep: list[Path]) -> None:
    assert [run.label for run in compare_runs(sweep).runs] == ["2", "1", "0", "3"]


def test_parameters_are_split_into_varied_and_common(sweep: list[Path]) -> None:
    comparison = compare_runs(sweep)
    assert comparison.varied == ("strategies.ema.params.fast",)
    assert comparison.common == {"mode": "simulation", "strategies.ema.params.note": "a=b"}
    assert comparison.describe(comparison.runs[0]) == "fast=7"


def test_a_parameter_only_one_run_has_is_varied(fake_run: FakeRuns, tmp_path: Path) -> None:
    folders = [fake_run(minutes=60).write(tmp_path / name) for name in ("a", "b")]
    override(folders[0], "fast=1")
    assert compare_runs(folders).varied == ("fast",)


def test_keys_that_end_alike_keep_their_full_names(fake_run: FakeRuns, tmp_path: Path) -> None:
    folders = [fake_run(minutes=60).write(tmp_path / name) for name in ("a", "b")]
    override(folders[0], "x.fast=1", "y.fast=2")
    comparison = compare_runs(folders)
    assert comparison.describe(next(run for run in comparison.runs if run.label == "a")) == "x.fast=1, y.fast=2"


def test_a_failed_run_keeps_its_error(sweep: list[Path]) -> None:
    failed = compare_runs(sweep).runs[-1]
    assert (failed.error, failed.summary) == ("fast <b>must</b> be below slow", None)


@pytest.mark.parametrize("damage", ["summary.json", "equity.parquet", ".hydra/overrides.yaml"])
def test_a_damaged_run_is_kept_with_its_error(sweep: list[Path], damage: str) -> None:
    (sweep[0] / damage).write_text("{")
    damaged = next(run for run in compare_runs(sweep).runs if run.label == "0")
    assert damage in (damaged.error or "")


def test_a_job_that_left_nothing_is_kept_with_its_error(sweep: list[Path]) -> None:
    (sweep[0] / "summary.json").unlink()
    assert "did not finish" in (compare_runs(sweep).runs[-2].error or "")


def test_labels_are_as_short_as_tells_runs_apart(fake_run: FakeRuns, tmp_path: Path) -> None:
    folders = [fake_run(minutes=60).write(tmp_path / day / "0") for day in ("monday", "tuesday")]
    assert sorted(run.label for run in compare_runs(folders).runs) == ["monday/0", "tuesday/0"]


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing to compare"):
        compare_runs([])


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a folder"):
        compare_runs([tmp_path / "absent"])


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_table_fits_and_shows_figures_whole(sweep: list[Path], width: int) -> None:
    lines = rendered(comparison_table(compare_runs(sweep)), width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for expected in ("PnL USDT", "fast=7", "+9.00", "20.00%", "failed", "3: fast <b>must</b> be below slow"):
        assert expected in text


def test_the_page_is_drawn_and_links_to_the_reports_beside_it(sweep: list[Path], open_page: Browser) -> None:
    write_report(sweep[1], "shared")
    target = write_comparison(sweep, sweep[0].parent / "comparison.html", "shared")
    dom = open_page(target)
    assert "data-error" not in dom
    assert 'data-drawn="1"' in dom
    assert len(re.findall(r'<g class="trace scatter', dom)) == 3
    assert re.findall(r'<a href="([^"]*)"', dom) == ["1/report.html"]
    assert "fast &lt;b&gt;must&lt;/b&gt; be below slow" in dom
    assert "The same in all: mode=simulation" in dom


def test_the_page_is_deterministic_and_stands_alone(sweep: list[Path]) -> None:
    folder = sweep[0].parent
    first = write_comparison(sweep, folder / "a.html").read_bytes()
    assert write_comparison(list(reversed(sweep)), folder / "b.html").read_bytes() == first
    assert "http" not in first.decode().replace(plotly_library(), "").replace("http-equiv", "")


def test_only_failures_still_make_a_page(sweep: list[Path]) -> None:
    page = write_comparison(sweep[3:], sweep[0].parent / "comparison.html").read_text(encoding="utf-8")
    assert "1 run, 1 failed" in page
    assert "No run finished." in page
    assert "No run has an equity curve." in page


def test_different_currencies_are_pointed_out(fake_run: FakeRuns, tmp_path: Path) -> None:
    folders = [fake_run(minutes=60).write(tmp_path / name, currency=name) for name in ("EUR", "USDT")]
    page = write_comparison(folders, tmp_path / "comparison.html", "shared").read_text(encoding="utf-8")
    assert "counted in EUR, USDT" in page
