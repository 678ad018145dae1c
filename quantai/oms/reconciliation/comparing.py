"""What a venue's answer about an order means for ours. Nothing here asks, waits or changes anything."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from quantai.core.enums import OrderState, TimeInForce
from quantai.core.numbers import plain
from quantai.exchanges.execution import ExecType, ExecutionReport, OrderStatus
from quantai.oms.models import Order

AWAITING = frozenset(
    {OrderState.PENDING_NEW, OrderState.PENDING_CANCEL, OrderState.PENDING_REPLACE, OrderState.UNKNOWN}
)
"""The states in which a venue owes an answer."""

_ENDINGS = {
    OrderState.CANCELED: ExecType.CANCELED,
    OrderState.EXPIRED: ExecType.EXPIRED,
    OrderState.REJECTED: ExecType.REJECTED,
}


def is_at_venue(order: Order, venue: str) -> bool:
    """Whether the order was given to `venue`: it is not kept here, no parent, not waiting for the journal."""
    return order.venue == venue and order.is_sent and not order.is_parent and order.state is not OrderState.SUSPENDED


def owed(order: Order) -> OrderState:
    """The state whose answer the venue owes. Whether an order ever arrived is one question, however often it is
    cancelled meanwhile.
    """
    is_proven = order.is_accepted or order.filled_quantity > 0
    return OrderState.UNKNOWN if order.state in AWAITING and not is_proven else order.state


def version(order: Order) -> tuple[object, ...]:
    """What is another one after anything happened to the order."""
    return (order.ts_last, order.state, order.filled_quantity, order.quantity, order.price, order.change,
            order.venue_order_id, order.is_accepted)  # fmt: skip


def describe(state: OrderState, filled: Decimal, quantity: Decimal, price: Decimal | None) -> str:
    """An order in a few words."""
    at = "" if price is None else f" at {plain(price)}"
    return f"{state} {plain(filled)} of {plain(quantity)}{at}"


def describe_order(order: Order) -> str:
    """Ours in a few words."""
    return describe(order.state, order.filled_quantity, order.quantity, order.price)


def describe_status(status: OrderStatus) -> str:
    """The venue's in a few words."""
    return describe(status.state, status.filled_quantity, status.quantity, status.price)


def has_terms(status: OrderStatus, quantity: Decimal, price: Decimal | None) -> bool:
    """Whether the venue's order is of that quantity and limit; an order without a limit has none to compare."""
    return status.quantity == quantity and (price is None or status.price is None or status.price == price)


def is_unchanged(order: Order, status: OrderStatus) -> bool:
    """Whether a change is on its way, and the venue has the order, open, as it was before: no proof by itself."""
    return (
        order.state is OrderState.PENDING_REPLACE
        and status.state.is_open
        and has_terms(status, order.quantity, order.price)
        and not (order.change is not None and has_terms(status, order.change.quantity, order.change.price))
    )


def agrees(order: Order, status: OrderStatus) -> bool:
    """Whether an order that the venue lists as open is what we have, as far as that can be said while it is busy."""
    if order.state in AWAITING:
        return True
    return (
        order.is_open
        and status.filled_quantity == order.filled_quantity
        and has_terms(status, order.quantity, order.price)
    )


def corrections(order: Order, status: OrderStatus) -> Iterator[ExecutionReport]:
    """The reports that make of an open order what the venue says, one by one: the order is looked at again after each
    was applied. Its fills are booked before.
    """
    refused = status.state is OrderState.REJECTED
    change = order.change
    if not refused and (not order.is_accepted or order.state is OrderState.UNKNOWN):
        yield report_of(order, ExecType.NEW, status.ts_event, venue_order_id=status.venue_order_id)
    # A change that was asked for because of the report before is not what the venue speaks of.
    if not refused and order.change is change and _has_other_terms(order, status):
        yield replaced(order, status)
    ending = _ENDINGS.get(status.state)
    if ending is not None and order.is_open:
        reason = status.reason or "told when asked"
        yield report_of(order, ending, status.ts_event, venue_order_id=status.venue_order_id, reason=reason)


def _has_other_terms(order: Order, status: OrderStatus) -> bool:
    if order.state is OrderState.PENDING_REPLACE and status.state.is_open:
        return True  # one that is not changed yet was told apart before
    return order.is_open and not has_terms(status, order.quantity, order.price)


def replaced(order: Order, status: OrderStatus) -> ExecutionReport:
    """The venue's quantity and limit."""
    return ExecutionReport(
        exec_type=ExecType.REPLACED, client_order_id=order.client_order_id, ts_event=status.ts_event,
        venue_order_id=status.venue_order_id, symbol=order.symbol, side=order.side, order_quantity=status.quantity,
        order_price=None if order.price is None else status.price,
    )  # fmt: skip


def ending_of(order: Order) -> ExecType:
    """How an order ended that the venue does not know any more, its fills being booked."""
    if not order.is_accepted and not order.filled_quantity:
        return ExecType.REJECTED
    if order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        return ExecType.EXPIRED
    return ExecType.CANCELED


def report_of(
    order: Order, exec_type: ExecType, ts_event: int, *, venue_order_id: str = "", reason: str = ""
) -> ExecutionReport:
    """A report on `order` as if the venue had sent it."""
    return ExecutionReport(
        exec_type=exec_type, client_order_id=order.client_order_id, ts_event=ts_event, venue_order_id=venue_order_id,
        symbol=order.symbol, side=order.side, reason=reason,
    )  # fmt: skip
