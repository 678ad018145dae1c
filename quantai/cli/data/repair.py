"""`quantai data repair`: bring a store in order."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rich.text import Text

from quantai.cli.data.shared import UNSOUND, WorkBar, add_action, add_spool, make_console
from quantai.events.persistence.maintenance import RepairReport, repair

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(actions: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the action."""
    parser = add_action(
        actions,
        "repair",
        "mend what `verify` finds",
        "Takes in the journals of recorders that died, finishes interrupted compactions, removes leftovers, and writes "
        "damaged, disordered and misnamed parts anew. Originals go to .quarantine, and what is lost to the gap ledger.",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, change nothing")
    parser.add_argument(
        "--duplicates", action="store_true", help="drop trades that are there twice (same id and price)"
    )
    add_spool(parser)
    parser.set_defaults(command=repair_store)


def repair_store(options: argparse.Namespace) -> int:
    """Repair, and say what was done. Raises `StoreError` where there is no store, or another process changes it."""
    with WorkBar() as bar:
        report = repair(
            options.store, dry_run=options.dry_run, duplicates=options.duplicates, spool=options.spool, on_progress=bar
        )
    _print(report, dry_run=options.dry_run)
    return UNSOUND if report.failed or report.beyond_repair or (options.dry_run and report.done) else 0


def _print(report: RepairReport, *, dry_run: bool) -> None:
    console = make_console(soft_wrap=True)
    for done in report.done:
        console.print(Text(f"{done.where}\n  {'would ' if dry_run else ''}{done.what}"))
    for failed in report.failed:
        console.print(Text.assemble(f"{failed.where}\n  ", ("failed", "red"), f": {failed.what}"))
    for finding in report.beyond_repair:
        console.print(Text.assemble(f"{finding.where}\n  ", ("cannot be repaired", "red"), f": {finding.what}"))
    if not (report.done or report.failed or report.beyond_repair):
        console.print("there is nothing to repair")
