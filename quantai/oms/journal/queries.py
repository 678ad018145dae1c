"""What a journal is asked. Every function needs a connection and waits for the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, CompoundSelect, Connection, Row, or_, select, union, union_all

from quantai.core.account import AccountChange, BalanceRecord, PositionRecord
from quantai.oms.journal import tables
from quantai.oms.journal.base import JournalledEvent, NoteKind
from quantai.oms.journal.stored import StoredOrder
from quantai.oms.journal.tables import balances, fills, notes, order_events, orders, positions, venue_ids

_Fees = tuple[tuple[str, Decimal], ...]
_decode_fees = msgspec.json.Decoder(_Fees).decode
_decode_body = msgspec.json.decode


def recent_orders(connection: Connection, max_closed: int) -> list[StoredOrder]:
    """Every open order and the newest `max_closed` closed ones, each with its parent, its children and its siblings, in
    the order in which they were made.
    """
    query = select(orders).where(orders.c.number.in_(_recent(max_closed))).order_by(orders.c.number)
    return _orders(connection.execute(query))


def recent_trade_ids(connection: Connection, max_closed: int) -> dict[str, set[str]]:
    """The trade ids of the same orders."""
    recent = orders.c.number.in_(_recent(max_closed))
    query = select(fills.c.client_order_id, fills.c.trade_id).join(orders).where(recent, fills.c.trade_id != "")
    found: defaultdict[str, set[str]] = defaultdict(set)
    for client_order_id, trade_id in connection.execute(query):
        found[client_order_id].add(trade_id)
    return found


def _recent(max_closed: int) -> CompoundSelect[Any]:
    """The numbers of these orders."""
    number, name, parent = orders.c.number, orders.c.client_order_id, orders.c.parent_order_id
    newest = select(number).where(~orders.c.is_open).order_by(number.desc()).limit(max_closed).subquery()
    chosen = union(select(number).where(orders.c.is_open), select(newest.c.number)).subquery()
    is_chosen = number.in_(select(chosen.c.number))
    heads = select(name).where(is_chosen).union(select(parent).where(is_chosen, parent != ""))
    return union(
        select(number).where(name.in_(heads)),  # all that are chosen, too
        select(number).where(parent.in_(heads), parent != ""),
    )


def trade_ids_of(connection: Connection, client_order_id: str) -> set[str]:
    """The trade ids of one order."""
    query = select(fills.c.trade_id).where(fills.c.client_order_id == client_order_id, fills.c.trade_id != "")
    return set(connection.execute(query).scalars())


def find(connection: Connection, client_order_id: str) -> StoredOrder | None:
    """The order of that id."""
    return _first(connection, orders.c.client_order_id == client_order_id)


def find_by_venue_id(connection: Connection, venue: str, venue_order_id: str) -> StoredOrder | None:
    """The order that the venue calls, or once called, so."""
    named = select(venue_ids.c.client_order_id).where(
        venue_ids.c.venue == venue, venue_ids.c.venue_order_id == venue_order_id
    )
    return _first(connection, orders.c.client_order_id.in_(named))


def find_like(connection: Connection, text: str, limit: int) -> list[StoredOrder]:
    """Orders whose id begins with `text`, or that any venue calls `text`; the newest first, at most `limit`."""
    named = select(venue_ids.c.client_order_id).where(venue_ids.c.venue_order_id == text)
    like = or_(orders.c.client_order_id.startswith(text, autoescape=True), orders.c.client_order_id.in_(named))
    return _orders(connection.execute(select(orders).where(like).order_by(orders.c.number.desc()).limit(limit)))


def children(connection: Connection, parent_order_id: str, limit: int) -> list[StoredOrder]:
    """The newest `limit` children of an order, oldest of them first."""
    is_child = (orders.c.parent_order_id == parent_order_id) & (orders.c.parent_order_id != "")  # as the index has it
    query = select(orders).where(is_child).order_by(orders.c.number.desc()).limit(limit)
    return _orders(connection.execute(query))[::-1]


def list_orders(
    connection: Connection, *, open_only: bool, strategy: str | None, symbol: str | None, limit: int
) -> list[StoredOrder]:
    """The newest `limit` orders that fit, oldest of them first."""
    query = select(orders).order_by(orders.c.number.desc()).limit(limit)
    if open_only:
        query = query.where(orders.c.is_open)
    if strategy is not None:
        query = query.where(orders.c.strategy == strategy)
    if symbol is not None:
        query = query.where(orders.c.symbol == symbol)
    return _orders(connection.execute(query))[::-1]


def story(connection: Connection, client_order_id: str) -> Sequence[JournalledEvent]:
    """Events and notes of an order, oldest first."""
    parts = [
        select(table.c.sequence, table.c.ts_ns, table.c.kind, table.c.body).where(
            table.c.client_order_id == client_order_id
        )
        for table in (order_events, notes)
    ]
    rows = connection.execute(union_all(*parts).order_by("sequence"))
    return [JournalledEvent(row.sequence, row.ts_ns, row.kind, _body(row.kind, row.body)) for row in rows]


def settings(connection: Connection) -> dict[str, str]:
    """Every setting."""
    return {row.key: row.value for row in connection.execute(select(tables.settings).order_by(tables.settings.c.key))}


def account(connection: Connection) -> AccountChange:
    """Every position and balance as it was last, sorted by their keys."""
    return AccountChange(
        tuple(_position(row) for row in connection.execute(_sorted(positions))),
        tuple(
            BalanceRecord(row.venue, row.currency, Decimal(row.amount)) for row in connection.execute(_sorted(balances))
        ),
    )


def _position(row: Row[Any]) -> PositionRecord:
    return PositionRecord(
        row.strategy, row.venue, row.symbol, Decimal(row.quantity), Decimal(row.cost), Decimal(row.realized_pnl),
        Decimal(row.traded_notional), _decode_fees(row.fees), Decimal(row.unpaid_pnl),
    )  # fmt: skip


def _sorted(table: Any) -> Any:
    return select(table).order_by(*table.primary_key)


def _body(kind: str, text: str) -> dict[str, object]:
    body = _decode_body(text)
    if kind == NoteKind.RISK and isinstance(body, list):
        body = [_risk_number(number) for number in body]
    return body if isinstance(body, dict) else {"value": body}


def _risk_number(kept: Any) -> Any:
    """By name: kept as `[[code, name], what, value, limit]`, and by name before 2026-11-22."""
    match kept:
        case [[code, name], what, value, limit]:
            return {"code": code, "name": name, "what": what, "value": value, "limit": limit}
    return kept


def _first(connection: Connection, condition: ColumnElement[bool]) -> StoredOrder | None:
    row = connection.execute(select(orders).where(condition)).first()
    return None if row is None else StoredOrder.of_row(row)


def _orders(rows: Iterable[Row[Any]]) -> list[StoredOrder]:
    return [StoredOrder.of_row(row) for row in rows]
