"""Rows of entries: the tuples that the statements take, in the order of the columns."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from quantai.core.account import AccountChange
from quantai.core.enums import CLOSED_STATES
from quantai.events import FillEvent
from quantai.oms.journal.base import Note
from quantai.oms.journal.entries import Entry, OrderItem, Setting

Row = tuple[Any, ...]

_encode = msgspec.json.Encoder().encode
_ts_init = attrgetter("ts_init")


class Rows:
    """What some entries come to: every event, fill and note, and of all else what it is in the end."""

    def __init__(self) -> None:
        self.orders: dict[str, Row] = {}
        self.order_events: list[Row] = []
        self.fills: list[Row] = []
        self.venue_ids: dict[Row, Row] = {}
        self.notes: list[Row] = []
        self.account_events: list[Row] = []
        self.positions: dict[Row, Row] = {}
        self.balances: dict[Row, Row] = {}
        self.settings: dict[str, Row] = {}

    def add(self, entry: Entry) -> None:
        """Take `entry`, or nothing of it: raises what its encoding raises."""
        match entry.item:
            case OrderItem() as item:
                self._add_order(entry.number, item)
            case Note() as note:
                self.notes.append((note.client_order_id, entry.number, note.ts_ns, note.kind.value, _json(note.body)))
            case Setting(key, value):
                self.settings[key] = (key, value)
            case item:
                event = item.event
                self.account_events.append((entry.number, _ts_init(event), event.topic_prefix, _json(event)))
                self._add_account(item.account)

    def by_table(self) -> Iterator[tuple[str, list[Row]]]:
        """The rows of each table that has any; orders first, as others refer to them."""
        for name, rows in vars(self).items():
            if rows:
                yield name, list(rows.values()) if isinstance(rows, dict) else rows

    def _add_order(self, number: int, item: OrderItem) -> None:
        event = item.event
        client_order_id = event.client_order_id
        known = self.orders.get(client_order_id)
        row = _order_row(known[0] if known else number, item.order)
        event_row = (client_order_id, number, event.ts_init, event.topic_prefix, _json(event))
        if isinstance(event, FillEvent):
            self.fills.append(_fill_row(number, event))
        self.order_events.append(event_row)
        self.orders[client_order_id] = row
        venue, venue_order_id = row[3], row[17]
        if venue_order_id:
            self.venue_ids[venue, venue_order_id] = (venue, venue_order_id, client_order_id)
        if item.account is not None:
            self._add_account(item.account)

    def _add_account(self, account: AccountChange) -> None:
        for position in account.positions:
            key = (position.strategy, position.venue, position.symbol)
            self.positions[key] = (
                *key,
                exact(position.quantity),
                exact(position.cost),
                exact(position.realized_pnl),
                exact(position.traded_notional),
                _json(position.fees),
            )
        for balance in account.balances:
            self.balances[balance.venue, balance.currency] = (balance.venue, balance.currency, exact(balance.amount))


def exact(number: Decimal) -> str:
    """The same number as text, without an exponent."""
    return f"{number:f}"


def _maybe(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def _json(value: object) -> str:
    return _encode(value).decode()


def _order_row(number: int, order: Row) -> Row:
    (
        client_order_id, strategy, venue, symbol, side, order_type, quantity, price, time_in_force, cause, ts_submitted,
        trigger_price, reduce_only, parent_order_id, is_parent, state, venue_order_id, is_sent, is_accepted,
        filled_quantity, filled_value, ts_last, reason, change,
    ) = order  # fmt: skip
    return (
        number, client_order_id, strategy, venue, symbol, side.value, order_type.value, exact(quantity), _maybe(price),
        time_in_force.value, cause, ts_submitted, _maybe(trigger_price), reduce_only, parent_order_id, is_parent,
        state.value, venue_order_id, is_sent, is_accepted, exact(filled_quantity), exact(filled_value), ts_last,
        reason.replace("\0", "\N{REPLACEMENT CHARACTER}"),
        None if change is None else exact(change.quantity), None if change is None else _maybe(change.price),
        state not in CLOSED_STATES,
    )  # fmt: skip


def _fill_row(number: int, fill: FillEvent) -> Row:
    return (
        fill.client_order_id, number, fill.trade_id, exact(fill.price), exact(fill.quantity), exact(fill.fee),
        fill.fee_currency, fill.liquidity.value, fill.ts_event,
    )  # fmt: skip
