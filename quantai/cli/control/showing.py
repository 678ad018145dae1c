"""How orders are shown: times, numbers, and a table that fits the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quantai.core.clock import iso_utc
from quantai.core.enums import OrderState
from quantai.core.numbers import plain
from quantai.ops.control.naming import shortened
from quantai.ops.control.views import OrderView

_WIDE = 150
"""From so many columns on, an order is shown with everything."""

_STYLES = {
    OrderState.UNKNOWN: "bold red",
    OrderState.DENIED: "red",
    OrderState.REJECTED: "red",
    OrderState.FILLED: "green",
    OrderState.PARTIALLY_FILLED: "green",
    OrderState.CANCELED: "dim",
    OrderState.EXPIRED: "dim",
}


def make_console(*, to_stderr: bool = False) -> Console:
    """Standard output, or error: colours and folding for people at a terminal, whole lines for programs."""
    console = Console(stderr=to_stderr, highlight=False)
    if not console.is_terminal:
        console.width = 10_000
    return console


def make_table(*headings: str, right: Sequence[str] = ()) -> Table:
    """A plain table whose cells stay in one line; columns named in `right` are of numbers."""
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    for heading in headings:
        is_number = heading in right
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=True, overflow="ellipsis")
    return table


def second(ts_ns: int) -> str:
    """A time to the second, in ISO 8601."""
    return f"{iso_utc(ts_ns)[:19]}Z"


def number(value: Decimal | None) -> str:
    """A number as people write it; nothing for None."""
    return "" if value is None else plain(value)


def counted(count: int, noun: str) -> str:
    """So many of them: `1 order`, `2 orders`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def price_of(order: OrderView) -> str:
    """The limit and the trigger, or `market`."""
    limit = "market" if order.price is None else plain(order.price)
    return limit if order.trigger_price is None else f"{limit} from {plain(order.trigger_price)}"


def state_of(state: OrderState) -> Text:
    """The state, coloured."""
    return Text(state, style=_STYLES.get(state, ""))


def order_table(orders: Sequence[OrderView], width: int) -> Table:
    """A line an order, in `width` columns: of ids there is enough to ask for them."""
    return _wide(orders) if width >= _WIDE else _narrow(orders)


def _wide(orders: Sequence[OrderView]) -> Table:
    table = make_table(
        "SUBMITTED (UTC)", "ORDER", "STRATEGY", "VENUE", "SYMBOL", "SIDE", "QUANTITY", "FILLED", "PRICE", "AVERAGE",
        "STATE", "REASON",
        right=("QUANTITY", "FILLED", "PRICE", "AVERAGE"),
    )  # fmt: skip
    for order in orders:
        average = plain(order.average_price) if order.filled_quantity else ""
        table.add_row(
            second(order.ts_submitted), order.client_order_id, order.strategy, order.venue, order.symbol, order.side,
            plain(order.quantity), plain(order.filled_quantity), price_of(order), average,
            state_of(order.state), Text(order.reason),
        )  # fmt: skip
    return table


def _narrow(orders: Sequence[OrderView]) -> Table:
    table = make_table(
        "MM-DD (UTC)", "ORDER", "SYMBOL", "SIDE", "QUANTITY", "PRICE", "STATE", right=("QUANTITY", "PRICE")
    )
    for order in orders:
        filled = f"{plain(order.filled_quantity)}/" if order.filled_quantity else ""
        table.add_row(
            second(order.ts_submitted)[5:16].replace("T", " "),
            shortened(order.client_order_id, 12),
            cut(order.symbol, 13),
            order.side,
            cut(f"{filled}{plain(order.quantity)}", 9),
            cut(price_of(order).removeprefix("market "), 14),
            Text(cut(order.state, 10), style=_STYLES.get(order.state, "")),
        )
    return table


def cut(text: str, width: int) -> str:
    """`text` in at most `width` characters."""
    return text if len(text) <= width else f"{text[: width - 1]}…"
