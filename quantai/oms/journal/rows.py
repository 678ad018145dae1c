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

WRITTEN = (
    tables.orders,
    tables.order_events,
    tables.fills,
    tables.venue_ids,
    tables.notes,
    tables.account_events,
    tables.positions,
    tables.balances,
    tables.settings,
    tables.quarantine,
)
"""The tables that entries come to; orders first, as others refer to them."""

_LAST_NS = 2**63 - 1

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
        self._quarantine: list[Row] = []

    def add(self, entry: Entry) -> None:
        """Take `entry`, or nothing of it: raises what its encoding raises."""
        match entry.item:
            case OrderItem() as item:
                self._add_order(entry.number, item)
            case Note() as note:
                self._notes.append(
                    (note.client_order_id, entry.number, _time(note.ts_ns), str(note.kind), _json(note.body))
                )
            case Setting(key, value):
                self._settings[key] = (key, value)
            case item:
                event = item.event
                self._account_events.append((entry.number, _time(_ts_init(event)), event.topic_prefix, _json(event)))
                self._add_account(item.account)

    def set_aside(self, number: int, ts_ns: int, text: str, error: str) -> None:
        """Keep what cannot be kept as what it is."""
        self._quarantine.append((number, ts_ns, text, error))

    def by_table(self) -> Iterator[tuple[Table, list[Row]]]:
        """The rows of each table that has any, in the order of `WRITTEN`."""
        found: tuple[list[Row], ...] = (
            [_order_row(number, order) for number, order in self._orders.values()],
            self._order_events,
            self._fills,
            list(self._venue_ids.values()),
            self._notes,
            self._account_events,
            list(self._positions.values()),
            list(self._balances.values()),
            list(self._settings.values()),
            self._quarantine,
        )
        return ((table, rows) for table, rows in zip(WRITTEN, found, strict=True) if rows)

    def _add_order(self, number: int, item: OrderItem) -> None:
        event = item.event
        client_order_id = event.client_order_id
        self._order_events.append((client_order_id, number, _time(event.ts_init), event.topic_prefix, _json(event)))
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
                exact(position.unpaid_pnl),
            )
        for balance in account.balances:
            self._balances[balance.venue, balance.currency] = (balance.venue, balance.currency, exact(balance.amount))


def exact(number: Decimal) -> str:
    """The same number as text, without an exponent."""
    text = str(number)
    return f"{number:f}" if "E" in text else text


def _time(ts_ns: int) -> int:
    """Raises `OverflowError` for one beyond what a column holds: in JSON it would become a number that is near."""
    if not -_LAST_NS <= ts_ns <= _LAST_NS:
        raise OverflowError(f"{ts_ns} ns is before the year 1678 or after 2262")
    return ts_ns


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
        str(time_in_force), cause, _time(ts_submitted), _maybe(trigger_price), reduce_only, parent_order_id, is_parent,
        str(state), venue_order_id, is_sent, is_accepted, exact(filled_quantity), exact(filled_value), _time(ts_last),
        reason.replace("\0", "\N{REPLACEMENT CHARACTER}"),
        None if change is None else exact(change.quantity), None if change is None else _maybe(change.price),
        state not in CLOSED_STATES, options_text(options), at_venue,
    )  # fmt: skip


def _fill_row(number: int, fill: FillEvent) -> Row:
    return (
        fill.client_order_id, number, fill.trade_id, exact(fill.price), exact(fill.quantity), exact(fill.fee),
        fill.fee_currency, str(fill.liquidity), _time(fill.ts_event), _maybe(fill.realized_pnl),
    )  # fmt: skip
