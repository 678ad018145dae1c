"""What strategies need of the OMS, wherever it runs: in this process, or behind the bus."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from quantai.core.errors import OrderError
from quantai.oms.models import Change, Order, OrderRequest


class Orders(Protocol):
    """Takes order requests and knows the orders that came of them. Nothing here waits."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What happened so far, by name."""
        ...

    def submit(self, request: OrderRequest) -> Order:
        """Ask for an order; it tells what became of it. Raises `OrderError` for what is no order."""
        ...

    def submit_all(self, requests: Sequence[OrderRequest]) -> list[Order]:
        """Ask for several orders, which travel together where they can. Raises `OrderError` before any is sent."""
        ...

    def amend(
        self, order: Order, quantity: Decimal | None = None, price: Decimal | None = None, cause: str = ""
    ) -> None:
        """Ask for another total quantity or another limit. Raises `OrderError` where that cannot be."""
        ...

    def find(self, client_order_id: str) -> Order | None:
        """The order of that id, open or closed, as far back as memory goes."""
        ...

    def cancel(self, order: Order, cause: str = "") -> None:
        """Ask for an order to be cancelled; one that is closed is left as it is. `cause` is why, where that is known:
        the `reference` of an event.
        """
        ...

    def cancel_all(self, strategy: str | None = None, symbol: str | None = None, cause: str = "") -> list[Order]:
        """Cancel every open order, or those of one strategy or symbol; the orders that were open."""
        ...

    def open_orders(self, strategy: str | None = None, symbol: str | None = None) -> list[Order]:
        """The orders that may still trade, oldest first."""
        ...


def new_order(request: OrderRequest, client_order_id: str, now_ns: int, venues: Container[str]) -> Order:
    """The order that `request` asks for. Raises `OrderError` for what is none, or goes to none of `venues`."""
    order_type = request.order_type
    if (request.price is not None) is not order_type.has_limit:
        raise OrderError(f"a {order_type} order {'needs a' if request.price is None else 'takes no'} price")
    for number, name in (
        (request.quantity, "quantity"), (request.price, "price"), (request.trigger_price, "trigger price"),
    ):  # fmt: skip
        if number is not None and not number.is_finite():
            raise OrderError(f"the {name} of an order must be a number, not {number}")
    _check_trigger(request)
    if not request.side.sign:
        raise OrderError(f"an order buys or sells, its side cannot be {request.side}")
    if request.instrument.venue not in venues:
        raise OrderError(f"nothing executes orders at {request.instrument.venue}")
    return Order(
        client_order_id=client_order_id,
        strategy=request.strategy,
        instrument=request.instrument,
        side=request.side,
        order_type=order_type,
        quantity=request.quantity,
        price=request.price,
        time_in_force=request.time_in_force,
        cause=request.cause,
        ts_submitted=now_ns,
        trigger_price=request.trigger_price,
        reduce_only=request.reduce_only,
        parent_order_id=request.parent_order_id,
        ts_last=now_ns,
        options=request.options,
        at_venue=request.at_venue,
    )


def _check_trigger(request: OrderRequest) -> None:
    order_type, price = request.order_type, request.trigger_price
    if not order_type.has_trigger:
        if price is not None or request.at_venue:
            raise OrderError(f"a {order_type} order takes no {'at_venue' if price is None else 'trigger price'}")
    elif price is None and not (request.at_venue and request.options):  # a trailing stop, say
        raise OrderError(f"a {order_type} order needs a trigger price")
    elif request.at_venue and price is not None and price <= 0:
        raise OrderError(f"the trigger price of an order must be above 0, not {price}")


def changed(order: Order, quantity: Decimal | None, price: Decimal | None) -> Change | None:
    """What an amendment would make of `order`; None where nothing changes. Raises `OrderError` for what cannot be."""
    change = Change(order.quantity if quantity is None else quantity, order.price if price is None else price)
    for number in (change.quantity, change.price):
        if number is not None and not number.is_finite():
            raise OrderError(f"order {order.client_order_id} cannot be amended to {number}: that is no number")
    if change.price is not None and order.price is None:
        raise OrderError(f"order {order.client_order_id} is a {order.order_type} order: it has no limit to amend")
    if change.quantity <= order.filled_quantity:
        raise OrderError(
            f"order {order.client_order_id} traded {order.filled_quantity} already: it cannot be amended to "
            f"{change.quantity}; cancel it"
        )
    return None if change == Change(order.quantity, order.price) else change
