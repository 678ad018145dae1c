"""`quantai`: look at configurations, fill stores, compare runs. (`quantai-daemon` runs.)"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from quantai.cli import check, data, report, strategy
from quantai.core.errors import ConfigError, QuantAIError
from quantai.terminal import print_error
from quantai.version import VERSION

INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells count it."""
NOBODY_READS = 141
"""The exit status where whoever read the output has gone, such as `head`."""


def main() -> None:
    """The console script. Exits 0 when done, 2 for bad arguments, 3 for files that fail, 130 on Ctrl-C."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run with command line `arguments`; the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except QuantAIError as error:
        print_error(error)
        return error.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered has nowhere to go
        return NOBODY_READS
    except OSError as error:
        print_error(error)
        return 3
    except KeyboardInterrupt:
        print_error(QuantAIError("stopped by Ctrl-C: nothing is left half done, run it again to go on"))
        return INTERRUPTED
    return status


class Parser(argparse.ArgumentParser):
    """Tells what is wrong with arguments in one line. Those of its commands are made of it, too."""

    def error(self, message: str) -> NoReturn:
        self.exit(ConfigError.exit_status, f"{self.prog}: {message} (`{self.prog} --help` tells more)\n")


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = Parser(
        prog="quantai",
        description="Looks at configurations, fills and keeps stores, compares runs. `quantai-daemon` runs.",
        epilog="`quantai COMMAND --help` tells more.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"quantai {VERSION}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (check, data, report, strategy):
        module.add_parser(commands)
    return parser
