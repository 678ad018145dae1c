"""The OMS: request → risk verdict → journal → venue → reports → events. The way of an order is one straight line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial

from quantai.core.clock import Clock
from quantai.core.enums import OrderState
from quantai.core.errors import OrderError
from quantai.core.identifiers import ClientOrderIds
from quantai.core.numbers import ZERO
from quantai.events import (
    OrderEvent,
    OrderParentEvent,
    OrderPendingCancelEvent,
    OrderPendingReplaceEvent,
    OrderReplacedEvent,
    OrderSubmittedEvent,
    OrderSuspendedEvent,
    OrderTriggeredEvent,
)
from quantai.events.bus import EventBus
from quantai.exchanges.execution import ExecType, ExecutionConnector, ExecutionReport, OrderStatus
from quantai.instruments import Instrument
from quantai.oms import adoption
from quantai.oms.cache import OrderCache
from quantai.oms.gate import Gate, Risk
from quantai.oms.journal import Journal
from quantai.oms.ledger import Ledger
from quantai.oms.lookups import Lookups
from quantai.oms.models import Change, Order, OrderRequest
from quantai.oms.orders import changed, new_order
from quantai.oms.reports import FillBook, ReportTaker
from quantai.oms.risk.base import Approved, Denied, Verdict
from quantai.oms.sending import Sender
from quantai.oms.state_machine import AMENDABLE, CANCELABLE

_REFUSED = (OrderState.REJECTED, OrderState.DENIED)
_PROVES_ARRIVAL = (ExecType.NEW, ExecType.TRADE)


class OrderManager:
    """Owns every order. Nobody else changes one, and nothing here waits.

    `on_unmatched` is called with a venue and what it said of an order that nobody here knows, or that is refused here.
    """

    def __init__(
        self,
        *,
        bus: EventBus,
        clock: Clock,
        risk: Risk,
        journal: Journal,
        cache: OrderCache,
        executors: Mapping[str, ExecutionConnector],
        ids: ClientOrderIds,
        book_fill: FillBook,
    ) -> None:
        self.cache = cache
        self.on_unmatched: Callable[[str, ExecutionReport], None] = self._alarm_unmatched
        self._clock = clock
        self._executors = executors
        self._ids = ids
        self._ledger = Ledger(bus, clock, journal, cache)
        self._gate = Gate(self._ledger, risk)
        self._reports = ReportTaker(self._ledger, book_fill)
        self._sender = Sender(self._ledger, executors, self._reports.settle)
        self._lookups = Lookups(journal, self._on_looked_up)
        self._denied = self._unmatched = 0
        for venue, executor in executors.items():
            executor.on_report(partial(self.apply, venue))

    @property
    def counts(self) -> Mapping[str, int]:
        """What happened so far, by name."""
        return {
            "submitted": self._sender.sent,
            "denied": self._denied + self._sender.denied,
            **self._reports.counts,
            "unmatched": self._unmatched,
            "alarms": self._ledger.alarms,
        }

    def recover(self, orders: Sequence[Order]) -> None:
        """Take over the orders that an earlier run left. A pending one may have been sent, so it counts as sent."""
        for order in orders:
            order.is_sent = not (order.is_parent or order.state is OrderState.SUSPENDED)
        self.cache.restore(orders)

    async def close(self) -> None:
        """Wait for what is being looked up in the journal."""
        await self._lookups.close()

    # What strategies ask for

    def submit(self, request: OrderRequest, client_order_id: str = "") -> Order:
        """Check `request` and send it, keep it until its trigger price, or deny it: the order tells.

        The id is made here where whoever asks did not make one. Raises `OrderError` for what is no order.
        """
        if request.trigger_price is not None:
            return self.suspend(request, client_order_id)
        order = self._new_order(request, client_order_id)
        self._conclude(self._gate.verdict(order))
        return order

    def submit_all(self, requests: Sequence[OrderRequest]) -> list[Order]:
        """The same for several, which go to each venue together. Raises before any of them is sent."""
        orders = [self._new_order(request, "") for request in requests]
        approved: list[Approved] = []
        for request, order in zip(requests, orders, strict=True):
            if request.trigger_price is not None:
                self._suspend(order)
            elif isinstance(verdict := self._gate.verdict(order), Denied):
                self._deny(verdict)
            else:
                self.cache.keep(order)  # the limits of the next one count this one
                approved.append(verdict)
        self._sender.submit_all(approved)
        return orders

    def amend(
        self, order: Order, quantity: Decimal | None = None, price: Decimal | None = None, cause: str = ""
    ) -> None:
        """Ask for another total quantity or another limit. Raises `OrderError` where that cannot be."""
        if order.is_parent:
            raise OrderError(
                f"order {order.client_order_id} is routed to several venues: it cannot be amended, cancel it and place "
                "another"
            )
        change = changed(order, quantity, price)
        if change is None:
            return
        if order.state is OrderState.SUSPENDED:
            self._change_here(order, change)
            return
        if order.state not in AMENDABLE:
            raise OrderError(f"order {order.client_order_id} cannot be amended while it is {order.state}")
        verdict = self._gate.verdict_on(order, change)
        order.change, order.state = change, OrderState.PENDING_REPLACE
        event = OrderPendingReplaceEvent(*self._ledger.head(order, cause=cause), change.quantity, change.price)
        if isinstance(verdict, Denied):
            self._ledger.record(order, event)
            self._report(order, ExecType.REPLACE_REJECTED, f"{verdict.code}: {verdict.reason}")
        else:
            self.cache.keep(order)  # whoever hears of it finds it counted
            self._sender.amend(order, event)

    def cancel(self, order: Order, cause: str = "") -> None:
        """Ask for an order to be cancelled, because of the event `cause` refers to.

        One that is closed, or already being cancelled, is left as it is; one that is kept here ends at once; the
        children of a parent are cancelled.
        """
        event = self._begin_cancel(order, cause)
        if event is not None:
            self._sender.cancel(order, event)

    def cancel_all(
        self, strategy: str | None = None, symbol: str | None = None, cause: str = "", venue: str | None = None
    ) -> list[Order]:
        """Cancel every open order, or those of one strategy, symbol or venue; the orders that were open."""
        orders = [order for order in self.open_orders(strategy, symbol) if venue in (None, order.venue)]
        begun = [(order, self._begin_cancel(order, cause)) for order in orders]
        self._sender.cancel_all([(order, event) for order, event in begun if event is not None])
        return orders

    def deny(self, request: OrderRequest, client_order_id: str, code: str, reason: str) -> Order:
        """Refuse `request` before risk is asked. Raises `OrderError` for what is no order."""
        order = self._new_order(request, client_order_id)
        self._deny(Denied(order, code, reason))
        return order

    def find(self, client_order_id: str) -> Order | None:
        """The order of that id, open or closed, as far back as memory goes."""
        return self.cache.get(client_order_id)

    def open_orders(self, strategy: str | None = None, symbol: str | None = None) -> list[Order]:
        """The orders that may still trade, oldest first."""
        return [
            order
            for order in self.cache.open_orders()
            if strategy in (None, order.strategy) and symbol in (None, order.symbol)
        ]

    # Orders that are kept here, and parents

    def suspend(self, request: OrderRequest, client_order_id: str = "") -> Order:
        """Keep an order here until it is released; it is durable, and no risk yet. Raises as `submit`."""
        order = self._new_order(request, client_order_id)
        self._suspend(order)
        return order

    def release(self, order: Order, reason: str) -> None:
        """Check and send an order that was kept here; one that is not any more is left as it is, and so is every one
        while the journal takes none.
        """
        if order.state is not OrderState.SUSPENDED or not self._ledger.takes_new_orders:
            return
        verdict = self._gate.verdict(order)  # while it is suspended it does not count as working already
        order.state = OrderState.PENDING_NEW
        self._ledger.record(order, OrderTriggeredEvent(*self._ledger.head(order), order.quantity, reason))
        if order.state is OrderState.PENDING_CANCEL:  # by somebody who heard of it
            self._report(order, ExecType.CANCELED, "cancelled before it was sent")
        else:
            self._conclude(verdict)

    def resize(self, order: Order, quantity: Decimal) -> None:
        """Give an order that is kept here another quantity; one that is not any more is left as it is."""
        if order.state is OrderState.SUSPENDED and quantity != order.quantity:
            self._change_here(order, Change(quantity, order.price))

    def open_parent(self, request: OrderRequest, client_order_id: str = "") -> Order:
        """Keep an order that is never sent itself: its children are. Raises as `submit`."""
        order = self._new_order(request, client_order_id)
        order.is_parent = True
        self._ledger.record(
            order,
            OrderSubmittedEvent(
                *self._ledger.head(order, order.ts_submitted), order.side, order.order_type, order.time_in_force,
                order.quantity, order.price, order.trigger_price, order.reduce_only, order.parent_order_id,
            ),
        )  # fmt: skip
        return order

    def update_parent(self, parent: Order, state: OrderState, reason: str = "") -> None:
        """Make a parent what its children made of it; nothing is told where nothing changed."""
        children = self.cache.children(parent.client_order_id)
        filled = sum((child.filled_quantity for child in children), ZERO)
        value = sum((child.filled_value for child in children), ZERO)
        if (state, filled, value) == (parent.state, parent.filled_quantity, parent.filled_value):
            return
        parent.state, parent.filled_quantity, parent.filled_value = state, filled, value
        parent.is_accepted |= any(child.is_accepted for child in children)
        parent.reason = reason or parent.reason
        self._ledger.record(parent, OrderParentEvent(*self._ledger.head(parent), state, filled, value, reason))

    # What venues say

    def apply(self, venue: str, report: ExecutionReport) -> None:
        """Take what a venue says. An illegal report changes nothing and is counted; a fill is always booked, once."""
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
        known = self.cache.get(client_order_id)
        if known is not None and known.venue != venue:
            client_order_id, known = own_id, self.cache.get(own_id)
        known = known or self.cache.by_venue_id(venue, status.venue_order_id)
        if known is not None:
            if status.venue_order_id:
                self.cache.name(known, status.venue_order_id)
            return known
        return adoption.adopt(self._ledger, client_order_id, status, instrument, reason, self._clock.now_ns())

    def restate(self, order: Order, status: OrderStatus, reason: str) -> None:
        """Make an order what the venue says, where no report explains it. Its fills are told by `apply`."""
        adoption.restate(self._ledger, order, status, reason)

    def _take(self, venue: str, order: Order, report: ExecutionReport) -> None:
        was_refused = order.state in _REFUSED
        self._reports.apply(order, report)
        if was_refused and report.exec_type in _PROVES_ARRIVAL:  # it may rest there
            self.on_unmatched(venue, report)

    def _order_of(self, venue: str, report: ExecutionReport) -> Order | None:
        order = self.cache.get(report.client_order_id) if report.client_order_id else None
        if order is not None and order.venue == venue:
            return order
        return self.cache.by_venue_id(venue, report.venue_order_id) if report.venue_order_id else None

    def _on_looked_up(self, venue: str, report: ExecutionReport, found: Order | None) -> None:
        order = self._order_of(venue, report)  # it may have come into memory meanwhile
        if order is None and found is not None:  # or be there, and only this name of it not
            order = self.cache.get(found.client_order_id) or found
        if order is None:
            self._unmatched += 1
            self.on_unmatched(venue, report)
        else:
            self._take(venue, order, report)

    def _alarm_unmatched(self, venue: str, report: ExecutionReport) -> None:
        name = report.client_order_id or report.venue_order_id
        self._ledger.alarm("UnmatchedReport", f"nobody here knows that {name} is an open order of {venue}: {report}")

    # Steps

    def _new_order(self, request: OrderRequest, client_order_id: str) -> Order:
        order = new_order(request, client_order_id, self._clock.now_ns(), self._executors)
        order.client_order_id = client_order_id or self._ids.next(request.strategy)
        return order

    def _conclude(self, verdict: Verdict) -> None:
        if isinstance(verdict, Denied):
            self._deny(verdict)
        else:
            self._sender.submit(verdict)

    def _deny(self, verdict: Denied) -> None:
        self._denied += 1
        self._report(verdict.order, ExecType.DENIED, f"{verdict.code}: {verdict.reason}")

    def _report(self, order: Order, exec_type: ExecType, reason: str) -> None:
        """Say of an order what no venue says."""
        self._reports.settle(
            order,
            ExecutionReport(
                exec_type=exec_type,
                client_order_id=order.client_order_id,
                ts_event=self._clock.now_ns(),
                reason=reason,
            ),
        )

    def _suspend(self, order: Order) -> None:
        order.state = OrderState.SUSPENDED
        event = OrderSuspendedEvent(
            *self._ledger.head(order, order.ts_submitted), order.side, order.order_type, order.time_in_force,
            order.quantity, order.price, order.trigger_price, order.reduce_only, order.parent_order_id,
        )  # fmt: skip
        self._ledger.record(order, event)

    def _change_here(self, order: Order, change: Change) -> None:
        order.quantity, order.price = change.quantity, change.price
        self._ledger.record(order, OrderReplacedEvent(*self._ledger.head(order), "", order.quantity, order.price))

    def _begin_cancel(self, order: Order, cause: str) -> OrderEvent | None:
        """The event of a cancel that is to be sent; None where there is nothing to send."""
        if order.state not in CANCELABLE:
            return None
        if order.state is OrderState.SUSPENDED:
            self._report(order, ExecType.CANCELED, "cancelled before it was released")
            return None
        order.state = OrderState.PENDING_CANCEL
        event = OrderPendingCancelEvent(*self._ledger.head(order, cause=cause))
        if not order.is_parent:
            return event
        self._ledger.record(order, event)
        for child in self.cache.children(order.client_order_id):
            self.cancel(child, cause)
        return None
