"""Which of our orders a venue speaks of, and taking in those that are none of ours."""

from __future__ import annotations

from quantai.exchanges.execution import OrderStatus
from quantai.instruments import InstrumentCatalogue
from quantai.oms.journal import Journal
from quantai.oms.models import Order
from quantai.oms.order_manager import OrderManager
from quantai.oms.reconciliation.comparing import describe_status
from quantai.oms.reconciliation.mismatches import Mismatches, MismatchKind
from quantai.oms.soundness import is_sound_status


class KnownOrders:
    """The orders of one venue, in memory and in the journal."""

    def __init__(
        self,
        venue: str,
        orders: OrderManager,
        journal: Journal,
        catalogue: InstrumentCatalogue,
        mismatches: Mismatches,
    ) -> None:
        self.venue = venue
        self._orders = orders
        self._journal = journal
        self._catalogue = catalogue
        self._mismatches = mismatches

    async def find(self, client_order_id: str, venue_order_id: str) -> Order | None:
        """The order, brought back into memory where only the journal has it. Raises `StoreError` where that cannot be
        asked: then nobody knows whose order it is.
        """
        order = self.in_memory(client_order_id, venue_order_id)
        if order is not None:
            return order
        found = await self._journal.find(client_order_id) if client_order_id else None
        if found is not None and found.venue != self.venue and self._orders.cache.get(client_order_id) is None:
            self._orders.cache.keep(found)  # of another venue: an order adopted here must not take its id
        if (found is None or found.venue != self.venue) and venue_order_id:
            found = await self._journal.find_by_venue_id(self.venue, venue_order_id)
        order = self.in_memory(client_order_id, venue_order_id)  # it may have come meanwhile
        if order is not None or found is None or found.venue != self.venue:
            return order
        known = self._orders.cache.get(found.client_order_id)
        if known is None:
            self._orders.cache.keep(found)
        return known or found

    def in_memory(self, client_order_id: str, venue_order_id: str) -> Order | None:
        """The order, where it is in memory."""
        order = self._orders.cache.get(client_order_id) if client_order_id else None
        if (order is None or order.venue != self.venue) and venue_order_id:
            order = self._orders.cache.by_venue_id(self.venue, venue_order_id)
        return order if order is not None and order.venue == self.venue else None

    def adopt(self, status: OrderStatus, reason: str) -> Order | None:
        """Take in an order that nobody here placed; None where its instrument is not configured, so that nothing here
        could value it, or its numbers are none.
        """
        if not self.is_configured(status.symbol):
            return None
        name = status.client_order_id or status.venue_order_id
        if not is_sound_status(status):
            self._mismatches.tell_once(
                self.venue, MismatchKind.UNSOUND_ANSWER, name, "not known", status, "left out: no order can be that"
            )
            return None
        instrument = self._catalogue.get(self.venue, status.symbol)
        order = self._orders.adopt(self.venue, status, instrument, reason)
        self._mismatches.tell(
            self.venue, MismatchKind.EXTERNAL_ORDER, name, "not known", describe_status(status),
            f"adopted as {order.client_order_id}",
        )  # fmt: skip
        return order

    def is_configured(self, symbol: str) -> bool:
        """Whether the instrument is; one that is not is told of, once."""
        if (self.venue, symbol) in self._catalogue:
            return True
        self._mismatches.tell_once(
            self.venue, MismatchKind.UNCONFIGURED, symbol, "not configured", "orders, fills or a position",
            "left out: add it to instruments",
        )  # fmt: skip
        return False
