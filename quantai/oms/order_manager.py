"""The OMS: request → risk verdict → journal → venue → reports → events. The way of an order is one straight line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial

from quantai.core.clock import Clock
from quantai.core.enums import OrderState
from quantai.core.errors import OrderError
from quantai.core.identifiers import ClientOrderIds
from quantai.events import (
    OrderEvent,
    OrderPendingCancelEvent,
    OrderPendingReplaceEvent,
    OrderReplacedEvent,
    OrderSubmittedEvent,
    OrderSuspendedEvent,
    OrderTriggeredEvent,
)
from quantai.events.bus import EventBus
from quantai.exchanges.base import Capabilities
from quantai.exchanges.execution import ExecType, ExecutionConnector, ExecutionReport, OrderStatus
from quantai.instruments import Instrument
from quantai.oms import adoption, parenthood
from quantai.oms.cache import OrderCache
from quantai.oms.gate import Gate, Risk
from quantai.oms.inbox import Inbox
from quantai.oms.journal import Journal
from quantai.oms.ledger import Ledger
from quantai.oms.models import Change, Order, OrderRequest
from quantai.oms.orders import changed, new_order
from quantai.oms.reports import FillBook, ReportTaker
from quantai.oms.risk.base import Approved, Denied, Verdict
from quantai.oms.sending import Sender, submit_of
from quantai.oms.state_machine import AMENDABLE, CANCELABLE
from quantai.oms.terms import VenueTerms


class OrderManager:
    """Owns every order. Nobody else changes one, and nothing here waits; what venues say comes in by `inbox`."""

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
        capabilities: Mapping[str, Capabilities] | None = None,
    ) -> None:
        """`capabilities` are those of the venues that are not simulated."""
        self.cache = cache
        self._clock = clock
        self._executors = executors
        self._ids = ids
        self._ledger = Ledger(bus, clock, journal, cache)
        self._gate = Gate(self._ledger, risk)
        self._terms = VenueTerms(capabilities or {})
        self._reports = ReportTaker(self._ledger, book_fill)
        self._sender = Sender(self._ledger, executors, self._reports.settle)
        self.inbox = Inbox(self._ledger, cache, journal, self._reports)
        self._denied = 0
        for venue, executor in executors.items():
            executor.on_report(partial(self.inbox.apply, venue))

    @property
    def counts(self) -> Mapping[str, int]:
        """What happened so far, by name."""
        return {
            "submitted": self._sender.sent,
            "denied": self._denied + self._sender.denied,
            **self._reports.counts,
            "unmatched": self.inbox.unmatched,
            "alarms": self._ledger.alarms,
        }

    def recover(self, orders: Sequence[Order]) -> None:
        """Take over the orders that an earlier run left. A pending one may have been sent, so it counts as sent."""
        for order in orders:
            order.is_sent = not (order.is_parent or order.state is OrderState.SUSPENDED)
        self.cache.restore(orders)

    async def close(self) -> None:
        """Wait for what is being looked up in the journal."""
        await self.inbox.close()

    # What strategies ask for

    def submit(self, request: OrderRequest, client_order_id: str = "") -> Order:
        """Check `request` and send it, keep it until its trigger price, or deny it: the order tells.

        The id is made here where whoever asks did not make one. Raises `OrderError` for what is no order, or none that
        the venue takes.
        """
        order = self._new_order(request, client_order_id)
        if order.waits_here:
            self._suspend(order)
        else:
            self._conclude(self._gate.verdict(order))
        return order

    def submit_all(self, requests: Sequence[OrderRequest]) -> list[Order]:
        """The same for several, which go to each venue together. Raises before any of them is sent."""
        orders = [self._new_order(request, "") for request in requests]
        approved: list[Approved] = []
        for order in orders:
            if order.waits_here:
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
        self._terms.check_change(order)
        verdict = self._gate.verdict_on(order, change)
        order.change, order.state = change, OrderState.PENDING_REPLACE
        event = OrderPendingReplaceEvent(*self._ledger.head(order, cause=cause), change.quantity, change.price)
        if isinstance(verdict, Denied):
            self._ledger.record(order, event)
            self._sender.end(order, ExecType.REPLACE_REJECTED, f"{verdict.code}: {verdict.reason}")
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
        """Cancel every open order, or those of one strategy, symbol or venue; the orders that were open. A parent is at
        no venue: there its children are cancelled, and what it has elsewhere goes on.
        """
        orders = [
            order
            for order in self.open_orders(strategy, symbol)
            if venue is None or (venue == order.venue and not order.is_parent)
        ]
        begun = [(order, self._begin_cancel(order, cause)) for order in orders]
        self._sender.cancel_all([(order, event) for order, event in begun if event is not None])
        return orders

    def check(self, request: OrderRequest) -> None:
        """Raises `OrderError` for an order that its venue does not take."""
        self._terms.check(request)

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
        """Keep an order here until it is released, or deny it while trading is halted; it is durable, and no risk yet.
        Raises as `submit`.
        """
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
            self._sender.end(order, ExecType.CANCELED, "cancelled before it was sent")
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
        self._ledger.record(order, OrderSubmittedEvent(*self._ledger.opening(order)))
        return order

    def update_parent(self, parent: Order, state: OrderState, reason: str = "") -> None:
        """Make a parent what its children made of it; nothing is told where nothing changed."""
        parenthood.update_parent(self._ledger, parent, self.cache.children(parent.client_order_id), state, reason)

    # What venues say

    def apply(self, venue: str, report: ExecutionReport) -> None:
        """Take what a venue says. An illegal report changes nothing and is counted; a fill is always booked, once."""
        self.inbox.apply(venue, report)

    def adopt(self, venue: str, status: OrderStatus, instrument: Instrument, reason: str) -> Order:
        """Take an order into the books that nobody here placed, or find the one that it is; see `Inbox.adopt`."""
        return self.inbox.adopt(venue, status, instrument, reason)

    def restate(self, order: Order, status: OrderStatus, reason: str) -> None:
        """Make an order what the venue says, where no report explains it. Its fills are told by `apply`."""
        adoption.restate(self._ledger, order, status, reason)

    # Steps

    def _new_order(self, request: OrderRequest, client_order_id: str) -> Order:
        order = new_order(request, client_order_id, self._clock.now_ns(), self._executors)
        self._terms.check(request)
        order.at_venue = request.at_venue and self._terms.keeps_stops(order.venue)
        order.client_order_id = client_order_id or self._ids.next(request.strategy)
        if order.waits_here:  # now somebody is there to hear what the venue will not take
            self._executors[order.venue].check(submit_of(order))
        return order

    def _conclude(self, verdict: Verdict) -> None:
        if isinstance(verdict, Denied):
            self._deny(verdict)
        else:
            self._sender.submit(verdict)

    def _deny(self, verdict: Denied) -> None:
        self._denied += 1
        self._sender.end(verdict.order, ExecType.DENIED, f"{verdict.code}: {verdict.reason}")

    def _suspend(self, order: Order) -> None:
        refusal = None if order.parent_order_id else self._gate.refusal_to_keep(order)  # legs end with their entry
        if refusal is not None:
            self._deny(refusal)
            return
        order.state = OrderState.SUSPENDED
        self._ledger.record(order, OrderSuspendedEvent(*self._ledger.opening(order)))

    def _change_here(self, order: Order, change: Change) -> None:
        order.quantity, order.price = change.quantity, change.price
        self._ledger.record(order, OrderReplacedEvent(*self._ledger.head(order), "", order.quantity, order.price))

    def _begin_cancel(self, order: Order, cause: str) -> OrderEvent | None:
        """The event of a cancel that is to be sent; None where there is nothing to send."""
        if order.state not in CANCELABLE:
            return None
        if order.state is OrderState.SUSPENDED:
            self._sender.end(order, ExecType.CANCELED, "cancelled before it was released")
            return None
        order.state = OrderState.PENDING_CANCEL
        event = OrderPendingCancelEvent(*self._ledger.head(order, cause=cause))
        if not order.is_parent:
            return event
        self._ledger.record(order, event)
        for child in self.cache.children(order.client_order_id):
            self.cancel(child, cause)
        return None
