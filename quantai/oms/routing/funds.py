"""How much of an order a venue has the means for: coins to sell, cash to buy with, a position to reduce."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.enums import Side
from quantai.core.numbers import ZERO
from quantai.instruments import Instrument, InstrumentType
from quantai.oms.routing.base import RouteRequest
from quantai.oms.routing.view import RoutingView


def room_at(
    instrument: Instrument, request: RouteRequest, view: RoutingView, price: Decimal, cash_buffer: Decimal
) -> Decimal | None:
    """The most that `request` may be for at that venue, not on its grid; None where risk alone limits it.

    What open orders have spoken for is taken. `cash_buffer` is the fraction of the cost of a purchase that is kept for
    fees and for the price to move.
    """
    rooms = []
    if request.reduce_only:
        rooms.append(_reducible(instrument, request, view))
    if instrument.type is InstrumentType.SPOT and request.side is Side.SELL:
        rooms.append(_free(instrument, request.side, instrument.base_currency, view))
    elif instrument.type is InstrumentType.SPOT:
        cash = _free(instrument, request.side, instrument.settlement_currency, view)
        rooms.append(cash / (price * instrument.multiplier * (1 + cash_buffer)))
    return max(min(rooms), ZERO) if rooms else None


def _reducible(instrument: Instrument, request: RouteRequest, view: RoutingView) -> Decimal:
    """What is left of the position, the strategy's and the account's, when what is open on that side has traded."""
    venue, symbol, side = instrument.venue, instrument.symbol, request.side
    own = view.account.position(venue, symbol, request.strategy) * -side.sign
    whole = view.account.position(venue, symbol) * -side.sign
    for order in view.orders.open_orders():
        if order.side is side and order.venue == venue and order.symbol == symbol:
            whole -= order.working_quantity
            own -= order.working_quantity if order.strategy == request.strategy else ZERO
    return min(own, whole)


def _free(instrument: Instrument, side: Side, currency: str, view: RoutingView) -> Decimal:
    """What the account holds of `currency` at the venue, less what open spot orders of that side would pay of it."""
    free = view.account.balance(instrument.venue, currency)
    for order in view.orders.open_orders():
        if order.venue == instrument.venue and order.side is side and order.instrument.type is InstrumentType.SPOT:
            if side is Side.SELL:
                free -= order.working_quantity if order.instrument.base_currency == currency else ZERO
            elif order.instrument.settlement_currency == currency:
                price = order.price or view.market.price(order.venue, order.symbol) or ZERO
                free -= order.instrument.notional(order.working_quantity, price)
    return free
