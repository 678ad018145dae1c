"""What execution reports make of orders: new states, events, bookings."""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal

from msgspec.structs import replace

from quantai.core.account import AccountChange
from quantai.core.numbers import ZERO, plain
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
    OrderRejectedEvent,
    OrderReplacedEvent,
    OrderReplaceRejectedEvent,
    OrderUnknownEvent,
)
from quantai.exchanges.execution import ExecType, ExecutionReport
from quantai.oms.inferred import confirmed_by, confirmed_trades, confirming_id
from quantai.oms.journal import NoteKind
from quantai.oms.ledger import Head, Ledger
from quantai.oms.models import INFERRED, Change, Order
from quantai.oms.soundness import is_sound_change, is_sound_fill
from quantai.oms.state_machine import next_state

logger = logging.getLogger(__name__)

FillBook = Callable[[FillEvent], tuple[Event, AccountChange]]
"""Takes a fill into the portfolio: the event that tells what it did, and the records that changed."""

_ACCEPTS = frozenset({ExecType.NEW, ExecType.REPLACED})
_ENDS_CHANGE = frozenset({ExecType.REPLACED, ExecType.REPLACE_REJECTED})
_KEEPS_REASON = frozenset({ExecType.CANCEL_REJECTED, ExecType.REPLACE_REJECTED})


class ReportTaker:
    """Applies reports to orders. An illegal one changes nothing and is counted; a fill is always booked, once: what was
    inferred of it before is not booked again (see `inferred`).

    `book_fill` is called before the fill is published, so that no risk check ever sees an order closed and its position
    not yet there; the event it returns is published after the fill.
    """

    def __init__(self, ledger: Ledger, book_fill: FillBook) -> None:
        self._ledger = ledger
        self._book_fill = book_fill
        self.counts = dict.fromkeys(("fills", "confirmed", "illegal", "duplicates", "overfills"), 0)

    def apply(self, order: Order, report: ExecutionReport) -> None:
        """Take what the venue says of `order`."""
        self._ledger.note(order, NoteKind.REPORT, lambda: report)
        if report.exec_type is ExecType.TRADE:
            self._apply_trade(order, report)
        else:
            self.settle(order, report)

    def settle(self, order: Order, report: ExecutionReport) -> None:
        """Take what is known of `order`, but for trades, whoever says it."""
        if report.exec_type is ExecType.REPLACED and not is_sound_change(order, report):
            self._illegal(order, report)
            self._ledger.alarm("UnsoundReport", f"{order.client_order_id}: a change that cannot be: {report}")
            return
        if report.exec_type is ExecType.REPLACED and _is_repeated(order, report):
            self.counts["duplicates"] += 1
            return
        quantity, price, change = order.quantity, order.price, order.change
        if report.exec_type in _ENDS_CHANGE:
            order.change = None
        if report.exec_type is ExecType.REPLACED:
            self._replace(order, report, change)
        state = next_state(
            order.state,
            report.exec_type,
            is_accepted=order.is_accepted,
            has_fills=order.filled_quantity > 0,
            is_complete=order.is_complete,
            has_change=order.change is not None,
        )
        if state is None:
            order.quantity, order.price, order.change = quantity, price, change
            self._illegal(order, report)
            return
        leaves = order.leaves_quantity
        order.state = state
        # Only these can bring a new id: a late report still has the one from before a change.
        if report.exec_type in _ACCEPTS:
            order.is_accepted = True
            order.venue_order_id = report.venue_order_id or order.venue_order_id
        if not order.is_open:
            order.change = None
        if report.exec_type not in _KEEPS_REASON:
            order.reason = report.reason or order.reason
        self._ledger.record(order, status_event(order, report, self._ledger.head(order, report.ts_event), leaves))

    @staticmethod
    def _replace(order: Order, report: ExecutionReport, change: Change | None) -> None:
        """Quantity and price as the venue tells them; what it does not tell is what was asked for."""
        if report.order_quantity is not None:
            order.quantity = report.order_quantity
        elif change is not None:
            order.quantity = change.quantity
        if report.order_price is not None:
            order.price = report.order_price
        elif change is not None:
            order.price = change.price

    def _apply_trade(self, order: Order, report: ExecutionReport) -> None:
        if not is_sound_fill(report):
            self._illegal(order, report)
            self._ledger.alarm("UnsoundFill", f"{order.client_order_id}: a fill that cannot be booked: {report}")
            return
        # Without an id nothing tells a repeated fill from a second one: it is booked, and an overfill raises the alarm.
        if report.trade_id and is_booked(order, report.trade_id):
            self.counts["duplicates"] += 1
            return
        confirmed = confirmed_by(order, report) if order.is_inferred else ZERO
        if confirmed:
            report = self._confirm(order, report, confirmed)
        if report.quantity:
            self._book_trade(order, report)

    def _confirm(self, order: Order, report: ExecutionReport, confirmed: Decimal) -> ExecutionReport:
        """Keep that so much of a fill was inferred before; what is left of it to be booked. What the venue says that it
        realized is of the whole fill, and left out.
        """
        self.counts["confirmed"] += 1
        logger.warning("%s of fill %s is booked already: it was inferred", plain(confirmed), report)
        rest = replace(
            report, trade_id=confirming_id(confirmed, report.trade_id), quantity=report.quantity - confirmed,
            realized_pnl=None,
        )  # fmt: skip
        if not rest.quantity:  # nothing is told: nothing but what is known of a fill has changed
            order.trade_ids.add(rest.trade_id)
            self._ledger.keep(order, self._fill_event(order, rest))
        return rest

    def _book_trade(self, order: Order, report: ExecutionReport) -> None:
        order.trade_ids.add(report.trade_id)
        order.is_inferred |= report.trade_id.startswith(INFERRED)
        if not order.is_open:
            logger.warning("order %s traded %s after it was %s", order.client_order_id, report.quantity, order.state)
        self._take_fill(order, report)
        fill = self._fill_event(order, report)
        event, change = self._book(fill)
        self._ledger.record(order, fill, change)
        if event is not None:
            self._ledger.publish(event)
        if order.filled_quantity > order.quantity and order.change is None:
            self.counts["overfills"] += 1
            self._ledger.alarm(
                "Overfill", f"{order.client_order_id}: {order.filled_quantity} traded of {order.quantity}"
            )

    def _take_fill(self, order: Order, report: ExecutionReport) -> None:
        order.filled_quantity += report.quantity
        order.filled_value += report.quantity * report.price
        state = next_state(
            order.state,
            ExecType.TRADE,
            is_accepted=order.is_accepted,
            has_fills=True,
            is_complete=order.is_complete,
        )
        order.state = state or order.state
        order.venue_order_id = order.venue_order_id or report.venue_order_id
        if not order.is_open:
            order.change = None
        self.counts["fills"] += 1

    def _fill_event(self, order: Order, report: ExecutionReport) -> FillEvent:
        leaves = max(order.quantity - order.filled_quantity, ZERO)
        cls = OrderFilledEvent if order.is_complete else OrderPartiallyFilledEvent
        return cls(
            *self._ledger.head(order, report.ts_event),
            report.trade_id, order.side, report.price, report.quantity, order.filled_quantity, leaves,
            report.fee, report.fee_currency, report.liquidity, report.realized_pnl,
        )  # fmt: skip

    def _book(self, fill: FillEvent) -> tuple[Event | None, AccountChange | None]:
        try:
            return self._book_fill(fill)
        except Exception as error:
            logger.exception("fill %s is not in the portfolio", fill)
            self._ledger.alarm("UnbookedFill", f"{fill.client_order_id}: the portfolio did not take {fill}: {error}")
            return None, None

    def _illegal(self, order: Order, report: ExecutionReport) -> None:
        self.counts["illegal"] += 1
        logger.warning(
            "illegal report %s on order %s in state %s: nothing changed",
            report.exec_type,
            order.client_order_id,
            order.state,
        )


