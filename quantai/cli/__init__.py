"""`quantai`: look at configurations, control daemons, fill stores, compare runs. (`quantai-daemon` runs.)"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from quantai.cli import check, control, data, doctor, report, strategy, venue
from quantai.core.errors import ConfigError, QuantAIError
from quantai.terminal import print_error
from quantai.version import VERSION

INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells count it."""
NOBODY_READS = 141
"""The exit status where whoever read the output has gone, such as `head`."""


def main() -> None:
    """The console script. Exits 0 when done, 2 for bad arguments, 3 for files that fail and daemons that are not there,
    130 on Ctrl-C; commands say what else.
    """
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run with command line `arguments`; the exit status."""
    options = parse(arguments)
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


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; overrides may stand before and after them."""
    parser = build_parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and ("overrides" not in options or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.overrides = [*options.overrides, *rest]
    return options


class Parser(argparse.ArgumentParser):
    """Tells what is wrong with arguments in one line. Those of its commands are made of it, too."""

    def error(self, message: str) -> NoReturn:
        self.exit(ConfigError.exit_status, f"{self.prog}: {message} (`{self.prog} --help` tells more)\n")


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = Parser(
        prog="quantai",
        description="Checks configurations, controls daemons, keeps stores, compares runs. `quantai-daemon` runs.",
        epilog="`quantai COMMAND --help` tells more.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"quantai {VERSION}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in (check, control, data, doctor, report, strategy, venue):
        module.add_parser(commands)
    return parser
