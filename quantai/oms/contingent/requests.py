"""What brackets and OCO pairs are made of, and which make no sense."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from msgspec.structs import replace

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.core.numbers import plain
from quantai.oms.models import Order, OrderRequest


@dataclass(frozen=True, slots=True)
class Bracket:
    """An entry and its two exits. The exits are kept here until the entry trades."""

    entry: Order
    take_profit: Order
    stop_loss: Order


def bracket_legs(
    entry: OrderRequest, take_profit: Decimal, stop_loss: Decimal, market: Decimal | None, *, reduce_only: bool = False
) -> tuple[OrderRequest, OrderRequest]:
    """Take profit and stop loss for `entry`; `market` is the price a market order would trade at, where known.

    Raises `OrderError` where the entry's price is not between the two.
    """
    _check_plain(entry)
    check_quantity(entry)
    price = market if entry.price is None else entry.price
    named = [("stop_loss", stop_loss), ("entry", price), ("take_profit", take_profit)]
    _check_order(entry, [(name, value) for name, value in named if value is not None])
    leg = replace(entry, side=entry.side.opposite, time_in_force=TimeInForce.GTC, reduce_only=reduce_only)
    return (
        replace(leg, order_type=OrderType.LIMIT, price=take_profit),
        replace(leg, order_type=OrderType.STOP, price=None, trigger_price=stop_loss),
    )


def oco_stop(limit: OrderRequest, trigger_price: Decimal) -> OrderRequest:
    """The stop that goes with `limit`. Raises `OrderError` where it stands on the same side of the market."""
    _check_plain(limit)
    check_quantity(limit)
    if limit.price is None:
        raise OrderError(f"an OCO pair on {limit.instrument} needs a limit price")
    # The limit is where one would rather trade: below the stop for a buy, above it for a sell.
    _check_order(limit, [("price", limit.price), ("trigger_price", trigger_price)])
    return replace(
        limit, order_type=OrderType.STOP, price=None, trigger_price=trigger_price, time_in_force=TimeInForce.GTC
    )


def _check_plain(request: OrderRequest) -> None:
    """What one order says to its venue makes no sense for the others."""
    if request.options or request.at_venue:
        raise OrderError(f"a bracket or OCO pair on {request.instrument} takes neither options nor at_venue")


def check_quantity(request: OrderRequest) -> None:
    """Raises `OrderError` for a quantity that is not positive: what is kept here is not asked of risk until later."""
    if request.quantity <= 0:
        raise OrderError(
            f"quantity {plain(request.quantity)} of {request.instrument} is not positive on the lot grid of "
            f"{plain(request.instrument.lot_size)}"
        )


def check_prices(request: OrderRequest) -> None:
    """Raises `OrderError` for a price or trigger price that is not positive."""
    for name, price in (("price", request.price), ("trigger_price", request.trigger_price)):
        if price is not None and price <= 0:
            raise OrderError(f"{name} {plain(price)} of {request.instrument} is not positive")


def _check_order(request: OrderRequest, prices: list[tuple[str, Decimal]]) -> None:
    """Prices must rise in the order given for a buy, fall for a sell, and be positive."""
    sign = request.side.sign
    for name, price in prices:
        if price <= 0:
            raise OrderError(f"{name} {plain(price)} of {request.instrument} is not positive")
    for (lower_name, lower), (upper_name, upper) in pairwise(prices):
        if (upper - lower) * sign <= 0:
            side = "below" if request.side is Side.BUY else "above"
            raise OrderError(
                f"to {request.side} {request.instrument}, {lower_name} {plain(lower)} must be {side} "
                f"{upper_name} {plain(upper)}"
            )
