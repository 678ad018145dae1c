"""What is wrong with an order whatever venue it is for: found before it is sent."""

from __future__ import annotations

import re
from decimal import Decimal

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.exchanges.base import Capabilities
from quantai.exchanges.execution import SubmitOrder

_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)


def refusal(command: SubmitOrder, venue: str, why: str) -> OrderError:
    """The error that says that nothing was sent."""
    return OrderError(f"order {command.client_order_id} was not sent to {venue}: {why}")


def check_order(command: SubmitOrder, venue: str, client_ids: re.Pattern[str]) -> None:
    """Raises `OrderError` for an order that contradicts itself, or has an id that the venue does not take."""
    if not client_ids.fullmatch(command.client_order_id):
        raise OrderError(f"{command.client_order_id!r} is no client order id that {venue} takes: {client_ids.pattern}")
    if command.side not in (Side.BUY, Side.SELL):
        raise refusal(command, venue, f"it buys or sells, its side cannot be {command.side}")
    if (command.price is not None) is not command.order_type.has_limit:
        raise refusal(command, venue, f"a {command.order_type} order with price {command.price} makes no sense")
    if command.trigger_price is not None and command.order_type not in _STOPS:
        raise refusal(command, venue, f"a {command.order_type} order takes no trigger price")
    if not command.order_type.has_limit and command.time_in_force in (TimeInForce.FOK, TimeInForce.POST_ONLY):
        raise refusal(command, venue, f"without a limit it cannot be {command.time_in_force}")
    check_amounts(venue, command.quantity, command.price, command.trigger_price)


def check_amounts(venue: str, *numbers: Decimal | None) -> None:
    """Raises `OrderError` for prices and quantities that are not above 0, or no numbers."""
    for number in numbers:
        if number is not None and not (number.is_finite() and number > 0):
            raise OrderError(f"{venue} takes no order with the number {number}")


def check_declared(command: SubmitOrder, venue: str, can: Capabilities) -> None:
    """Raises `OrderError` for what the venue does not declare. Of a market order that it is to trade at once says
    nothing new.
    """
    if command.order_type not in can.order_types:
        raise refusal(command, venue, f"it takes no {command.order_type} orders")
    if command.order_type.has_limit and command.time_in_force not in can.time_in_force:
        raise refusal(command, venue, f"it takes no {command.time_in_force} orders")
    if command.reduce_only and not (can.can_reduce_only or command.side is Side.SELL):
        raise refusal(command, venue, "it has no reduce-only orders")
    unknown = [name for name, _ in command.options if name not in can.order_options]
    if unknown:
        raise refusal(command, venue, f"it has no order option {', '.join(unknown)}")
