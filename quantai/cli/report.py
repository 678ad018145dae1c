"""`quantai report`: the page of one run again, or a comparison of several."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from quantai.simulation.report import compare_runs, comparison_table, write_comparison, write_report

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the command."""
    parser = commands.add_parser("report", help="write the report of a run, or compare several")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders")
    parser.add_argument("-o", "--output", type=Path, help="where the comparison goes (default: comparison.html here)")
    parser.set_defaults(command=report)


def report(options: argparse.Namespace) -> int:
    """Write and say where. Raises `StoreError` for a folder that is no run."""
    console = Console(highlight=False, soft_wrap=True)
    if len(options.runs) == 1:
        console.print(f"report: {write_report(options.runs[0])}")
        return 0
    target = write_comparison(options.runs, options.output or Path("comparison.html"))
    console.print(comparison_table(compare_runs(options.runs)))
    console.print(f"comparison: {target}")
    return 0
