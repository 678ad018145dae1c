"""How a daemon is, in one screen."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quantai.cli.control.showing import counted, cut, make_table, number, second
from quantai.cli.data.shared import span
from quantai.core.enums import TradingState
from quantai.core.numbers import plain
from quantai.ops.control.views import Kept, PositionView, Status, TradingStateView

_STYLES = {TradingState.ACTIVE: "green", TradingState.REDUCING: "yellow", TradingState.HALTED: "bold red"}
_SHOWN = 10


def print_status(console: Console, status: Status) -> None:
    """Everything, most important first."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    table.add_row("trading", states_text(status.states))
    table.add_row(
        "daemon", f"{status.mode} ({status.execution} execution), process {status.pid}, version {status.version}"
    )
    table.add_row("since", f"{second(status.since_ns)}, for {span(status.now_ns - status.since_ns)}")
    table.add_row("orders", f"{status.open_orders} open; {_counted(status)}")
    if status.unknown_orders:
        table.add_row("unknown", Text(_some(status.unknown_orders), style="bold red"))
    table.add_row("journal", _journal(status))
    table.add_row("reconciled", _reconciled(status))
    unpriced = f", without {status.unpriced} holdings that have no price" if status.unpriced else ""
    table.add_row("equity", f"{plain(round(status.equity, 8))} {status.currency}{unpriced}")
    table.add_row("positions", "" if status.positions else "flat")
    console.print(table)
    if status.positions:
        console.print(_positions(status.positions))


def print_kept(console: Console, kept: Kept) -> None:
    """What the next start will find."""
    console.print(Text.assemble("trading: ", states_text(kept.states)))
    console.print(
        Text(f"{counted(kept.open_orders, 'open order')}, {counted(len(kept.positions), 'position')} not flat")
    )
    if kept.positions:
        table = make_table("STRATEGY", "VENUE", "SYMBOL", "QUANTITY", right=("QUANTITY",))
        for each in kept.positions:
            table.add_row(each.strategy, each.venue, each.symbol, plain(each.quantity))
        console.print(table)


def states_text(states: Sequence[TradingStateView]) -> Text:
    """What may be traded: `ACTIVE`, or a line for everybody and each strategy of whom more is to be said."""
    if not states:
        return _state(TradingState.ACTIVE)
    lines = [
        Text.assemble(
            f"{each.strategy or 'all'} is ", _state(each.state), f" since {second(each.ts_ns)}: {each.reason}"
        )
        for each in states
    ]
    return Text("\n").join(lines)


def _state(state: TradingState) -> Text:
    return Text(state, style=_STYLES[state])


def _counted(status: Status) -> str:
    return ", ".join(f"{name} {count}" for name, count in status.counts.items() if count) or "nothing happened yet"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _journal(status: Status) -> Text:
    counts = "".join(f", {name} {count}" for name, count in status.journal_counts.items() if count)
    if status.journal_available:
        return Text(f"{status.journal}{counts}")
    return Text(f"{status.journal} CANNOT BE WRITTEN: new orders are denied{counts}", style="bold red")


def _reconciled(status: Status) -> Text:
    found = status.reconciliation
    if found is None or not found.proven_ns:
        return Text("there is no venue to compare the books with")
    lines = [f"{venue} {second(at_ns) if at_ns else 'never'}" for venue, at_ns in found.proven_ns.items()]
    counts = ", ".join(f"{name} {count}" for name, count in found.counts.items() if count)
    return Text("\n".join([*lines, *([counts] if counts else []), *found.mismatches[-_SHOWN:]]))


def _positions(positions: Sequence[PositionView]) -> Table:
    numbers = ("QUANTITY", "AVERAGE PRICE", "UNREALIZED")
    table = make_table("STRATEGY", "VENUE", "SYMBOL", *numbers, "IN", right=numbers)
    for each in positions:
        profit = None if each.unrealized_pnl is None else round(each.unrealized_pnl, 8)
        table.add_row(
            cut(each.strategy, 16), cut(each.venue, 10), each.symbol,
            plain(each.quantity), plain(round(each.average_price, 8)), number(profit) or "no price", each.currency,
        )  # fmt: skip
    return table
