"""What people see when a run ends, well or not."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from quantai.core.errors import StoreError
from quantai.daemon import Outcome
from quantai.simulation.report import summary_table
from quantai.simulation.report.formatting import DASH


def print_error(error: Exception) -> None:
    """An error in one screen, on standard error, without a traceback."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(Text(str(error) or type(error).__name__, style="red"))


def print_outcome(outcome: Outcome, folder: Path, *, brief: bool, open_report: bool) -> None:
    """The table of a finished run, how fast it was, where its report is; just one line where `brief`."""
    console = Console(soft_wrap=True, highlight=False)
    summary = outcome.summary
    speed = f"{summary['events']:,} events in {summary['wall_seconds']:.1f} s ({summary['events_per_second']:,}/s)"
    if "strategies" in summary and not brief:
        _print_table(console, summary)
    for problem in outcome.errors:
        console.print(Text(problem, style="red"))
    result = f", PnL {summary['pnl'] or DASH} {summary['currency']}" if brief and "pnl" in summary else ""
    console.print(f"{speed}{result}")
    report = folder / "report.html"
    console.print(f"report: {near(report)}" if report.exists() and not brief else f"run folder: {near(folder)}")
    if open_report and report.exists() and not brief and _has_display():
        webbrowser.open(report.resolve().as_uri())


def _print_table(console: Console, summary: Mapping[str, Any]) -> None:
    """A table that cannot be drawn is a line: how a run ended does not depend on it."""
    try:
        console.print(summary_table(summary))
    except StoreError as error:
        console.print(Text(str(error), style="red"))


def _has_display() -> bool:
    """Whether a browser can show a window: without one, a text browser would take over the terminal."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def near(path: Path) -> Path:
    """The path from the working folder, where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
