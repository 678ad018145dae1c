"""`quantai data verify`: prove a store."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.text import Text

from quantai.cli.data.shared import (
    UNSOUND,
    WorkBar,
    add_action,
    add_spool,
    counted,
    make_console,
    make_table,
    minute,
    span,
)
from quantai.core.errors import StoreError
from quantai.events.persistence.maintenance import Finding, GapSummary, StoreReport, StreamReport, verify

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_SHOWN_PER_KIND = 10


def add_parser(actions: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the action."""
    parser = add_action(
        actions,
        "verify",
        "prove a store",
        "Reads every part with its checksums: columns, values, order, times, statistics, duplicates, overlaps, gaps; "
        "and looks for journals, interrupted work and files that do not belong. Changes nothing.",
    )
    parser.add_argument("--json", action="store_true", help="the whole report as JSON")
    add_spool(parser)
    parser.set_defaults(command=verify_store)


def verify_store(options: argparse.Namespace) -> int:
    """Print the report. Raises `StoreError` where there is no store, or nothing in it."""
    with WorkBar() as bar:
        report = verify(options.store, spool=options.spool, on_progress=bar)
    if not (report.streams or report.findings):  # a mistyped folder must not pass for a sound store
        raise StoreError(f"the store at {options.store} holds nothing to verify: is it the right one?")
    if options.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report)).decode() + "\n")
        sys.stdout.flush()
    else:
        _print(report)
    return 0 if report.is_sound else UNSOUND


def _print(report: StoreReport) -> None:
    console = make_console()
    _print_streams(console, report.streams)
    if report.gaps:
        _print_gaps(console, report.gaps)
    _print_findings(console, report.findings)
    problems = sum(finding.is_problem for finding in report.findings)
    rows = sum(stream.rows for stream in report.streams)
    parts = sum(stream.parts for stream in report.streams)
    verdict = Text(counted(problems, "problem"), "red") if problems else Text("sound", "green")
    size = f"{counted(rows, 'row')} in {counted(parts, 'part')} of {counted(len(report.streams), 'stream')}: "
    console.print(Text.assemble(size, verdict))


def _print_streams(console: Console, streams: tuple[StreamReport, ...]) -> None:
    table = make_table("Type", "Venue", "Symbol", "Parts", "Rows", "Twice", "Since", right=4)
    for stream in streams:
        figures = f"{stream.parts:,}", f"{stream.rows:,}", f"{stream.duplicates:,}", minute(stream.start_ns)[:10]
        table.add_row(stream.type, stream.venue, stream.symbol, *figures)
    console.print(table)


def _print_gaps(console: Console, gaps: tuple[GapSummary, ...]) -> None:
    console.print()
    table = make_table("Gaps at", "Symbol", "Count", "Together", "Events lost", "Open", right=4)
    for gap in gaps:
        lost = f"{gap.lost:,}" if gap.lost else "unknown"
        table.add_row(
            gap.venue or "(all)", gap.symbol or "(all)", f"{gap.count:,}", span(gap.length_ns), lost, f"{gap.open:,}"
        )
    console.print(table)


def _print_findings(console: Console, findings: tuple[Finding, ...]) -> None:
    counts = Counter(finding.kind for finding in findings)
    shown: Counter[str] = Counter()
    for finding in findings:
        shown[finding.kind] += 1
        if shown[finding.kind] <= _SHOWN_PER_KIND:
            style = "red" if finding.is_problem else "yellow"
            console.print(
                Text.assemble("\n", (finding.kind, style), f" {finding.where}\n  {finding.what}"), soft_wrap=True
            )
    for kind, count in counts.items():
        if count > _SHOWN_PER_KIND:
            console.print(f"and {count - _SHOWN_PER_KIND:,} more of {kind}: --json lists them all")
    if findings:
        console.print()
