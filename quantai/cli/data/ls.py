"""`quantai data ls`: what a store holds."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from quantai.cli.data.shared import add_action, make_console, make_table, minute, span
from quantai.events.persistence.store import summarise

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(actions: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the action."""
    parser = add_action(
        actions,
        "ls",
        "what a store holds",
        "Lists the streams of a store: how much there is, from when, and for how long.",
    )
    parser.set_defaults(command=list_store)


def list_store(options: argparse.Namespace) -> int:
    """A line a stream. Raises `StoreError` where there is no store."""
    table = make_table("Type", "Venue", "Symbol", "Rows", "MB", "From (UTC)", "Span", right=4)
    for stream in summarise(options.store):
        figures = f"{stream.rows:,}", f"{stream.bytes / 1e6:.1f}", minute(stream.start_ns)
        table.add_row(stream.type, stream.venue, stream.symbol, *figures, span(stream.end_ns - stream.start_ns))
    make_console().print(table)
    return 0
