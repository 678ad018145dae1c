"""The OMS: request → risk verdict → journal → venue → reports → events. The way of an order is one straight line."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from quantai.core.clock import Clock
from quantai.core.enums import OrderState
from quantai.core.errors import BusError
from quantai.core.identifiers import ClientOrderIds
from quantai.core.numbers import ZERO
from quantai.events import (
    ErrorEvent,
    Event,
    FillEvent,
    OrderDeniedEvent,
    OrderEvent,
    OrderFilledEvent,
    OrderPartiallyFilledEvent,
    OrderPendingCancelEvent,
    OrderSubmittedEvent,
)
from quantai.events.bus import EventBus
from quantai.exchanges.base import CancelOrder, ExecType, ExecutionConnector, ExecutionReport, SubmitOrder
from quantai.oms.journal import Journal
from quantai.oms.models import Order, OrderRequest
from quantai.oms.orders import new_order
from quantai.oms.reports import Head, is_sound_fill, status_event
from quantai.oms.risk.base import Approved, Denied, RiskEngine
from quantai.oms.state_machine import CANCELABLE, next_state

logger = logging.getLogger(__name__)

COMPONENT = "order manager"
"""Who speaks in the error events of the OMS; no strategy can be called that."""

FillBook = Callable[[FillEvent], Event]


class OrderManager:
    """Owns every order. Nobody else changes one, and nothing here waits.

    `book_fill` is the portfolio's. It is called before the fill is published, so that no risk check ever sees an order
    closed and its position not yet there; the event it returns is published after the fill.
    """

    def __init__(
        self,
        *,
        bus: EventBus,
        clock: Clock,
        risk: RiskEngine,
        journal: Journal,
        executors: Mapping[str, ExecutionConnector],
        ids: ClientOrderIds,
        book_fill: FillBook,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._risk = risk
        self._journal = journal
        self._executors = executors
        self._ids = ids
        self._book_fill = book_fill
        counted = ("submitted", "denied", "fills", "illegal", "unmatched", "duplicates", "overfills", "alarms")
        self.counts = dict.fromkeys(counted, 0)
        for executor in executors.values():
            executor.on_report(self.apply)

    def submit(self, request: OrderRequest, client_order_id: str = "") -> Order:
        """Check `request` and send it, or deny it: the order tells. Raises `OrderError` for what is no order.

        The id is made here where whoever asks did not make one.
        """
        order = self._new_order(request, client_order_id)
        verdict = self._risk.check(order)
        if isinstance(verdict, Denied):
            self._deny(verdict)
        else:
            self._send(verdict)
        return order

    def deny(self, request: OrderRequest, client_order_id: str, code: str, reason: str) -> Order:
        """Refuse `request` before risk is asked. Raises `OrderError` for what is no order."""
        order = self._new_order(request, client_order_id)
        self._deny(Denied(order, code, reason))
        return order

    def find(self, client_order_id: str) -> Order | None:
        """The order of that id, open or closed, as far back as the journal goes."""
        return self._journal.get(client_order_id)

    def cancel(self, order: Order, cause: str = "") -> None:
        """Ask the venue to cancel, because of the event `cause` refers to. An order that is closed, or already being
        cancelled, is left as it is.
        """
        if order.state not in CANCELABLE:
            return
        order.state = OrderState.PENDING_CANCEL
        event = OrderPendingCancelEvent(*self._head(order, self._clock.now_ns(), cause))
        self._keep(order, event)
        command = CancelOrder(order.client_order_id, order.symbol, order.venue_order_id)
        self._hand_over(order, event, lambda: self._executors[order.venue].cancel(command))

    def cancel_all(self, strategy: str | None = None, symbol: str | None = None, cause: str = "") -> list[Order]:
        """Cancel every open order, or those of one strategy or symbol; the orders that were open."""
        orders = self.open_orders(strategy, symbol)
        for order in orders:
            self.cancel(order, cause)
        return orders

    def open_orders(self, strategy: str | None = None, symbol: str | None = None) -> list[Order]:
        """The orders that may still trade, oldest first."""
        return [
            order
            for order in self._journal.open_orders()
            if strategy in (None, order.strategy) and symbol in (None, order.symbol)
        ]

    def _new_order(self, request: OrderRequest, client_order_id: str) -> Order:
        order = new_order(request, client_order_id, self._clock.now_ns(), self._executors)
        order.client_order_id = client_order_id or self._ids.next(request.strategy)
        return order

    def _deny(self, verdict: Denied) -> None:
        order = verdict.order
        order.state = OrderState.DENIED
        order.reason = f"{verdict.code}: {verdict.reason}"
        self.counts["denied"] += 1
        event = OrderDeniedEvent(
            *self._head(order, order.ts_submitted),
            order.side, order.order_type, order.quantity, order.price, verdict.code, verdict.reason,
        )  # fmt: skip
        self._keep(order, event)
        self._publish(event)

    def _send(self, approved: Approved) -> None:
        """Persist, then send, then tell. What cannot be kept is not sent."""
        order = approved.order
        event = OrderSubmittedEvent(
            *self._head(order, order.ts_submitted),
            order.side, order.order_type, order.time_in_force, order.quantity, order.price,
        )  # fmt: skip
        if not self._keep(order, event):
            self._deny(Denied(order, "NOT_JOURNALLED", "the journal did not take the order, so it was not sent"))
            return
        self.counts["submitted"] += 1
        command = SubmitOrder(
            order.client_order_id, order.symbol, order.side, order.order_type,
            order.quantity, order.price, order.time_in_force,
        )  # fmt: skip
        self._hand_over(order, event, lambda: self._executors[order.venue].submit(command))

    def _hand_over(self, order: Order, event: OrderEvent, send: Callable[[], None]) -> None:
        """Give a command to the connector, then publish `event`. A connector that fails leaves the outcome unknown."""
        failure = ""
        try:
            send()
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"
            logger.exception("the connector of %s failed on order %s", order.venue, order.client_order_id)
        self._publish(event)
        if failure:
            self._apply_status(
                order,
                ExecutionReport(
                    exec_type=ExecType.UNKNOWN,
                    client_order_id=order.client_order_id,
                    ts_event=self._clock.now_ns(),
                    reason=failure,
                ),
            )

    def apply(self, report: ExecutionReport) -> None:
        """Take what a venue says. An illegal report changes nothing and is counted; a fill is always booked, once."""
        order = self._journal.get(report.client_order_id)
        if order is None:
            self.counts["unmatched"] += 1
            self._alarm("UnmatchedReport", f"{report.client_order_id} is an order nobody here knows: {report}")
        elif report.exec_type is ExecType.TRADE:
            self._apply_trade(order, report)
        else:
            self._apply_status(order, report)

    def _apply_status(self, order: Order, report: ExecutionReport) -> None:
        state = next_state(
            order.state,
            report.exec_type,
            is_accepted=order.is_accepted,
            has_fills=order.filled_quantity > 0,
            is_complete=order.filled_quantity >= order.quantity,
        )
        if state is None:
            self._illegal(order, report)
            return
        leaves = order.leaves_quantity
        order.state = state
        order.is_accepted |= report.exec_type is ExecType.NEW
        order.venue_order_id = report.venue_order_id or order.venue_order_id
        if report.exec_type is not ExecType.CANCEL_REJECTED:
            order.reason = report.reason or order.reason
        event = status_event(report, self._head(order, report.ts_event), order.venue_order_id, leaves)
        self._keep(order, event)
        self._publish(event)

    def _apply_trade(self, order: Order, report: ExecutionReport) -> None:
        if not is_sound_fill(report):
            self._illegal(order, report)
            self._alarm("UnsoundFill", f"{order.client_order_id}: a fill that cannot be booked: {report}")
            return
        # Without an id nothing tells a repeated fill from a second one: it is booked, and an overfill raises the alarm.
        if report.trade_id and report.trade_id in order.trade_ids:
            self.counts["duplicates"] += 1
            return
        order.trade_ids.add(report.trade_id)
        if not order.is_open:
            logger.warning("order %s traded %s after it was %s", order.client_order_id, report.quantity, order.state)
        fill = self._take_fill(order, report)
        position_event = self._book(fill)
        self._keep(order, fill)
        self._publish(fill)
        if position_event is not None:
            self._publish(position_event)
        if order.filled_quantity > order.quantity:
            self.counts["overfills"] += 1
            self._alarm("Overfill", f"{order.client_order_id}: {order.filled_quantity} traded of {order.quantity}")

    def _take_fill(self, order: Order, report: ExecutionReport) -> FillEvent:
        order.filled_quantity += report.quantity
        order.filled_value += report.quantity * report.price
        leaves = max(order.quantity - order.filled_quantity, ZERO)
        state = next_state(
            order.state, ExecType.TRADE, is_accepted=order.is_accepted, has_fills=True, is_complete=not leaves
        )
        order.state = state or order.state
        order.venue_order_id = report.venue_order_id or order.venue_order_id
        self.counts["fills"] += 1
        cls = OrderPartiallyFilledEvent if leaves else OrderFilledEvent
        return cls(
            *self._head(order, report.ts_event),
            report.trade_id, order.side, report.price, report.quantity, order.filled_quantity, leaves,
            report.fee, report.fee_currency, report.liquidity,
        )  # fmt: skip

    def _book(self, fill: FillEvent) -> Event | None:
        try:
            return self._book_fill(fill)
        except Exception as error:
            logger.exception("fill %s is not in the portfolio", fill)
            self._alarm("UnbookedFill", f"{fill.client_order_id}: the portfolio did not take {fill}: {error}")
            return None

    def _illegal(self, order: Order, report: ExecutionReport) -> None:
        self.counts["illegal"] += 1
        logger.warning(
            "illegal report %s on order %s in state %s: nothing changed",
            report.exec_type,
            order.client_order_id,
            order.state,
        )

    def _head(self, order: Order, ts_event: int, cause: str = "") -> Head:
        """The fields every order event begins with; `cause` is the order's own where it is not given."""
        now = self._clock.now_ns()
        return (order.client_order_id, order.strategy, order.venue, order.symbol, ts_event, now, cause or order.cause)

    def _keep(self, order: Order, event: OrderEvent) -> bool:
        """Whether the journal took `event`. A journal that fails stops new orders, never a cancel or a fill."""
        order.ts_last = event.ts_init
        try:
            self._journal.append(order, event)
        except Exception as error:
            logger.exception("the journal failed on %s", event)
            self._alarm("JournalFailed", f"{event.topic} of {order.client_order_id} is not in the journal: {error}")
            return False
        return True

    def _publish(self, event: Event) -> None:
        try:
            self._bus.post(event)
        except BusError:
            self.counts["alarms"] += 1
            logger.exception("%s was not published", event)

    def _alarm(self, error: str, message: str) -> None:
        """Tell of what somebody must look at: the books may not be what the venue has."""
        self.counts["alarms"] += 1
        logger.error("%s: %s", error, message)
        now = self._clock.now_ns()
        self._publish(ErrorEvent(COMPONENT, now, now, error, message))
