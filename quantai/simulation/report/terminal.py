"""A run in the terminal: one line a strategy and the total, in 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from quantai.simulation.report.formatting import count, money, percent
from quantai.simulation.report.summary import most_first, parse_summary

STYLES = {"+": "green", "-": "red"}
COMPACT_FROM = Decimal(10) ** 8
NAME_WIDTH = 40


def summary_table(summary: Mapping[str, Any]) -> Table:
    """The summary of a run as `summary.json` holds it, as a table. Raises `StoreError` for one that is malformed."""
    run = parse_summary(summary)
    places = run.places
    table = terminal_table(["Strategy"], [f"PnL {run.currency}", "Max DD", "Fees", "Orders", "Fills"])
    for name, own in sorted(run.strategies.items(), key=lambda item: (most_first(item[1].pnl), item[0])):
        figures = (amount(own.pnl, places, signed=True), percent(own.max_drawdown), amount(own.fees, places))
        table.add_row(Text(name), *map(figure, figures), count(own.orders), count(own.fills))
    table.add_section()
    figures = (amount(run.pnl, places, signed=True), percent(run.max_drawdown), amount(run.fees, places))
    table.add_row(Text("Total"), *map(figure, figures), count(run.orders), count(run.fills), style="bold")
    return table


def terminal_table(names: Sequence[str], figures: Sequence[str]) -> Table:
    """An empty table: columns of names, which give way when space is short, and columns of figures, which do not."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in names:
        table.add_column(Text(heading), overflow="ellipsis", max_width=NAME_WIDTH)
    for heading in figures:
        table.add_column(Text(heading), justify="right", no_wrap=True)
    return table


def amount(value: Decimal | None, places: int, signed: bool = False) -> str:
    """Money for a narrow column: from a hundred million on, five digits and an exponent."""
    if value is None or abs(value) < COMPACT_FROM:
        return money(value, places, signed)
    return f"{value:{'+' if signed else ''}.4e}"


def figure(text: str) -> Text:
    """A figure, green or red when it carries a sign."""
    return Text(text, style=STYLES.get(text[:1], ""))
