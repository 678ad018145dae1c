"""`quantai venue`: a venue on this machine, to try everything live without keys."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the command."""
    parser = commands.add_parser("venue", help="run a venue on this machine, to try live trading without keys")
    parser.add_argument(
        "dialect",
        metavar="venue",
        help="whose protocol it speaks: binance, binance_usdm or one that a package publishes",
    )
    parser.add_argument(
        "--port", type=int, default=8780, help="on 127.0.0.1; 0 for any free one (default: %(default)s)"
    )
    parser.add_argument(
        "--symbols",
        default="BTC/USDT,ETH/USDT",
        help="markets, each with @PRICE where it should start elsewhere (default: %(default)s)",
    )
    parser.add_argument("--balances", default="USDT=100000", help="what the account has (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the market and of random faults (default: %(default)s)")
    parser.add_argument("--speed", type=float, default=1.0, help="venue seconds in a second (default: %(default)s)")
    parser.add_argument(
        "--history", type=float, default=600.0, help="seconds of trades before now (default: %(default)s)"
    )
    parser.add_argument(
        "--recording", metavar="STORE", help="play the books and trades of this store, from its beginning"
    )
    parser.add_argument("--key", default="loopback-key", help="the API key of the account (default: %(default)s)")
    parser.add_argument("--secret-env", metavar="NAME", help="the variable that has its secret, plain or PEM")
    parser.add_argument("--faults", type=float, metavar="SECONDS", help="random faults, one in so many seconds")
    parser.add_argument(
        "--max-age",
        default="24h",
        metavar="DURATION",
        help="cut each connection when it is so old (default: %(default)s)",
    )
    parser.set_defaults(command=venue)


def venue(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM. Raises `ConfigError` for arguments, `StartupError` where the port is taken."""
    from quantai.cli.venue.serving import serve  # servers and cryptography: nothing else of `quantai` needs them

    serve(options)
    return 0
