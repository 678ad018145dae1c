"""`quantai data export`: a range of a store as one file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from quantai.cli.data.shared import WorkBar, add_action, add_range, add_selection, counted, make_console
from quantai.events.persistence.maintenance import ExportFormat, export

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(actions: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the action."""
    endings = ", ".join(ExportFormat)
    parser = add_action(
        actions,
        "export",
        "write a range of a store to one file for other tools",
        "Writes events in the order of replay to one file, which appears whole or not at all. Nothing is overwritten.",
    )
    parser.add_argument("--to", type=_target, required=True, metavar="FILE", help=f"ends with one of {endings}")
    add_selection(parser)
    add_range(parser)
    parser.set_defaults(command=export_range)


def _target(text: str) -> Path:
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{text} must be a file on this machine; upload it from there")
    if not Path(text).parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {Path(text).parent}: make it first")
    return Path(text)


def export_range(options: argparse.Namespace) -> int:
    """Export, and say how much. Raises `ConfigError` or `StoreError` where that cannot be."""
    selection = options.types, options.venues, options.symbols, options.start, options.end
    with WorkBar() as bar:
        events = export(options.store, options.to, *selection, on_progress=bar)
    console = make_console(soft_wrap=True)
    console.print(f"{options.to}: {counted(events, 'event')}, {options.to.stat().st_size / 1e6:.1f} MB")
    return 0
