"""Whether what a venue says are numbers that can be on the books. Prices, fees and holdings may be negative, quantities
not.
"""

from __future__ import annotations

from decimal import Decimal

from quantai.core.numbers import MAX_MAGNITUDE
from quantai.exchanges.execution import ExecutionReport, OrderStatus
from quantai.oms.models import Order


def is_sound(*numbers: Decimal) -> bool:
    """Whether these can be counted with exactly."""
    return all(number.is_finite() and number.copy_abs() <= MAX_MAGNITUDE for number in numbers)


def is_sound_fill(report: ExecutionReport) -> bool:
    """Whether a trade can be booked."""
    told = () if report.realized_pnl is None else (report.realized_pnl,)
    return is_sound(report.quantity, report.price, report.fee, *told) and report.quantity > 0


def is_sound_change(order: Order, report: ExecutionReport) -> bool:
    """Whether an order can be changed to what a report says: its numbers fit the order's type."""
    quantity, price = report.order_quantity, report.order_price
    if quantity is not None and not (is_sound(quantity) and quantity > 0):
        return False
    return price is None or (is_sound(price) and order.price is not None)


def is_sound_status(status: OrderStatus) -> bool:
    """Whether an order can be what a venue says when asked."""
    if not (is_sound(status.quantity, status.filled_quantity) and status.quantity > 0 <= status.filled_quantity):
        return False
    return status.price is None or is_sound(status.price)