def status_event(order: Order, report: ExecutionReport, head: Head, leaves: Decimal) -> OrderEvent:
    """The order event of any report but a trade; `leaves` is what could still trade before the report."""
    match report.exec_type:
        case ExecType.NEW:
            return OrderAcceptedEvent(*head, order.venue_order_id)
        case ExecType.REJECTED:
            return OrderRejectedEvent(*head, report.reason)
        case ExecType.CANCELED:
            return OrderCanceledEvent(*head, leaves, report.reason)
        case ExecType.EXPIRED:
            return OrderExpiredEvent(*head, leaves, report.reason)
        case ExecType.REPLACED:
            return OrderReplacedEvent(*head, order.venue_order_id, order.quantity, order.price)
        case ExecType.CANCEL_REJECTED:
            return OrderCancelRejectedEvent(*head, report.reason)
        case ExecType.REPLACE_REJECTED:
            return OrderReplaceRejectedEvent(*head, report.reason)
        case ExecType.DENIED:
            code, _, reason = report.reason.partition(": ")
            return OrderDeniedEvent(*head, order.side, order.order_type, order.quantity, order.price, code, reason)
        case _:
            return OrderUnknownEvent(*head, report.reason)


def is_booked(order: Order, trade_id: str) -> bool:
    """Whether the fill of that id is in the books."""
    return trade_id in order.trade_ids or (order.is_inferred and trade_id in confirmed_trades(order))


def _is_repeated(order: Order, report: ExecutionReport) -> bool:
    """Whether the venue tells again what the order is already, while another change of it is on its way."""
    is_as_told = (report.order_quantity, report.order_price) == (order.quantity, order.price)
    return order.change is not None and is_as_told
