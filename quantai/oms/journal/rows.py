"""Rows of entries: the tuples that the statements take, in the order of the columns."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Table

from quantai.core.account import AccountChange
from quantai.core.enums import CLOSED_STATES
from quantai.events import FillEvent
from quantai.oms.journal import tables
from quantai.oms.journal.base import Note
from quantai.oms.journal.entries import ORDER_FIELDS, Entry, OrderItem, Setting
from quantai.oms.options import options_text

Row = tuple[Any, ...]

_VENUE, _VENUE_ORDER_ID = ORDER_FIELDS.index("venue"), ORDER_FIELDS.index("venue_order_id")

_encode = msgspec.json.Encoder().encode
_ts_init = attrgetter("ts_init")


class Rows:
    """What some entries come to: every event, fill and note, and of all else what it is in the end."""

    def __init__(self) -> None:
        self._orders: dict[str, tuple[int, Row]] = {}
        self._order_events: list[Row] = []
        self._fills: list[Row] = []
        self._venue_ids: dict[Row, Row] = {}
        self._notes: list[Row] = []
        self._account_events: list[Row] = []
        self._positions: dict[Row, Row] = {}
        self._balances: dict[Row, Row] = {}
        self._settings: dict[str, Row] = {}

    def add(self, entry: Entry) -> None:
        """Take `entry`, or nothing of it: raises what its encoding raises."""
        match entry.item:
            case OrderItem() as item:
                self._add_order(entry.number, item)
            case Note() as note:
                self._notes.append((note.client_order_id, entry.number, note.ts_ns, str(note.kind), _json(note.body)))
            case Setting(key, value):
                self._settings[key] = (key, value)
            case item:
                event = item.event
                self._account_events.append((entry.number, _ts_init(event), event.topic_prefix, _json(event)))
                self._add_account(item.account)

    def by_table(self) -> Iterator[tuple[Table, list[Row]]]:
        """The rows of each table that has any; orders first, as others refer to them."""
        found: dict[Table, list[Row]] = {
            tables.orders: [_order_row(number, order) for number, order in self._orders.values()],
            tables.order_events: self._order_events,
            tables.fills: self._fills,
            tables.venue_ids: list(self._venue_ids.values()),
            tables.notes: self._notes,
            tables.account_events: self._account_events,
            tables.positions: list(self._positions.values()),
            tables.balances: list(self._balances.values()),
            tables.settings: list(self._settings.values()),
        }
        return ((table, rows) for table, rows in found.items() if rows)

    def _add_order(self, number: int, item: OrderItem) -> None:
        event = item.event
        client_order_id = event.client_order_id
        self._order_events.append((client_order_id, number, event.ts_init, event.topic_prefix, _json(event)))
        if isinstance(event, FillEvent):
            self._fills.append(_fill_row(number, event))
        known = self._orders.get(client_order_id)
        self._orders[client_order_id] = number if known is None else known[0], item.order
        venue, venue_order_id = item.order[_VENUE], item.order[_VENUE_ORDER_ID]
        if venue_order_id:
            key = (venue, venue_order_id)
            self._venue_ids[key] = (*key, client_order_id)
        if item.account is not None:
            self._add_account(item.account)

    def _add_account(self, account: AccountChange) -> None:
        for position in account.positions:
            key = (position.strategy, position.venue, position.symbol)
            self._positions[key] = (
                *key,
                exact(position.quantity),
                exact(position.cost),
                exact(position.realized_pnl),
                exact(position.traded_notional),
                _json(position.fees),
            )
        for balance in account.balances:
            self._balances[balance.venue, balance.currency] = (balance.venue, balance.currency, exact(balance.amount))


def exact(number: Decimal) -> str:
    """The same number as text, without an exponent."""
    text = str(number)
    return f"{number:f}" if "E" in text else text


def _maybe(number: Decimal | None) -> str | None:
    return None if number is None else exact(number)


def _json(value: object) -> str:
    return _encode(value).decode()


def _order_row(number: int, order: Row) -> Row:
    (
        client_order_id, strategy, venue, symbol, side, order_type, quantity, price, time_in_force, cause, ts_submitted,
        trigger_price, reduce_only, parent_order_id, is_parent, state, venue_order_id, is_sent, is_accepted,
        filled_quantity, filled_value, ts_last, reason, change, options, at_venue,
    ) = order  # fmt: skip
    return (
        number, client_order_id, strategy, venue, symbol, str(side), str(order_type), exact(quantity), _maybe(price),
        str(time_in_force), cause, ts_submitted, _maybe(trigger_price), reduce_only, parent_order_id, is_parent,
        str(state), venue_order_id, is_sent, is_accepted, exact(filled_quantity), exact(filled_value), ts_last,
        reason.replace("\0", "\N{REPLACEMENT CHARACTER}"),
        None if change is None else exact(change.quantity), None if change is None else _maybe(change.price),
        state not in CLOSED_STATES, options_text(options), at_venue,
    )  # fmt: skip


def _fill_row(number: int, fill: FillEvent) -> Row:
    return (
        fill.client_order_id, number, fill.trade_id, exact(fill.price), exact(fill.quantity), exact(fill.fee),
        fill.fee_currency, str(fill.liquidity), fill.ts_event,
    )  # fmt: skip
