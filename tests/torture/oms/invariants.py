"""What must be true when everything is quiet again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from quantai.core.numbers import ZERO
from quantai.oms.models import EXTERNAL, Order
from tests.torture.oms.daemon import Daemon, describe, told_trades
from tests.torture.oms.exchange import Exchange
from tests.torture.oms.venue_order import VenueOrder

if TYPE_CHECKING:
    from tests.torture.oms.world import World


def broken(world: World) -> Iterator[str]:
    """Every invariant that does not hold, in words."""
    daemon = world.daemon
    assert daemon is not None
    for exchange in world.exchanges:
        yield from _orders(world, daemon, exchange)
        yield from _positions(world, daemon, exchange)
        yield from _balances(world, daemon, exchange)
    yield from _never_arrived(world)
    yield from _parents(world, daemon)
    yield from _memory_and_journal(world, daemon)
    if daemon.bus.errors:
        yield f"{daemon.bus.errors} handlers failed"


def _orders(world: World, daemon: Daemon, exchange: Exchange) -> Iterator[str]:
    """One truth of each order, every fill of it booked once and none invented.

    How an order ended that the venue has forgotten nobody can know; nor that one was changed before it ended, where
    that was not told.
    """
    for theirs in exchange.orders:
        ours = _ours(world, daemon, exchange, theirs)
        if ours is None:
            if theirs.client_order_id or theirs.trades or theirs.state.is_open:
                yield f"{_told(exchange, theirs)} is not in the books"
            continue
        if {trade.trade_id for trade in theirs.trades} != told_trades(ours) or theirs.filled != ours.filled_quantity:
            yield f"{describe(ours)}: the fills are {[trade.trade_id for trade in theirs.trades]}"
        if exchange.is_forgotten(theirs):
            if ours.is_open:
                yield f"{describe(ours)} is open here, and {_told(exchange, theirs)}"
        elif not ours.is_open and not theirs.state.is_open and ours.quantity != theirs.quantity:
            continue
        elif theirs.state is not ours.state:
            yield f"{describe(ours)} is {_told(exchange, theirs)}"
        elif theirs.state.is_open and (theirs.quantity, theirs.price) != (ours.quantity, ours.price):
            yield f"{describe(ours)} is open as {_told(exchange, theirs)}"


def _ours(world: World, daemon: Daemon, exchange: Exchange, theirs: VenueOrder) -> Order | None:
    named = [world.disk.names.get((exchange.name, name), "") for name in theirs.names]
    for name in (theirs.client_order_id, *named):
        found = daemon.cache.get(name) or world.disk.orders.get(name)
        if found is not None:
            return found
    return None


def _told(exchange: Exchange, theirs: VenueOrder) -> str:
    return (
        f"{theirs.client_order_id or 'an external order'} of {exchange.name} ({', '.join(theirs.names)}) {theirs.state}"
        f" {theirs.filled}/{theirs.quantity} @{theirs.price}"
    )


def _never_arrived(world: World) -> Iterator[str]:
    """What no venue has is closed here, without a fill."""
    known = {order.client_order_id for exchange in world.exchanges for order in exchange.orders}
    for name in world.sent:
        ours = world.disk.orders.get(name)
        if ours is None:
            yield f"{name} was sent, and the journal lost it"
        elif name not in known and (ours.is_open or ours.filled_quantity):
            yield f"{describe(ours)} never arrived at {ours.venue}"
    for ours in world.disk.orders.values():
        is_known = ours.client_order_id in world.sent or ours.strategy == EXTERNAL
        if ours.trade_ids and not is_known:
            yield f"{describe(ours)} was never sent"


def _parents(world: World, daemon: Daemon) -> Iterator[str]:
    """A parent that is in memory is what its children made of it."""
    filled: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    working: set[str] = set()
    for order in world.disk.orders.values():
        filled[order.parent_order_id] += order.filled_quantity
        if order.is_open:
            working.add(order.parent_order_id)
    for order in (*daemon.cache.open_orders(), *daemon.cache.closed_orders()):
        name = order.client_order_id
        if order.is_parent and (order.filled_quantity != filled[name] or order.is_open != (name in working)):
            yield f"{describe(order)} is a parent whose children filled {filled[name]}"


def _positions(world: World, daemon: Daemon, exchange: Exchange) -> Iterator[str]:
    """Position = sum of fills, less the fees that were taken out of what was bought = venue.

    Of a fill that was inferred the fee is not known, and what was taken out may still be in the position.
    """
    sums: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    untold: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    doubtful = [order for order in world.disk.orders.values() if order.is_inferred]
    # One that was changed has another id at the venue now, and one that nobody here placed has none of its own there.
    inferred = {name for order in doubtful for name in (order.client_order_id, order.venue_order_id)}
    for trade in exchange.trades:
        instrument = exchange.instruments[trade.symbol]
        is_in_kind = not instrument.is_margined and trade.fee_currency == instrument.base_currency
        fee = trade.fee if is_in_kind else ZERO
        sums[trade.symbol] += trade.quantity * trade.side.sign - fee
        untold[trade.symbol] += fee if {trade.client_order_id, trade.venue_order_id} & inferred - {""} else ZERO
    for symbol, instrument in exchange.instruments.items():
        here = daemon.portfolio.position(exchange.name, symbol)
        if not sums[symbol] <= here <= sums[symbol] + untold[symbol]:
            yield f"position in {instrument} is {here} here, the fills at the venue make {sums[symbol]}"
        if instrument.is_margined and here != exchange.ledger.positions[symbol]:
            yield f"position in {instrument} is {here} here, {exchange.ledger.positions[symbol]} there"


def _balances(world: World, daemon: Daemon, exchange: Exchange) -> Iterator[str]:
    """Cash, exactly."""
    for currency, there in exchange.ledger.cash.items():
        here = daemon.portfolio.balance(exchange.name, currency)
        if here != there:
            yield f"{exchange.name} holds {there} {currency}, the books say {here}"
    yield from _adjustments(world, exchange)


def _adjustments(world: World, exchange: Exchange) -> Iterator[str]:
    """Cash is only put right by what came or went without a trade. Where contracts are settled, the order in which
    fills are booked, and whose they are, moves cash between profit taken and not: there the venue's word is taken. And
    so it is where a trade was in the balance long before it was told.
    """
    has_hidden = any(line.hidden for line in world.lines if line.exchange is exchange)
    if has_hidden or any(instrument.is_margined for instrument in exchange.instruments.values()):
        return
    for currency, flows in exchange.ledger.flows.items():
        wrong = [each for each in world.disk.adjusted.get((exchange.name, currency), []) if each not in flows]
        if wrong:
            yield f"{currency} at {exchange.name} was adjusted by {wrong[0]} in all, which nothing explains"


def _memory_and_journal(world: World, daemon: Daemon) -> Iterator[str]:
    """What is in memory is what is durable; what is bounded is."""
    for order in (*daemon.cache.open_orders(), *daemon.cache.closed_orders()):
        kept = world.disk.orders.get(order.client_order_id)
        if kept is None or describe(kept) != describe(order):
            yield f"in memory: {describe(order)}; in the journal: {kept and describe(kept)}"
    open_here = {order.client_order_id for order in daemon.cache.open_orders()}
    for order in world.disk.orders.values():
        if order.is_open and order.client_order_id not in open_here:
            yield f"{describe(order)} is open in the journal, and not in memory"
    closed = len(list(daemon.cache.closed_orders()))
    if closed > world.around.max_closed + 1:
        yield f"{closed} closed orders are in memory, the limit is {world.around.max_closed}"
