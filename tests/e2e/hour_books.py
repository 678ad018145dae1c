"""Whether venue, journal and portfolio agree: every order, every fill, every balance, every position."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from quantai.core.account import AccountChange
from quantai.loopback.engine import Account, FuturesAccount, SpotAccount
from quantai.loopback.engine.orders import Status
from quantai.oms.journal.reader import JournalReader
from quantai.oms.journal.stored import StoredOrder
from tests.e2e.hour_run import Report

_STATES = {
    Status.NEW: "NEW",
    Status.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    Status.FILLED: "FILLED",
    Status.CANCELED: "CANCELED",
    Status.EXPIRED: "EXPIRED",
    Status.EXPIRED_IN_MATCH: "EXPIRED",
}
_NEVER_TAKEN = frozenset({"DENIED", "REJECTED", "CANCELED", "EXPIRED"})
_MOST_ORDERS = 1_000_000

Fill = tuple[str, str, Decimal, Decimal, Decimal, str]
"""Client order id, trade id, price, quantity, fee and its currency."""


@dataclass(frozen=True)
class Told:
    """What a venue says of an account: orders, sorted, as client id, state and what of them traded; money that is not
    0; positions by symbol, None where it has none.
    """

    orders: list[tuple[str, str, Decimal]]
    fills: set[Fill]
    balances: dict[str, Decimal]
    positions: dict[str, Decimal] | None

    @classmethod
    def of_account(cls, account: Account) -> Told:
        """What the engine knows."""
        return cls(
            sorted((order.client_id, _STATES[order.status], order.filled) for order in account.orders.values()),
            {
                (order.client_id, str(fill.trade_id), fill.price, fill.quantity, fill.fee, fill.fee_asset)
                for order, fill in account.fills
            },
            _balances(account),
            _positions(account) if isinstance(account, FuturesAccount) else None,
        )


@dataclass(frozen=True)
class Portfolio:
    """What the daemon said at its end, by venue and currency or symbol."""

    balances: dict[tuple[str, str], Decimal]
    positions: dict[tuple[str, str], Decimal]


def compare_books(report: Report, venues: Mapping[str, Told], journal: Path, portfolio: Portfolio) -> None:
    """Add to `report` what differs."""
    reader = JournalReader(f"sqlite:///{journal}")
    ours = {order.client_order_id: order for order in reader.orders(limit=_MOST_ORDERS)}
    kept = _journal_fills(journal)
    books = _books(reader.account())
    for name, told in venues.items():
        own = {key: order for key, order in ours.items() if order.venue == name}
        report.wrong += _orders(name, own, told)
        report.wrong += _differences(
            f"{name}: fills of journal and venue", {fill for fill in kept if fill[0] in own}, told.fills
        )
        for where, held in (("journal", books), ("portfolio", portfolio)):
            report.wrong += _amounts(f"{name}: {where}", _of(name, held.balances), told.balances)
            if told.positions is not None:
                positions = _of(name, held.positions)
                report.wrong += _amounts(f"{name}: position of {where}", positions, told.positions)
    report.figures |= {
        "orders_at_venues": sum(len(told.orders) for told in venues.values()),
        "orders_in_journal": len(ours),
        "fills": sum(len(told.fills) for told in venues.values()),
        "states": dict(Counter(str(order.state) for order in ours.values())),
    }


def _books(account: AccountChange) -> Portfolio:
    positions: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for each in account.positions:
        positions[each.venue, each.symbol] += each.quantity
    return Portfolio({(each.venue, each.currency): each.amount for each in account.balances}, dict(positions))


def _orders(venue: str, ours: Mapping[str, StoredOrder], told: Told) -> Iterable[str]:
    counts = Counter(client_id for client_id, _, _ in told.orders)
    yield from (f"{venue}: {name} came {count} times" for name, count in counts.items() if count > 1)
    for client_id, state, filled in told.orders:
        known = ours.get(client_id)
        if known is None:
            yield f"{venue}: {client_id} is not in the journal"
        elif (known.state, known.filled_quantity) != (state, filled):
            yield f"{venue}: {client_id} is {_said(known)} here, {state} {filled} there"
    for name, known in ours.items():
        if name not in counts and (known.state not in _NEVER_TAKEN or known.filled_quantity):
            yield f"{venue}: {name} is {_said(known)} here, and was never there"


def _said(order: StoredOrder) -> str:
    return f"{order.state} {order.filled_quantity} ({order.reason})"


def _journal_fills(journal: Path) -> set[Fill]:
    with sqlite3.connect(journal) as database:
        rows = database.execute("SELECT client_order_id, trade_id, price, quantity, fee, fee_currency FROM fills")
        return {(row[0], row[1], Decimal(row[2]), Decimal(row[3]), Decimal(row[4]), row[5]) for row in rows}


def _differences(what: str, ours: set[Any], theirs: set[Any]) -> Iterable[str]:
    yield from (f"{what}: only ours {each}" for each in sorted(ours - theirs))
    yield from (f"{what}: only theirs {each}" for each in sorted(theirs - ours))


def _balances(account: Account) -> dict[str, Decimal]:
    if isinstance(account, FuturesAccount):
        return {asset: amount for asset, amount in account.wallet.items() if amount}
    assert isinstance(account, SpotAccount)
    return {asset: held.total for asset, held in account.balances.items() if held.total}


def _positions(account: FuturesAccount) -> dict[str, Decimal]:
    return {held.symbol: held.amount for held in account.positions.values() if held.amount}


def _of(venue: str, held: Mapping[tuple[str, str], Decimal]) -> dict[str, Decimal]:
    return {name: amount for (where, name), amount in held.items() if where == venue}


def _amounts(what: str, ours: Mapping[str, Decimal], theirs: Mapping[str, Decimal]) -> Iterable[str]:
    for key in sorted({*ours, *theirs}):
        mine, other = ours.get(key, Decimal(0)), theirs.get(key, Decimal(0))
        if mine != other:
            yield f"{what}: {key} is {mine}, the venue has {other}"
