"""What each venue takes, as far as its connector declares it: what it would refuse is refused here, before risk.

A venue that is not known here is a simulated one, which takes whatever comes and heeds no options. One that declares no
order types has said nothing: there, only what must not be left to chance is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.core.identifiers import nearest
from quantai.exchanges.base import Capabilities
from quantai.instruments import InstrumentType
from quantai.oms.models import Order, OrderRequest

SENT_AS: Mapping[OrderType, OrderType] = {OrderType.STOP: OrderType.MARKET, OrderType.STOP_LIMIT: OrderType.LIMIT}
"""What becomes of a stop that was kept here."""


class VenueTerms:
    """The terms of `capabilities`, by venue."""

    def __init__(self, capabilities: Mapping[str, Capabilities]) -> None:
        self._capabilities = capabilities

    def check(self, request: OrderRequest) -> None:
        """Raises `OrderError` for an order that its venue does not take, and says what it does."""
        venue = request.instrument.venue
        can = self._capabilities.get(venue)
        if can is None:
            if request.at_venue and request.trigger_price is None:
                raise OrderError(f"{venue} is simulated and keeps no stops: give a trigger price")
            return
        sent = request.order_type if request.at_venue else SENT_AS.get(request.order_type, request.order_type)
        if (can.order_types or request.at_venue) and sent not in can.order_types:
            raise OrderError(f"{venue} takes no {sent} orders, it takes {_listed(can.order_types)}{_hint(request)}")
        lasts = request.time_in_force
        asks_for_it = request.order_type.has_limit or lasts is not TimeInForce.GTC
        if asks_for_it and can.time_in_force and lasts not in can.time_in_force:
            raise OrderError(f"{venue} takes no {lasts} orders, it takes {_listed(can.time_in_force)}")
        if request.reduce_only and can.order_types and not (can.can_reduce_only or _only_reduces(request)):
            raise OrderError(f"{venue} has no reduce-only orders: leave reduce_only out, and see to the quantity")
        if can.order_types or can.order_options:
            _check_options(venue, (name for name, _ in request.options), can.order_options)

    def check_change(self, order: Order) -> None:
        """Raises `OrderError` where the venue cannot change an order that rests."""
        can = self._capabilities.get(order.venue)
        if can is not None and can.order_types and not can.can_amend:
            raise OrderError(f"{order.venue} cannot amend orders: cancel {order.client_order_id} and place anew")

    def keeps_stops(self, venue: str) -> bool:
        """Whether a stop may rest at the venue; else it is kept here."""
        return venue in self._capabilities


def _only_reduces(request: OrderRequest) -> bool:
    """What is sold on a spot market is held: there is nothing else that it could do."""
    return request.instrument.type is InstrumentType.SPOT and request.side is Side.SELL


def _check_options(venue: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            near = nearest(name, known)
            hint = f"; did you mean {near!r}?" if near else f": it has {_listed(known)}"
            raise OrderError(f"{venue} has no order option {name!r}{hint}")


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _hint(request: OrderRequest) -> str:
    return ": without at_venue a stop is kept here" if request.at_venue else ""
