"""Finds the orders of a daemon: those in memory, and in its journal what memory forgot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence

from quantai.core.enums import OrderState
from quantai.core.errors import QuantAIError, StoreError
from quantai.oms.cache import OrderCache
from quantai.oms.journal import Journal
from quantai.oms.models import Order
from quantai.ops.control.naming import MAX_MATCHES, OrderName
from quantai.ops.control.requests import OrdersRequest

_CHUNK = 5_000


class OrderFinder:
    """Looks orders up in `cache`, then in `journal`, which knows no beginnings of ids. `venues` are where orders go."""

    def __init__(self, cache: OrderCache, journal: Journal, venues: Sequence[str]) -> None:
        self._cache = cache
        self._journal = journal
        self._venues = venues

    async def listed(self, wanted: OrdersRequest) -> list[Order]:
        """The newest orders that are wanted, oldest first: one more than the limit where there are more."""
        at_most = wanted.limit + 1

        async def newest(orders: Iterable[Order]) -> list[Order]:
            found = await _pick([*orders][::-1], lambda order: _is_wanted(order, wanted), at_most)
            return found[::-1]

        closed = await newest(self._cache.closed_orders()) if wanted.closed else []
        found = closed + await newest(self._cache.open_orders())
        return sorted(found, key=lambda order: order.ts_submitted)[-at_most:]

    async def find(self, order_id: str) -> list[Order]:
        """The orders that `order_id` may be the name of: one where it is an id, in full or as far as is needed.

        Raises `QuantAIError` where there is none, and where there may be one that cannot be looked up.
        """
        if found := self._known(order_id) or await self._matching(order_id):
            return found
        try:
            found = await self._in_journal(order_id)
        except StoreError as error:
            raise QuantAIError(f"no order {order_id} in memory, and the journal cannot be asked: {error}") from error
        if not found:
            raise QuantAIError(f"no order {order_id}: it is no id, given here or by a venue, nor the beginning of one")
        return found

    async def parent(self, order: Order) -> Order | None:
        """The parent of `order`; None where there is none, or where it cannot be looked up."""
        known = self._cache.get(order.parent_order_id)
        if known is not None or not order.parent_order_id:
            return known
        try:
            return await self._journal.find(order.parent_order_id)
        except StoreError:
            return None  # its story says already that the journal cannot be asked

    async def children(self, order: Order, limit: int) -> list[Order]:
        """The newest children of `order`, oldest of them first, also those that memory lost; only the others where the
        journal cannot be asked.
        """
        known = {child.client_order_id: child for child in self._cache.children(order.client_order_id)}
        try:
            stored = await self._journal.children(order.client_order_id, limit)
        except StoreError:
            stored = ()
        found = {child.client_order_id: child for child in stored} | known
        return sorted(found.values(), key=lambda child: child.ts_submitted)[-limit:]

    def _known(self, order_id: str) -> list[Order]:
        order = self._cache.get(order_id)
        if order is not None:
            return [order]
        named = (self._cache.by_venue_id(venue, order_id) for venue in self._venues)
        return [order for order in named if order is not None]

    async def _matching(self, order_id: str) -> list[Order]:
        name = OrderName.of(order_id)

        def is_named(order: Order) -> bool:
            return name.fits(order.client_order_id) or name.fits(order.venue_order_id)

        return await _pick([*self._cache.open_orders(), *self._cache.closed_orders()], is_named, MAX_MATCHES)

    async def _in_journal(self, order_id: str) -> list[Order]:
        order = await self._journal.find(order_id)
        if order is not None:
            return [order]
        named = [await self._journal.find_by_venue_id(venue, order_id) for venue in self._venues]
        return [order for order in named if order is not None]


def unknown_orders(cache: OrderCache) -> Iterator[Order]:
    """The orders of which nobody knows what became."""
    return (order for order in cache.open_orders() if order.state is OrderState.UNKNOWN)


def _is_wanted(order: Order, wanted: OrdersRequest) -> bool:
    return (
        wanted.strategy in (None, order.strategy)
        and wanted.venue in (None, order.venue)
        and wanted.symbol in (None, order.symbol)
        and wanted.state in (None, order.state)
    )


async def _pick(orders: Sequence[Order], is_wanted: Callable[[Order], bool], at_most: int) -> list[Order]:
    """The first orders that are wanted, in turns: a day's orders are many, and what trades must not wait for this."""
    found: list[Order] = []
    for start in range(0, len(orders), _CHUNK):
        found += filter(is_wanted, orders[start : start + _CHUNK])
        if len(found) >= at_most:
            break
        await asyncio.sleep(0)
    return found[:at_most]
