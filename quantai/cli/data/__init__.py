"""`quantai data`: fill a store with market data, look into it, and keep it in order."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from quantai.cli.data import compact, download, export, gaps, imports, ls, repair, verify

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the command."""
    parser = commands.add_parser(
        "data",
        help="fill a store with market data, look into it, and keep it in order",
        description="Fills a store with market data, looks into it, and keeps it in order.",
        epilog="`quantai data ACTION --help` tells more.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    for module in (ls, imports, download, export, gaps, verify, repair, compact):
        module.add_parser(actions)
