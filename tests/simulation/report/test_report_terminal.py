"""The summary of a run in 80 columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from quantai.core.errors import StoreError
from quantai.simulation.report import summary_table


def rendered(summary: dict[str, Any], width: int = 80) -> list[str]:
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(summary_table(summary))
    return capture.get().splitlines()


@pytest.fixture
def summary(run_folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run_folder / "summary.json").read_text())
    return content


def test_strategies_and_total_are_listed_with_their_figures(summary: dict[str, Any]) -> None:
    lines = rendered(summary)
    for name in ("ema_cross", "mean_reversion"):
        own = summary["strategies"][name]
        (line,) = (line for line in lines if line.strip().startswith(name))
        assert f"{float(own['pnl']):+,.2f}" in line
        assert f"{own['orders']:,}" in line
    (total,) = (line for line in lines if line.strip().startswith("Total"))
    assert f"{float(summary['pnl']):+,.2f}" in total
    assert f"{summary['fills']:,}" in total


def test_huge_figures_and_long_names_fit_80_columns(summary: dict[str, Any]) -> None:
    huge = {"fees": "-999999999999999", "pnl": "-999999999999999", "orders": 99_999_999, "fills": 99_999_999}
    summary["strategies"]["a_name_that_nobody_would_type_but_a_sweep_may_well_generate"] = (
        summary["strategies"]["ema_cross"] | huge
    )
    lines = rendered(summary | huge)
    assert max(map(len, lines)) <= 80
    assert sum("-1.0000e+15" in line and "99,999,999" in line for line in lines) == 2


def test_markup_in_a_name_is_shown_as_it_is(summary: dict[str, Any]) -> None:
    summary["strategies"] = {"[red]x[/red] :smile:": summary["strategies"]["ema_cross"]}
    assert "[red]x[/red] :smile:" in "\n".join(rendered(summary))


def test_a_run_without_strategies_has_a_total(summary: dict[str, Any]) -> None:
    summary["strategies"] = {}
    assert any(line.strip().startswith("Total") for line in rendered(summary))


@pytest.mark.parametrize("content", [{}, {"status": "failed", "error": "no data"}])
def test_what_is_no_summary_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match=r"summary\.json"):
        summary_table(content)
