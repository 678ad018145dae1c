"""From what a strategy writes to an exact request: on the instrument's grid, of the right type, and making sense."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.core.numbers import Number, plain, to_decimal
from quantai.instruments import Instrument
from quantai.oms.contingent.requests import check_prices, check_quantity
from quantai.oms.models import Order, OrderRequest
from quantai.oms.options import make_options
from quantai.oms.routing import RouteRequest

_TYPES = {
    (False, False): OrderType.MARKET,
    (True, False): OrderType.LIMIT,
    (False, True): OrderType.STOP,
    (True, True): OrderType.STOP_LIMIT,
}
_BUY, _SELL = Side.BUY, Side.SELL


def make_request(
    *,
    strategy: str,
    instrument: Instrument,
    side: Side | str,
    quantity: Number,
    price: Number | None,
    time_in_force: TimeInForce | str,
    trigger_price: Number | None,
    reduce_only: bool,
    cause: str,
    at_venue: bool = False,
    options: Mapping[str, Number] | None = None,
) -> OrderRequest:
    """Raises `OrderError` and `NumberError` for what is no order. What is sent at once is left to risk; of an order
    that is kept here risk is asked only later, so its numbers are checked.
    """
    request = OrderRequest(
        strategy=strategy,
        instrument=instrument,
        side=_side(side),
        order_type=_TYPES[price is not None, at_venue or trigger_price is not None],
        quantity=instrument.quantize_quantity(quantity),
        price=_on_grid(instrument, price),
        time_in_force=_time_in_force(time_in_force),
        cause=cause,
        trigger_price=_on_grid(instrument, trigger_price),
        reduce_only=reduce_only,
        options=make_options(options) if options else (),
        at_venue=at_venue,
    )
    if trigger_price is not None:
        check_quantity(request)
        check_prices(request)
    return request


def route_request(
    *,
    strategy: str,
    symbol: str,
    side: Side | str,
    quantity: Number,
    price: Number | None,
    time_in_force: TimeInForce | str,
    reduce_only: bool,
) -> RouteRequest:
    """An order whose venue is still open, so on no grid yet. Raises as `make_request`."""
    return RouteRequest(
        strategy=strategy,
        symbol=symbol,
        side=_side(side),
        order_type=_TYPES[price is not None, False],
        quantity=to_decimal(quantity, f"quantity of {symbol}"),
        price=None if price is None else to_decimal(price, f"price of {symbol}"),
        time_in_force=_time_in_force(time_in_force),
        reduce_only=reduce_only,
    )


def amendment(order: Order, quantity: Number | None, price: Number | None) -> tuple[Decimal | None, Decimal | None]:
    """The new total quantity and limit on the grid. Raises `OrderError` for what cannot be asked for."""
    if quantity is not None and order.parent_order_id:
        raise OrderError(
            f"the quantity of order {order.client_order_id} follows from {order.parent_order_id}: amend or cancel that"
        )
    instrument = order.instrument
    exact = None if quantity is None else instrument.quantize_quantity(quantity)
    limit = _on_grid(instrument, price)
    for name, value in (("quantity", exact), ("price", limit)):
        if value is not None and value <= 0:
            raise OrderError(
                f"order {order.client_order_id} on {instrument} cannot be amended to a {name} of {plain(value)}"
            )
    return exact, limit


def _on_grid(instrument: Instrument, price: Number | None) -> Decimal | None:
    return None if price is None else instrument.quantize_price(price)


def _side(value: Side | str) -> Side:
    if value is _BUY or value is _SELL:
        return value
    if value in (_BUY, _SELL):
        return Side(value)
    raise OrderError(f"an order goes to the side 'buy' or 'sell', not {value!r}")


def _time_in_force(value: TimeInForce | str) -> TimeInForce:
    if type(value) is TimeInForce:
        return value
    try:
        return TimeInForce(value)
    except ValueError:
        raise OrderError(f"no time in force {value!r}; there are {', '.join(TimeInForce)}") from None
