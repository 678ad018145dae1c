"""The OMS: request → risk verdict → journal → venue → reports → events. The way of an order is one straight line."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from decimal import Decimal

from quantai.core.clock import Clock
from quantai.core.enums import OrderState, OrderType
from quantai.core.errors import OrderError
from quantai.core.identifiers import ClientOrderIds
from quantai.core.numbers import ZERO
from quantai.events import (
    Event,
    FillEvent,
    OrderAcceptedEvent,
    OrderCanceledEvent,
    OrderCancelRejectedEvent,
    OrderDeniedEvent,
    OrderEvent,
    OrderExpiredEvent,
    OrderFilledEvent,
    OrderPartiallyFilledEvent,
    OrderPendingCancelEvent,
    OrderRejectedEvent,
    OrderSubmittedEvent,
    OrderUnknownEvent,
)
from quantai.events.bus import EventBus
from quantai.exchanges.base import CancelOrder, ExecType, ExecutionConnector, ExecutionReport, SubmitOrder
from quantai.oms.journal import Journal
from quantai.oms.models import Order, OrderRequest
from quantai.oms.risk.base import Approved, Denied, RiskEngine
from quantai.oms.state_machine import CANCELABLE, next_state

logger = logging.getLogger(__name__)

FillBook = Callable[[FillEvent], Event]


class OrderManager:
    """Owns every order. Nobody else changes one, and nothing here waits.

    `book_fill` is the portfolio's. It is called before the fill is published, so that no risk check ever sees an order closed
    and its position not yet there; the event it returns is published after the fill.
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
        self.counts = {
            "submitted": 0,
            "denied": 0,
            "fills": 0,
            "illegal": 0,
            "unmatched": 0,
            "duplicates": 0,
            "overfills": 0,
        }
        for executor in executors.values():
            executor.on_report(self.apply)

    def submit(self, request: OrderRequest) -> Order:
        """Check `request` and send it, or deny it; either way the order tells. Raises `OrderError` for what is no order."""
        if (request.price is None) != (request.order_type is OrderType.MARKET):
            raise OrderError(f"a {request.order_type} order {'needs a' if request.price is None else 'takes no'} price")
        order = self._new_order(request)
        verdict = self._risk.check(order)
        if isinstance(verdict, Denied):
            self._deny(verdict)
        else:
            self._send(verdict)
        return order

    def cancel(self, order: Order) -> None:
        """Ask the venue to cancel. An order that is closed, or already being cancelled, is left as it is."""
        if order.state not in CANCELABLE:
            return
        order.state = OrderState.PENDING_CANCEL
        self._record(order, OrderPendingCancelEvent(*self._head(order, self._clock.now_ns())))
        self._executors[order.venue].cancel(CancelOrder(order.client_order_id, order.symbol, order.venue_order_id))

    def cancel_all(self, strategy: str | None = None, symbol: str | None = None) -> list[Order]:
        """Cancel every open order, or those of one strategy or symbol; the orders that were asked to be cancelled."""
        orders = [
            order
            for order in self._journal.open_orders()
            if strategy in (None, order.strategy) and symbol in (None, order.symbol)
        ]
        for order in orders:
            self.cancel(order)
        return orders

    def open_orders(self, strategy: str | None = None, symbol: str | None = None) -> list[Order]:
        """The orders that may still trade, oldest first."""
        return [
            order
            for order in self._journal.open_orders()
            if strategy in (None, order.strategy) and symbol in (None, order.symbol)
        ]

    def _new_order(self, request: OrderRequest) -> Order:
        if request.instrument.venue not in self._executors:
            raise OrderError(f"nothing executes orders at {request.instrument.venue}")
        now = self._clock.now_ns()
        return Order(
            client_order_id=self._ids.next(request.strategy),
            strategy=request.strategy,
            instrument=request.instrument,
            side=request.side,
            order_type=request.order_type,
            quantity=request.quantity,
            price=request.price,
            time_in_force=request.time_in_force,
            cause=request.cause,
            ts_submitted=now,
            ts_last=now,
        )

    def _deny(self, verdict: Denied) -> None:
        order = verdict.order
        order.state = OrderState.DENIED
        order.reason = f"{verdict.code}: {verdict.reason}"
        self.counts["denied"] += 1
        self._record(
            order,
            OrderDeniedEvent(
                *self._head(order, order.ts_submitted),
                order.side, order.order_type, order.quantity, order.price, verdict.code, verdict.reason,
            ),
        )  # fmt: skip

    def _send(self, approved: Approved) -> None:
        order = approved.order
        self.counts["submitted"] += 1
        self._record(
            order,
            OrderSubmittedEvent(
                *self._head(order, order.ts_submitted),
                order.side, order.order_type, order.time_in_force, order.quantity, order.price,
            ),
        )  # fmt: skip
        self._executors[order.venue].submit(
            SubmitOrder(
                order.client_order_id, order.symbol, order.side, order.order_type,
                order.quantity, order.price, order.time_in_force,
            )
        )  # fmt: skip

    def apply(self, report: ExecutionReport) -> None:
        """Take what a venue says. An illegal report changes nothing, is counted and logged; a fill is always booked, once."""
        order = self._journal.get(report.client_order_id)
        if order is None:
            self.counts["unmatched"] += 1
            logger.error(
                "a venue reports %s on %s, an order nobody here knows", report.exec_type, report.client_order_id
            )
            return
        if report.exec_type is ExecType.TRADE:
            self._apply_trade(order, report)
        else:
            self._apply_status(order, report)

    def _apply_status(self, order: Order, report: ExecutionReport) -> None:
        state = next_state(
            order.state, report.exec_type, has_fills=order.filled_quantity > 0, is_complete=order.leaves_quantity <= 0
        )
        if state is None:
            self._illegal(order, report)
            return
        leaves = order.leaves_quantity
        order.state = state
        order.venue_order_id = report.venue_order_id or order.venue_order_id
        order.reason = report.reason or order.reason
        self._record(order, self._status_event(order, report, leaves))

    def _status_event(self, order: Order, report: ExecutionReport, leaves: Decimal) -> OrderEvent:
        head = self._head(order, report.ts_event)
        match report.exec_type:
            case ExecType.NEW:
                return OrderAcceptedEvent(*head, order.venue_order_id)
            case ExecType.REJECTED:
                return OrderRejectedEvent(*head, report.reason)
            case ExecType.CANCELED:
                return OrderCanceledEvent(*head, leaves, report.reason)
            case ExecType.EXPIRED:
                return OrderExpiredEvent(*head, leaves, report.reason)
            case ExecType.CANCEL_REJECTED:
                return OrderCancelRejectedEvent(*head, report.reason)
            case _:
                return OrderUnknownEvent(*head, report.reason)

    def _apply_trade(self, order: Order, report: ExecutionReport) -> None:
        if report.trade_id in order.trade_ids:
            self.counts["duplicates"] += 1
            return
        order.trade_ids.add(report.trade_id)
        order.filled_quantity += report.quantity
        order.filled_value += report.quantity * report.price
        leaves = max(order.quantity - order.filled_quantity, ZERO)
        if order.filled_quantity > order.quantity:
            self.counts["overfills"] += 1
            logger.error(
                "order %s is overfilled: %s of %s", order.client_order_id, order.filled_quantity, order.quantity
            )
        if not order.is_open:
            logger.warning("order %s traded %s after it was %s", order.client_order_id, report.quantity, order.state)
        state = next_state(order.state, ExecType.TRADE, has_fills=True, is_complete=leaves == 0)
        order.state = state or order.state
        order.venue_order_id = report.venue_order_id or order.venue_order_id
        self.counts["fills"] += 1
        cls = OrderFilledEvent if leaves == 0 else OrderPartiallyFilledEvent
        fill = cls(
            *self._head(order, report.ts_event),
            report.trade_id, order.side, report.price, report.quantity, order.filled_quantity, leaves,
            report.fee, report.fee_currency, report.liquidity,
        )  # fmt: skip
        position_event = self._book_fill(fill)
        self._record(order, fill)
        self._bus.post(position_event)

    def _illegal(self, order: Order, report: ExecutionReport) -> None:
        self.counts["illegal"] += 1
        logger.warning(
            "illegal report %s on order %s in state %s: nothing changed",
            report.exec_type,
            order.client_order_id,
            order.state,
        )

    def _head(self, order: Order, ts_event: int) -> tuple[str, str, str, str, int, int, str]:
        """The fields every order event begins with."""
        now = self._clock.now_ns()
        return (order.client_order_id, order.strategy, order.venue, order.symbol, ts_event, now, order.cause)

    def _record(self, order: Order, event: OrderEvent) -> None:
        order.ts_last = event.ts_init
        self._journal.append(order, event)
        self._bus.post(event)
