"""What the actions of `quantai data` have in common: their arguments, their tables, and a bar."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from quantai.core.clock import NS_PER_SECOND, iso_utc
from quantai.core.errors import StoreError
from quantai.data.progress import TerminalBar
from quantai.events.persistence.schema import event_class

if TYPE_CHECKING:
    from argparse import _SubParsersAction

DEFAULT_STORE = "store"
UNSOUND = 3
"""The exit status where a store has problems."""

_STATUS = (
    "Exit status: 0 when all is well, 3 when the store has problems or cannot be used, 2 for wrong arguments, "
    "130 after Ctrl-C."
)
_UNFOLDED = 10_000


def add_action(
    actions: _SubParsersAction[argparse.ArgumentParser], name: str, help: str, description: str = ""
) -> argparse.ArgumentParser:
    """The parser of an action on a store."""
    parser = actions.add_parser(name, help=help, description=description or help, epilog=_STATUS, allow_abbrev=False)
    parser.add_argument(
        "store", nargs="?", default=DEFAULT_STORE, help="its root: a folder, or a URI such as s3://bucket/prefix "
        "(default: %(default)s)"
    )  # fmt: skip
    return parser


def add_selection(parser: argparse.ArgumentParser) -> None:
    """Arguments for a part of the streams."""
    parser.add_argument(
        "--type", action="append", dest="types", type=_event_type, metavar="TYPE", help="trade, tick, ...; repeatable"
    )
    parser.add_argument("--venue", action="append", dest="venues", metavar="VENUE", help="binance; repeatable")
    parser.add_argument("--symbol", action="append", dest="symbols", metavar="SYMBOL", help="BTC/USDT; repeatable")


def _event_type(text: str) -> str:
    try:
        event_class(text)
    except StoreError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def add_range(parser: argparse.ArgumentParser) -> None:
    """Arguments for a part of the time."""
    parser.add_argument("--start", metavar="TIME", help="inclusive: ISO 8601, UTC where it has no zone")
    parser.add_argument("--end", metavar="TIME", help="exclusive")


def add_spool(parser: argparse.ArgumentParser) -> None:
    """The argument for journals that are not in the store."""
    parser.add_argument(
        "--spool", type=_folder, metavar="FOLDER", help="recorder.spool, where journals are not in the store"
    )


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return Path(text)


def make_console(*, soft_wrap: bool = False) -> Console:
    """Standard output: tables are folded for people at a terminal, and have whole lines for programs that read them."""
    console = Console(highlight=False, soft_wrap=soft_wrap)
    if not console.is_terminal:
        console.width = _UNFOLDED
    return console


def counted(number: int, what: str) -> str:
    """`1 part`, `2,000 parts`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def make_table(*headings: str, right: int = 0) -> Table:
    """A plain table whose last `right` columns are of numbers."""
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for position, heading in enumerate(headings):
        is_number = position >= len(headings) - right
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    return table


def minute(ts_ns: int) -> str:
    """A time to the minute."""
    return iso_utc(ts_ns)[:16].replace("T", " ")


def second(ts_ns: int) -> str:
    """A time to the second."""
    return iso_utc(ts_ns)[:19].replace("T", " ")


def span(length_ns: int) -> str:
    """A length of time to read at a glance, such as `23.9 h`."""
    seconds = length_ns / NS_PER_SECOND
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


class WorkBar(TerminalBar):
    """For long work on a store: pass it as `on_progress`."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__(console, transient=True)
        self._task = self._progress.add_task("looking at the store", total=None)

    def __call__(self, what: str, done: int, total: int) -> None:
        self._progress.update(self._task, description=what[-40:], completed=done, total=total)
