"""`quantai orders`, `quantai explain` and `quantai status`: looks into a daemon, or into what its journal says."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec
from rich.console import Console
from rich.text import Text

from quantai.cli.control.journal import open_archive
from quantai.cli.control.place import Place, add_arguments, split_name
from quantai.cli.control.showing import counted, make_console, order_table
from quantai.cli.control.state import print_kept, print_status
from quantai.cli.control.story import print_story
from quantai.core.enums import OrderState
from quantai.core.errors import ConfigError
from quantai.ops.control.archive import Archive
from quantai.ops.control.client import NoDaemon
from quantai.ops.control.requests import MAX_ORDERS, AnyRequest, ExplainRequest, OrdersRequest, StatusRequest
from quantai.ops.control.views import Listing, Status, Story

if TYPE_CHECKING:
    from argparse import _SubParsersAction

View = TypeVar("View", Listing, Story)

STATUSES = (
    "Exit status: 0 done, 2 wrong arguments, 3 neither daemon nor journal can be reached, "
    "4 the daemon refused or failed."
)


def add_parsers(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the commands."""
    parser = commands.add_parser("orders", help="list the orders of a daemon, or of its journal", epilog=STATUSES)
    add_arguments(parser)
    parser.add_argument("--all", action="store_true", help="closed orders, too (default: those that may still trade)")
    parser.add_argument("--strategy", metavar="NAME", help="only its orders; `external`: those that nobody here placed")
    parser.add_argument("--symbol", help="only orders on it: BTC/USDT")
    parser.add_argument("--venue", metavar="NAME", help="only orders there")
    parser.add_argument(
        "--state", type=_state, help="only orders in it: UNKNOWN, FILLED, ... (closed ones: with --all)"
    )
    parser.add_argument("--limit", type=_limit, default=100, help="the newest so many (default: %(default)s)")
    _add_json(parser)
    parser.set_defaults(command=orders)

    parser = commands.add_parser("explain", help="tell an order's whole story", epilog=STATUSES)
    add_arguments(parser, name="ORDER_ID")
    _add_json(parser)
    parser.set_defaults(command=explain)

    parser = commands.add_parser("status", help="tell how a daemon is", epilog=STATUSES)
    add_arguments(parser)
    _add_json(parser)
    parser.set_defaults(command=status)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs: one JSON object")


def _state(text: str) -> OrderState:
    try:
        return OrderState(text.upper())
    except ValueError:
        raise argparse.ArgumentTypeError(f"no state {text}; there are {', '.join(OrderState)}") from None


def _limit(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= MAX_ORDERS):
        raise argparse.ArgumentTypeError(f"must be 1 to {MAX_ORDERS}, not {text}")
    return int(text)


def orders(options: argparse.Namespace) -> int:
    """List them. Raises `StartupError` where nobody can be asked, `Refused` where the daemon says no."""
    request = OrdersRequest(
        strategy=options.strategy,
        venue=options.venue,
        symbol=options.symbol,
        state=options.state,
        closed=options.all,
        limit=options.limit,
    )
    place = Place(options, options.overrides)
    listing, remark = _asked(place, request, Listing, lambda archive: archive.orders(request))
    if options.json:
        return _print_json(listing)
    console = make_console()
    _print_remark(console, remark)
    if listing.orders:
        console.print(order_table(listing.orders, console.width))
    what = counted(len(listing.orders), "order" if options.all else "open order")
    more = f" (the newest; --limit shows up to {MAX_ORDERS})" if listing.has_more else ""
    console.print(Text(f"{what}{more}, told by {listing.source}"))
    return 0


def explain(options: argparse.Namespace) -> int:
    """Tell the story; list the matches where the id is not that of one order. Raises as `orders`."""
    order_id, overrides = split_name(options.overrides, "order")
    if order_id is None:
        raise ConfigError("which order? `quantai orders` lists them")
    request = ExplainRequest(order_id=order_id)
    place = Place(options, overrides)
    story, remark = _asked(place, request, Story, lambda archive: archive.explain(order_id))
    if options.json:
        return _print_json(story)
    console = make_console()
    _print_remark(console, remark)
    if story.matches:
        console.print(Text(f"{order_id} may be any of these {len(story.matches)}:"))
        console.print(order_table(story.matches, console.width))
        return ConfigError.exit_status
    print_story(console, story)
    return 0


def status(options: argparse.Namespace) -> int:
    """Tell how the daemon is; where there is none what it left, with status 3. Raises as `orders`."""
    place = Place(options, options.overrides)
    try:
        answer = place.ask(StatusRequest(), Status)
    except NoDaemon as missing:
        print_left(place, missing, as_json=options.json)
        return NoDaemon.exit_status
    if options.json:
        return _print_json(answer)
    print_status(make_console(), answer)
    return 0


def print_left(place: Place, missing: NoDaemon, *, as_json: bool = False) -> None:
    """What a daemon that does not run left in its journal. Raises `NoDaemon` where there is none to be read."""
    archive = open_archive(place, missing)
    kept = archive.kept()
    if as_json:
        _print_json(kept)
        return
    console = make_console()
    _print_remark(console, _remark(missing, archive))
    print_kept(console, kept)


def _asked(
    place: Place, request: AnyRequest, answer: type[View], from_archive: Callable[[Archive], View]
) -> tuple[View, str]:
    """What the daemon says; where there is none what its journal says, and a remark that it is so."""
    try:
        return place.ask(request, answer), ""
    except NoDaemon as missing:
        archive = open_archive(place, missing)
        return from_archive(archive), _remark(missing, archive)


def _remark(missing: NoDaemon, archive: Archive) -> str:
    return f"no daemon is running ({missing}): read from the journal, {archive.source}"


def _print_remark(console: Console, remark: str) -> None:
    if remark:
        console.print(Text(remark, style="yellow"))


def _print_json(answer: msgspec.Struct) -> int:
    make_console().print(msgspec.json.encode(answer).decode(), markup=False, soft_wrap=True)
    return 0
