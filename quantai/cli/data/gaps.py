"""`quantai data gaps`: the gap ledger of a store."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from quantai.cli.data.shared import add_action, add_range, make_console, make_table, second, span
from quantai.events.persistence.maintenance import read_gaps
from quantai.events.persistence.store import list_parts

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(actions: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the action."""
    parser = add_action(
        actions,
        "gaps",
        "what is known to be missing in a store",
        "Lists the gap ledger: what was dropped, lost or not received, when and why. A gap is no problem of the store, "
        "which tells of it.",
    )
    parser.add_argument("--venue", help="of this exchange only")
    parser.add_argument("--symbol", help="of this symbol only, and of connections, which concern all")
    add_range(parser)
    parser.set_defaults(command=list_gaps)


def list_gaps(options: argparse.Namespace) -> int:
    """A line a gap. Raises `StoreError` for no store, one without that venue or symbol, or a ledger that is broken."""
    list_parts(options.store, venues=options.venue, symbols=options.symbol)  # a mistyped name is no clean record
    found = read_gaps(options.store, venue=options.venue, symbol=options.symbol, start=options.start, end=options.end)
    console = make_console()
    if not found:
        console.print("no gaps are known")
        return 0
    table = make_table("Since (UTC)", "Venue", "Symbol", "Length", "Lost", "Why")
    for gap in found:
        length = "open" if gap.end_ns is None else span(gap.length_ns)
        why = gap.reason if gap.component == gap.venue else f"{gap.component}: {gap.reason}"
        lost = f"{gap.lost:,}" if gap.lost else "?"
        table.add_row(second(gap.start_ns), gap.venue or "(all)", gap.symbol or "(all)", length, lost, why)
    console.print(table)
    return 0
