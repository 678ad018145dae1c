"""`quantai`: look at configurations, fill stores, compare runs. (`quantai-daemon` runs.)"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from quantai.cli import check, data, report, strategy
from quantai.core.errors import QuantAIError
from quantai.terminal import print_error
from quantai.version import VERSION


def main() -> None:
    """The console script. Exits 0 when done, 2 for bad arguments or configuration, 3 for files that fail."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run with command line `arguments`; the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except QuantAIError as error:
        print_error(error)
        return error.exit_status
    except OSError as error:
        print_error(error)
        return 3
    return status


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(prog="quantai", description=__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"quantai {VERSION}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (check, data, report, strategy):
        module.add_parser(commands)
    return parser
