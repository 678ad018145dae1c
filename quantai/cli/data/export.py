"""`quantai data export`: a range of a store as one file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from quantai.cli.data.shared import WorkBar, add_action, add_range, add_selection
from quantai.events.persistence.maintenance import ExportFormat, export

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(actions: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the action."""
    endings = ", ".join(ExportFormat)
    parser = add_action(actions, "export", "write a range of a store to one file for other tools")
    parser.add_argument("--to", type=Path, required=True, metavar="FILE", help=f"ends with one of {endings}")
    add_selection(parser)
    add_range(parser)
    parser.set_defaults(command=export_range)


def export_range(options: argparse.Namespace) -> int:
    """Export, and say how much. Raises `ConfigError` or `StoreError` where that cannot be."""
    selection = options.types, options.venues, options.symbols, options.start, options.end
    with WorkBar() as bar:
        events = export(options.store, options.to, *selection, on_progress=bar)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{options.to}: {events:,} events, {options.to.stat().st_size / 1e6:.1f} MB")
    return 0
