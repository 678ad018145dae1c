"""`quantai data import`: fill a store."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from quantai.cli.data.raw import add_options, import_recorded
from quantai.cli.data.shared import DEFAULT_STORE
from quantai.core.clock import iso_utc
from quantai.core.errors import ConfigError
from quantai.data.imports import CsvMapping, FileReport, FileStatus, ImportReport, import_files, list_formats
from quantai.data.progress import ProgressBar
from quantai.exchanges.raw_import import FORMAT as RAW

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(actions: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the action."""
    importing = actions.add_parser(
        "import",
        help="take files of market data into a store",
        description="Takes files of trades, quotes, bars and books into a store on the local disk. A file is imported "
        "whole or not at all, and never twice.",
        epilog="Exit status: 0 when all is well, 2 for wrong arguments, bad rows or a file that was refused, 3 when a "
        "file or the store cannot be used, 130 after Ctrl-C.",
        allow_abbrev=False,
    )
    importing.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CSV, also .gz or .zip; a store for raw")
    importing.add_argument("--venue", required=True, help="the exchange the data is from, as it will be configured")
    importing.add_argument("--symbol", help="the ccxt-unified symbol of the data, e.g. BTC/USDT")
    importing.add_argument(
        "--map-symbol",
        action="append",
        default=[],
        metavar="VENUE=UNIFIED",
        help="for files of several symbols; repeatable",
    )
    importing.add_argument(
        "--store", default=DEFAULT_STORE, metavar="FOLDER", help="root of the store (default: %(default)s)"
    )
    importing.add_argument("--format", help=f"one of {', '.join([*list_formats(), RAW])}; recognised where it can be")
    importing.add_argument("--mapping", type=Path, metavar="YAML", help="which column is what, for any other CSV")
    importing.add_argument(
        "--max-bad-rows", type=int, default=1_000, metavar="ROWS", help="more fail the file (default: %(default)s)"
    )
    add_options(importing)
    importing.set_defaults(command=import_data)


def import_data(options: argparse.Namespace) -> int:
    """Import, and tell what became of each file; 2 where a file failed or rows were bad."""
    report = ImportReport(tuple(import_recorded(options))) if options.format == RAW else _import_files(options)
    console = Console(highlight=False, soft_wrap=True)
    for file in report.files:
        _print_file(console, file)
    _print_next(console, report, options.store)
    return 2 if report.failed or report.bad_rows else 0


def _import_files(options: argparse.Namespace) -> ImportReport:
    mapping = CsvMapping.load(options.mapping) if options.mapping else None
    with ProgressBar() as bar:
        return import_files(
            options.files,
            options.store,
            venue=options.venue,
            symbol=options.symbol,
            symbols=_symbols(options.map_symbol),
            format=options.format,
            mapping=mapping,
            max_bad_rows=options.max_bad_rows,
            on_progress=bar,
        )


def _symbols(pairs: list[str]) -> dict[str, str]:
    symbols = {}
    for pair in pairs:
        venue_symbol, equals, unified = pair.partition("=")
        if not (venue_symbol and equals and unified):
            raise ConfigError(f"--map-symbol {pair!r} must be VENUE=UNIFIED, such as BTCUSDT=BTC/USDT")
        symbols[venue_symbol] = unified
    return symbols


def _print_file(console: Console, file: FileReport) -> None:
    if file.status is FileStatus.SKIPPED:
        console.print(f"{file.path}: imported before, nothing to do")
    elif file.status is FileStatus.FAILED:
        console.print(f"[red]{file.path}: nothing imported:[/red] {file.error}")
    else:
        written = ", ".join(f"{rows:,} {name}" for name, rows in file.rows_written.items()) or "nothing"
        span = (
            f", {iso_utc(file.start_ns)[:19]} to {iso_utc(file.end_ns)[:19]}" if file.start_ns and file.end_ns else ""
        )
        console.print(f"{file.path}: {file.format}, {file.rows_read:,} rows read, {written} written{span}")
    for bad in file.bad_row_examples:
        console.print(f"  [yellow]bad row[/yellow] {bad}")
    if file.bad_rows > len(file.bad_row_examples):
        console.print(f"  and {file.bad_rows - len(file.bad_row_examples):,} more bad rows")
    for what, count in file.oddities.items():
        console.print(f"  {count:,} rows: {what}")
    for warning in file.warnings:
        console.print(f"  [yellow]{warning}[/yellow]")


def _print_next(console: Console, report: ImportReport, store: str) -> None:
    if any(file.status is FileStatus.IMPORTED for file in report.files):
        console.print(f"next: quantai data ls {store}, or quantai-daemon data=files data.path={store}")
