"""An order's story, top down: what it is now, what happened, and its family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from quantai.cli.control.showing import make_table, order_table, price_of, second, state_of
from quantai.core.clock import NS_PER_SECOND, iso_utc
from quantai.core.numbers import plain
from quantai.ops.control.views import OrderView, Story, StoryEntry

_HEAD = frozenset({"type", "client_order_id", "strategy", "venue", "symbol", "ts_event", "ts_init", "cause"})
"""What every event of an order has."""
_OF_TRADES = frozenset({"side", "trade_id", "price", "quantity", "fee", "fee_currency", "liquidity"})
"""What venues tell of trades only."""


_IN_NS = " in ns"
"""How the name of a length of time ends that a risk check compared."""


def print_story(console: Console, story: Story) -> None:
    """All there is to say of one order."""
    order = story.order
    if order is None:
        return
    for line in _header(order):
        console.print(line)
    if story.remark:
        console.print(Text(story.remark, style="yellow"))
    if story.entries:
        console.print()
        if story.left_out:
            console.print(Text(f"{story.left_out:,} older entries are left out", style="yellow"))
        console.print(_timeline(order, story.entries))
    for title, family in (("Parent", [story.parent] if story.parent else []), ("Children", story.children)):
        if family:
            console.print()
            console.print(Text(title, style="bold"))
            console.print(order_table(family, console.width))


def _header(order: OrderView) -> Iterator[Text]:
    is_bare = order.price is None and order.trigger_price is None
    kind = order.order_type if is_bare else f"{order.order_type} {price_of(order).removeprefix('market ')}"
    ask = f"{order.side} {plain(order.quantity)} {order.symbol} at {order.venue}, {kind} {order.time_in_force}"
    yield Text.assemble((order.client_order_id, "bold"), "  ", state_of(order.state))
    flags = {"at the venue": order.at_venue, "reduce only": order.reduce_only, "a parent": order.is_parent}
    yield Text(", ".join([ask, *(name for name, is_set in flags.items() if is_set)]))
    if order.options:
        yield Text(f"options: {', '.join(f'{name} {value}' for name, value in order.options)}")
    if order.filled_quantity:
        filled = f"{plain(order.filled_quantity)} of {plain(order.quantity)} at {_rounded(order.average_price)}"
        yield Text(f"filled {filled} on average")
    if order.reason:
        yield Text(f"reason: {order.reason}")
    sent = "" if order.is_sent or order.is_parent else ", never sent"
    venue_id = f", {order.venue} calls it {order.venue_order_id}" if order.venue_order_id else ""
    yield Text(f"strategy {order.strategy}{venue_id}{sent}")
    yield Text(f"submitted {second(order.ts_submitted)}, last heard of {second(order.ts_last)}")
    if order.cause:
        yield Text(f"because of {order.cause}")


def _rounded(price: Decimal) -> str:
    return plain(round(price, 12))


def _timeline(order: OrderView, entries: Sequence[StoryEntry]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("TIME (UTC)", no_wrap=True)
    table.add_column("WHAT", no_wrap=True)
    table.add_column("DETAIL", overflow="fold")
    day = ""
    for entry in entries:
        date, _, time = iso_utc(entry.ts_ns).partition("T")
        if date != day:
            table.add_row(Text(date, style="dim"), "", "")
            day = date
        table.add_row(time[:15], entry.kind.removeprefix("order."), _detail(order, entry))
    return table


def _detail(order: OrderView, entry: StoryEntry) -> RenderableType:
    body = entry.body
    match entry.kind:
        case "order.submitted" | "order.suspended":
            return Text(_asked(body))
        case "order.filled" | "order.partially_filled":
            return Text(_traded(body))
        case "order.denied":
            return Text(f"{body.get('code')}: {body.get('reason')}", style="red")
        case "order.parent":
            return Text(_parent(body))
        case "report" if body.get("exec_type") == "TRADE":
            return Text(f"TRADE {_traded(body)}")
        case "route":
            return _route(body)
        case "risk" if _is_rows(numbers := body.get("value")):
            return _risk(numbers)
    hidden = _HEAD | _OF_TRADES if entry.kind == "report" and body.get("exec_type") != "TRADE" else _HEAD
    shown = {key: value for key, value in body.items() if key not in hidden}
    cause = body.get("cause")
    if isinstance(cause, str) and cause not in ("", order.cause):
        shown["cause"] = cause
    return facts(shown)


def _asked(body: Mapping[str, Any]) -> str:
    price = body.get("price")
    limit = "" if price is None else f" {price}"
    trigger = f" from {body['trigger_price']}" if body.get("trigger_price") is not None else ""
    what = f"{body.get('side')} {_whole(body.get('quantity'))} {body.get('order_type')}"
    place = " at the venue" if body.get("at_venue") else ""
    options = f", options {body['options']}" if body.get("options") else ""
    return f"{what}{limit}{trigger}{place} {body.get('time_in_force')}{options}"


def _traded(body: Mapping[str, Any]) -> str:
    trade = f", trade {body['trade_id']}" if body.get("trade_id") else ""
    left = f"; {_whole(body['leaves_quantity'])} left" if "leaves_quantity" in body else ""
    return (
        f"{_whole(body.get('quantity'))} at {_whole(body.get('price'))} as {body.get('liquidity')}, "
        f"fee {_whole(body.get('fee'))} {body.get('fee_currency')}{trade}{left}"
    )


def _parent(body: Mapping[str, Any]) -> str:
    reason = f": {body['reason']}" if body.get("reason") else ""
    return f"{body.get('state')}, {_whole(body.get('filled_quantity'))} filled{reason}"


def _whole(value: object) -> str:
    """An exact number without the zeros at its end; anything else in words."""
    try:
        return plain(Decimal(str(value)))
    except InvalidOperation:
        return _words(value)


def _route(body: Mapping[str, Any]) -> RenderableType:
    """The scores of all candidates, and why one was chosen."""
    decision = body.get("decision")
    if not isinstance(decision, Mapping):
        return facts(body)
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("VENUE", no_wrap=True)
    table.add_column("BPS", justify="right", no_wrap=True)
    table.add_column("OF THAT, OR WHY NOT", overflow="fold")
    for score in decision.get("scores") or ():
        total, parts = score.get("total"), score.get("parts", {})
        why = score.get("excluded") or ", ".join(f"{name} {_figure(bps)}" for name, bps in parts.items() if bps)
        table.add_row(*map(Text, (score.get("venue", ""), "" if total is None else _figure(total), why)))
    reason = Text(f"{body.get('router', 'router')}: {decision.get('reason', '')}")
    return Group(reason, *([table] if table.rows else []))


def _risk(numbers: Any) -> Table:
    """What the checks compared; numbers are whole, whatever the width."""
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    shown = list(map(_measured, numbers))
    table.add_column("CHECK", no_wrap=True, overflow="ellipsis", max_width=18)
    table.add_column("WHAT", overflow="fold")
    for column, heading in ((2, "VALUE"), (3, "LIMIT")):
        width = max(len(heading), *(len(row[column]) for row in shown))
        table.add_column(heading, justify="right", no_wrap=True, min_width=width)
    before = ""
    for name, *rest in shown:
        table.add_row(*map(Text, ("" if name == before else name, *rest)))
        before = name
    return table


def _measured(number: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Check, what it compared, value and limit, in words; lengths of time are shown in seconds."""
    what, value, limit = _words(number.get("what")), number.get("value"), number.get("limit")
    name, is_time, _ = what.partition(_IN_NS)
    if is_time:
        return _words(number.get("name")), name, _seconds(value), _seconds(limit)
    return _words(number.get("name")), what, _figure(value), _figure(limit)


