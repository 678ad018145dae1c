"""Compares the open orders of a venue with ours. What does not agree is asked for one by one: a list is a snapshot."""

from __future__ import annotations

from quantai.core.enums import OrderState
from quantai.exchanges.execution import OrderStatus
from quantai.oms.models import Order
from quantai.oms.order_manager import OrderManager
from quantai.oms.reconciliation.asking import VenueQueries
from quantai.oms.reconciliation.comparing import agrees, is_at_venue, version
from quantai.oms.reconciliation.known import KnownOrders
from quantai.oms.reconciliation.resolver import Resolver
from quantai.oms.soundness import is_sound_status

_RESTING = (OrderState.NEW, OrderState.PARTIALLY_FILLED)


class OpenOrders:
    """The open orders of one venue."""

    def __init__(self, queries: VenueQueries, known: KnownOrders, orders: OrderManager, resolver: Resolver) -> None:
        self._venue = queries.venue
        self._queries = queries
        self._known = known
        self._orders = orders
        self._resolver = resolver

    async def compare(self) -> None:
        """Adopt what nobody here placed, and ask for what is not as it is here. Raises `VenueError` or `StoreError`
        where that cannot be said.
        """
        resting = [(order, version(order)) for order in self._orders.cache.open_orders() if self._is_resting(order)]
        listed = await self._queries.ask(lambda account: account.open_orders())
        there = {id(order) for status in listed if (order := await self._take(status)) is not None}
        for order, before in resting:
            if id(order) not in there and version(order) == before:
                self._resolver.suspect(order)

    def _is_resting(self, order: Order) -> bool:
        """Whether it should be listed; a command on its way has an answer to wait for instead."""
        return order.state in _RESTING and is_at_venue(order, self._venue)

    async def _take(self, status: OrderStatus) -> Order | None:
        order = await self._known.find(status.client_order_id, status.venue_order_id)
        if order is None:
            order = self._known.adopt(status, "it is open at the venue, and nobody here placed it")
        if order is not None and not (is_sound_status(status) and agrees(order, status)):
            self._resolver.suspect(order)
        return order
