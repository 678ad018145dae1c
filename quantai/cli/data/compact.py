"""`quantai data compact`: many small parts to few large ones."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rich.text import Text

from quantai.cli.data.shared import (
    UNSOUND,
    WorkBar,
    add_action,
    add_selection,
    add_spool,
    make_console,
    make_table,
)
from quantai.events.persistence.maintenance import CompactReport, compact
from quantai.events.persistence.maintenance.compact import MAX_ROWS

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(actions: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the action."""
    parser = add_action(
        actions,
        "compact",
        "merge the parts of each day",
        "Makes one part, or a few, of the many of a stream and day: the same rows in the same order, read back before "
        "the originals go. Readers that are running may have to begin again.",
    )
    add_selection(parser)
    parser.add_argument("--all", action="store_true", help="also today (UTC), which a recorder may be adding to")
    parser.add_argument(
        "--max-rows", type=_positive, default=MAX_ROWS, metavar="ROWS", help="of a part (default: %(default)s)"
    )
    add_spool(parser)
    parser.set_defaults(command=compact_store)


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number above 0")
    return int(text)


def compact_store(options: argparse.Namespace) -> int:
    """Compact, and print what was gained. Raises `StoreError` for no store, or one that another process changes."""
    with WorkBar() as bar:
        report = compact(
            options.store,
            options.types,
            options.venues,
            options.symbols,
            all_days=options.all,
            spool=options.spool,
            max_rows=options.max_rows,
            on_progress=bar,
        )
    _print(report, all_days=options.all)
    return UNSOUND if report.failed else 0


def _print(report: CompactReport, *, all_days: bool) -> None:
    console = make_console(soft_wrap=True)
    if report.compacted:
        table = make_table("Type", "Venue", "Symbol", "Date", "Files", "Rows", "MB", "now", right=4)
        for done in report.compacted:
            sizes = f"{done.bytes_before / 1e6:.1f}", f"{done.bytes_after / 1e6:.1f}"
            table.add_row(*done.stream, done.date, f"{done.files_before:,}", f"{done.rows:,}", *sizes)
        console.print(table, soft_wrap=False)
    for waiting in report.waiting:
        console.print(f"{waiting.where}\n  left for later: {waiting.why}")
    for failed in report.failed:
        console.print(Text.assemble(f"{failed.where}\n  ", ("failed", "red"), f": {failed.why}"))
    if not (report.compacted or report.waiting or report.failed):
        console.print(f"there is nothing to compact{'' if all_days else '; today (UTC) waits, --all takes it too'}")