def _seconds(length_ns: object) -> str:
    try:
        return f"{_figure(Decimal(str(length_ns)) / NS_PER_SECOND)} s"
    except InvalidOperation:
        return _words(length_ns)


def _figure(value: object) -> str:
    """A number to six digits or to the whole, as people read it; else in words."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return _words(value)
    if not number.is_finite():
        return str(value)
    decimals = max(0, 6 - max(1, number.adjusted() + 1))
    return plain(round(number, decimals))


def facts(value: object) -> RenderableType:
    """Anything that JSON can hold, for people: lists of objects as tables, the rest in words."""
    if isinstance(value, Mapping):
        tables = {key: each for key, each in value.items() if _is_rows(each)}
        words = _words({key: each for key, each in value.items() if key not in tables})
        parts: list[RenderableType] = [Text(words)] if words else []
        return Group(*parts, *(_grid(rows) for rows in tables.values()))
    return _grid(value) if _is_rows(value) else Text(_words(value))


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _grid(rows: Any) -> Table:
    """A table with a column for each key that has a value somewhere."""
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if any(row.get(key) for row in rows)]
    table = make_table(*(str(key).upper() for key in keys))
    for row in rows:
        table.add_row(*(Text(_words(row.get(key))) for key in keys))
    return table


def _words(value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {words}" for key, each in value.items() if (words := _words(each)))
    if isinstance(value, list | tuple):
        return ", ".join(_words(each) for each in value)
    return str(value)
