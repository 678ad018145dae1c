"""Whether venue, journal and portfolio agree: every order, every fill, every balance, every position."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quantai.loopback.engine import Account, FuturesAccount, SpotAccount
from quantai.loopback.engine.orders import Status
from quantai.oms.journal.reader import JournalReader
from quantai.oms.journal.stored import StoredOrder
from tests.e2e.hour_venues import BALANCES, Venues

if TYPE_CHECKING:
    from tests.e2e.hour import Report

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


def compare_books(report: Report, venues: Venues, journal: Path) -> None:
    """Add to `report` what differs."""
    reader = JournalReader(f"sqlite:///{journal}")
    ours = {order.client_order_id: order for order in reader.orders(limit=_MOST_ORDERS)}
    kept = _journal_fills(journal)
    account = reader.account()
    positions: defaultdict[str, Decimal] = defaultdict(Decimal)
    for each in account.positions:
        positions[f"{each.venue} {each.symbol}"] += each.quantity
    books = {f"{each.venue} {each.currency}": each.amount for each in account.balances}
    orders = fills = 0
    for name, venue in venues.by_name.items():
        theirs = venue.engine.accounts["main"]
        own = {key: order for key, order in ours.items() if order.venue == name}
        report.wrong += _orders(name, own, theirs)
        report.wrong += _differences(
            f"{name}: fills of journal and venue", {fill for fill in kept if fill[0] in own}, _venue_fills(theirs)
        )
        told = report.figures["daemon"]
        for where, held in (("journal", books), ("portfolio", _decimals(told["balances"]))):
            report.wrong += _amounts(f"{name}: {where}", _of(name, held), _balances(name, theirs))
        for where, held in (("journal", dict(positions)), ("portfolio", _decimals(told["positions"]))):
            if isinstance(theirs, FuturesAccount):
                report.wrong += _amounts(f"{name}: position of {where}", _of(name, held), _positions(theirs))
        orders, fills = orders + len(theirs.orders), fills + len(theirs.fills)
    report.figures |= {"orders_at_venues": orders, "orders_in_journal": len(ours), "fills": fills}
    report.figures["states"] = dict(Counter(str(order.state) for order in ours.values()))


def _orders(venue: str, ours: Mapping[str, StoredOrder], account: Account) -> Iterable[str]:
    counts = Counter(order.client_id for order in account.orders.values())
    yield from (f"{venue}: {name} came {count} times" for name, count in counts.items() if count > 1)
    for order in account.orders.values():
        known = ours.get(order.client_id)
        if known is None:
            yield f"{venue}: {order.client_id} is not in the journal"
        elif (known.state, known.filled_quantity) != (_STATES[order.status], order.filled):
            yield f"{venue}: {order.client_id} is {_said(known)} here, {order.status} {order.filled} there"
    for name, known in ours.items():
        if name not in counts and (known.state not in _NEVER_TAKEN or known.filled_quantity):
            yield f"{venue}: {name} is {_said(known)} here, and was never there"


def _said(order: StoredOrder) -> str:
    return f"{order.state} {order.filled_quantity} ({order.reason})"


def _journal_fills(journal: Path) -> set[Fill]:
    with sqlite3.connect(journal) as database:
        rows = database.execute("SELECT client_order_id, trade_id, price, quantity, fee, fee_currency FROM fills")
        return {(row[0], row[1], Decimal(row[2]), Decimal(row[3]), Decimal(row[4]), row[5]) for row in rows}


def _venue_fills(account: Account) -> set[Fill]:
    return {
        (order.client_id, str(fill.trade_id), fill.price, fill.quantity, fill.fee, fill.fee_asset)
        for order, fill in account.fills
    }


def _differences(what: str, ours: set[Any], theirs: set[Any]) -> Iterable[str]:
    yield from (f"{what}: only ours {each}" for each in sorted(ours - theirs))
    yield from (f"{what}: only theirs {each}" for each in sorted(theirs - ours))


def _balances(venue: str, account: Account) -> dict[str, Decimal]:
    if isinstance(account, FuturesAccount):
        return dict(account.wallet)
    assert isinstance(account, SpotAccount)
    return {asset: held.total for asset, held in account.balances.items() if held.total or asset in BALANCES[venue]}


def _positions(account: FuturesAccount) -> dict[str, Decimal]:
    return {held.symbol: held.amount for held in account.positions.values() if held.amount}


def _of(venue: str, held: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {key.partition(" ")[2]: amount for key, amount in held.items() if key.partition(" ")[0] == venue and amount}


def _amounts(what: str, ours: Mapping[str, Decimal], theirs: Mapping[str, Decimal]) -> Iterable[str]:
    for key in sorted({*ours, *theirs}):
        mine, other = ours.get(key, Decimal(0)), theirs.get(key, Decimal(0))
        if mine != other:
            yield f"{what}: {key} is {mine}, the venue has {other}"


def _decimals(amounts: Mapping[str, str]) -> dict[str, Decimal]:
    return {key: Decimal(amount) for key, amount in amounts.items()}
