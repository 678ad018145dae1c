"""`quantai halt`, `resume`, `reduce`, `flatten` and `cancel`: only a running daemon can do that."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from quantai.cli.control.look import print_left
from quantai.cli.control.place import Place, View, add_arguments, split_name
from quantai.cli.control.showing import counted, make_console, make_table, number, order_table
from quantai.cli.control.state import states_text
from quantai.core.enums import TradingState
from quantai.core.errors import ConfigError, StartupError
from quantai.ops.control.client import NoDaemon
from quantai.ops.control.requests import (
    AnyRequest,
    CancelAllRequest,
    CancelRequest,
    FlattenRequest,
    TradingStateRequest,
)
from quantai.ops.control.views import Canceling, FlattenReport, StateChange

if TYPE_CHECKING:
    from argparse import _SubParsersAction

NOT_KEPT = 1
"""The exit status where it was done, and a restart would forget it."""
UNSAFE = 5
"""The exit status where something could not be proven flat."""

_FLATTEN_TIMEOUT_S = 120.0
_STATUSES = (
    "Exit status: 0 done, 1 done, but a restart would forget it, 2 wrong arguments, 3 the daemon cannot be reached, "
    "4 it refused or failed, 5 something could not be proven flat."
)
_HELP = {
    TradingState.HALTED: ("halt", "cancel what rests at the venues, and allow nothing but reducing orders"),
    TradingState.REDUCING: ("reduce", "allow nothing but reducing orders"),
    TradingState.ACTIVE: ("resume", "allow trading again"),
}
_DONE = {TradingState.HALTED: "halted", TradingState.REDUCING: "restricted", TradingState.ACTIVE: "resumed"}


def add_parsers(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the commands."""
    for state, (name, help) in _HELP.items():
        parser = commands.add_parser(name, help=help, description=f"{help.capitalize()}.", epilog=_STATUSES)
        add_arguments(parser, name="STRATEGY")
        parser.add_argument("--reason", default="", help="why; it is kept with the state, and who said so")
        parser.set_defaults(command=set_state, state=state)

    parser = commands.add_parser("flatten", help="halt, cancel what is open, and close positions", epilog=_STATUSES)
    add_arguments(parser, name="STRATEGY")
    parser.add_argument("--symbol", help="only orders and positions on it: BTC/USDT")
    parser.add_argument("--reason", default="", help="why; it is kept with the orders, and who said so")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(command=flatten)

    parser = commands.add_parser("cancel", help="cancel an order, or all", epilog=_STATUSES)
    add_arguments(parser, name="ORDER_ID")
    parser.add_argument("--all", action="store_true", help="every open order, or those chosen here:")
    parser.add_argument("--strategy", metavar="NAME", help="with --all: only its orders")
    parser.add_argument("--symbol", help="with --all: only orders on it")
    parser.set_defaults(command=cancel)


def set_state(options: argparse.Namespace) -> int:
    """Halt, restrict or resume.

    Raises `StartupError` where the daemon cannot be reached, `Refused` where it says no.
    """
    strategy, overrides = split_name(options.overrides, "strategy")
    request = TradingStateRequest(state=options.state, strategy=strategy, reason=options.reason)
    change = _told(Place(options, overrides), request, StateChange)
    console = make_console()
    console.print(states_text(change.states))
    if change.canceling:
        console.print(
            Text(f"being cancelled: {counted(len(change.canceling), 'order')}; `quantai orders` shows what is left")
        )
    if not change.not_kept:
        return 0
    done = _DONE[options.state]
    console.print(Text(f"{done}, but a restart would forget it: {change.not_kept}", style="bold red"))
    return NOT_KEPT


def cancel(options: argparse.Namespace) -> int:
    """Cancel. Raises as `set_state`."""
    order_id, overrides = split_name(options.overrides, "order")
    if (order_id is None) != options.all:
        raise ConfigError("name one order, or say --all")
    request: AnyRequest
    if order_id is None:
        request = CancelAllRequest(strategy=options.strategy, symbol=options.symbol)
    else:
        request = CancelRequest(order_id=order_id)
    canceling = _told(Place(options, overrides), request, Canceling).orders
    for client_order_id in canceling:
        make_console().print(Text(f"{client_order_id} is being cancelled"))
    if not canceling:
        make_console().print("nothing is open")
    return 0


def flatten(options: argparse.Namespace) -> int:
    """Flatten, and say what is left. Raises as `set_state`."""
    strategy, overrides = split_name(options.overrides, "strategy")
    if not options.yes and not _is_meant(strategy, options.symbol):
        make_console().print("nothing was done")
        return 0
    request = FlattenRequest(strategy=strategy, symbol=options.symbol, reason=options.reason)
    report = _told(Place(options, overrides), request, FlattenReport, _FLATTEN_TIMEOUT_S)
    _print_report(make_console(), report)
    return 0 if report.is_flat else UNSAFE


def _is_meant(strategy: str | None, symbol: str | None) -> bool:
    """Asks at a terminal. Raises `ConfigError` where nobody is there to be asked."""
    what = f"all positions{f' in {symbol}' if symbol else ''}{f' of {strategy}' if strategy else ''}"
    if not sys.stdin.isatty():
        raise ConfigError(f"nobody is there to be asked: say --yes to close {what} at the market")
    print_question = make_console(to_stderr=True).print
    print_question(Text(f"This halts {strategy or 'everything'}, cancels its orders and closes {what} at the market."))
    print_question("Go on? Type yes: ", end="")
    return sys.stdin.readline().strip().lower() == "yes"


def _told(place: Place, request: AnyRequest, answer: type[View], timeout_s: float = 10.0) -> View:
    """What the daemon answers. Without one nothing is done, and what it left is shown: raises `NoDaemon`."""
    try:
        return place.ask(request, answer, timeout_s)
    except NoDaemon as missing:
        with suppress(StartupError):
            print_left(place, missing)
        raise NoDaemon(f"{missing}: nothing was done, only a running daemon can do that") from None


def _print_report(console: Console, report: FlattenReport) -> None:
    if report.canceled:
        console.print(Text(f"{counted(len(report.canceled), 'order')} cancelled: {', '.join(report.canceled)}"))
    if report.lines:
        table = make_table("STRATEGY", "VENUE", "SYMBOL", "BEFORE", "AFTER", "ORDERS", right=("BEFORE", "AFTER"))
        for line in report.lines:
            after = Text(number(line.after), style="bold red" if line.after else "green")
            table.add_row(line.strategy, line.venue, line.symbol, number(line.before), after, str(len(line.orders)))
        console.print(table)
    for line in report.lines:
        if line.problem:
            console.print(Text(f"{line.strategy} {line.venue} {line.symbol}: {line.problem}", style="bold red"))
    if report.left_open:
        console.print(Text("These orders may still trade:", style="bold red"))
        console.print(order_table(report.left_open, console.width))
    if report.is_flat:
        console.print(Text("flat", style="bold green"))
    else:
        console.print(Text("NOT proven flat: look at the venues, then ask again", style="bold red"))
