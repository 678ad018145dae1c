"""What execution reports become."""

from __future__ import annotations

from decimal import Decimal

from quantai.events import (
    OrderAcceptedEvent,
    OrderCanceledEvent,
    OrderCancelRejectedEvent,
    OrderEvent,
    OrderExpiredEvent,
    OrderRejectedEvent,
    OrderUnknownEvent,
)
from quantai.exchanges.base import ExecType, ExecutionReport

Head = tuple[str, str, str, str, int, int, str]
"""The fields that every order event begins with."""


def status_event(report: ExecutionReport, head: Head, venue_order_id: str, leaves: Decimal) -> OrderEvent:
    """The order event of any report but a trade; `leaves` is what could still trade before the report."""
    match report.exec_type:
        case ExecType.NEW:
            return OrderAcceptedEvent(*head, venue_order_id)
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


def is_sound_fill(report: ExecutionReport) -> bool:
    """Whether the numbers of a trade are numbers. A price may be negative, a quantity not."""
    numbers = (report.quantity, report.price, report.fee)
    return all(number.is_finite() for number in numbers) and report.quantity > 0
