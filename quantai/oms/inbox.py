"""Where what venues say comes in, and finds its order: in memory, in the journal, or nowhere."""

from __future__ import annotations

from collections.abc import Callable

from quantai.core.enums import OrderState
from quantai.exchanges.execution import ExecType, ExecutionReport, OrderStatus
from quantai.instruments import Instrument
from quantai.oms import adoption
from quantai.oms.cache import OrderCache
from quantai.oms.journal import Journal
from quantai.oms.ledger import Ledger
from quantai.oms.lookups import Lookups
from quantai.oms.models import Order
from quantai.oms.reports import ReportTaker
from quantai.oms.soundness import is_sound

_REFUSED = (OrderState.REJECTED, OrderState.DENIED)
_PROVES_ARRIVAL = (ExecType.NEW, ExecType.TRADE)


class Inbox:
    """Hands reports to the orders they are of, each order's in the order in which they came.

    `on_unmatched` is called with a venue and what it said of an order that nobody here knows, or that is refused here;
    `unmatched` counts the former. `on_doubt` has, by venue, who is called with an order of which a report says that
    something is missing here: fills, or its end.
    """

    def __init__(self, ledger: Ledger, cache: OrderCache, journal: Journal, reports: ReportTaker) -> None:
        self.on_unmatched: Callable[[str, ExecutionReport], None] = self._alarm
        self.on_doubt: dict[str, Callable[[Order], None]] = {}
        self.unmatched = 0
        self._ledger = ledger
        self._cache = cache
        self._reports = reports
        self._lookups = Lookups(journal, self._on_looked_up)

    def apply(self, venue: str, report: ExecutionReport) -> None:
        """Take what a venue says."""
        order = self._order_of(venue, report)
        if order is None:
            self._lookups.ask(venue, report)
        else:
            self._take(venue, order, report)

    def adopt(self, venue: str, status: OrderStatus, instrument: Instrument, reason: str) -> Order:
        """Take an order into the books that nobody here placed; one that is there already is left as it is, and known
        by what the venue calls it from now on.

        Its fills are told by `apply`.
        """
        own_id = adoption.external_id(venue, status)
        client_order_id = status.client_order_id or own_id
        known = self._cache.get(client_order_id)
        if known is not None and known.venue != venue:
            client_order_id, known = own_id, self._cache.get(own_id)
        known = known or self._cache.by_venue_id(venue, status.venue_order_id)
        if known is not None:
            if status.venue_order_id:
                self._cache.name(known, status.venue_order_id)
            return known
        return adoption.adopt(self._ledger, client_order_id, status, instrument, reason)

    async def close(self) -> None:
        """Wait for what is being looked up in the journal."""
        await self._lookups.close()

    def _take(self, venue: str, order: Order, report: ExecutionReport) -> None:
        was_refused = order.state in _REFUSED
        self._reports.apply(order, report)
        if was_refused and report.exec_type in _PROVES_ARRIVAL:  # it may rest there
            self.on_unmatched(venue, report)
        elif venue in self.on_doubt and _says_more(order, report):
            self.on_doubt[venue](order)

    def _order_of(self, venue: str, report: ExecutionReport) -> Order | None:
        order = self._cache.get(report.client_order_id) if report.client_order_id else None
        if order is not None and order.venue == venue:
            return order
        return self._cache.by_venue_id(venue, report.venue_order_id) if report.venue_order_id else None

    def _on_looked_up(self, venue: str, report: ExecutionReport, found: Order | None) -> None:
        order = self._order_of(venue, report)  # it may have come into memory meanwhile
        if order is None and found is not None:  # or be there, and only this name of it not
            order = self._cache.get(found.client_order_id) or found
        if order is None:
            self.unmatched += 1
            self.on_unmatched(venue, report)
        else:
            self._take(venue, order, report)

    def _alarm(self, venue: str, report: ExecutionReport) -> None:
        name = report.client_order_id or report.venue_order_id
        self._ledger.alarm("UnmatchedReport", f"nobody here knows that {name} is an open order of {venue}: {report}")


def _says_more(order: Order, report: ExecutionReport) -> bool:
    """Whether more has traded than is booked, or a cancel was refused of an order that is open here: it may be over."""
    filled = report.filled_quantity
    if filled is not None and is_sound(filled) and filled > order.filled_quantity:
        return True
    return report.exec_type is ExecType.CANCEL_REJECTED and order.is_open
