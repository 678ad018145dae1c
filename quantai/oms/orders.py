"""What strategies need of the OMS, wherever it runs: in this process, or behind the bus."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Protocol

from quantai.core.enums import OrderType
from quantai.core.errors import OrderError
from quantai.oms.models import Order, OrderRequest


class Orders(Protocol):
    """Takes order requests and knows the orders that came of them. Nothing here waits."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What happened so far, by name."""
        ...

    def submit(self, request: OrderRequest) -> Order:
        """Ask for an order; it tells what became of it. Raises `OrderError` for what is no order."""
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
    if (request.price is None) != (request.order_type is OrderType.MARKET):
        raise OrderError(f"a {request.order_type} order {'needs a' if request.price is None else 'takes no'} price")
    if not request.side.sign:
        raise OrderError(f"an order buys or sells, its side cannot be {request.side}")
    if request.instrument.venue not in venues:
        raise OrderError(f"nothing executes orders at {request.instrument.venue}")
    return Order(
        client_order_id=client_order_id,
        strategy=request.strategy,
        instrument=request.instrument,
        side=request.side,
        order_type=request.order_type,
        quantity=request.quantity,
        price=request.price,
        time_in_force=request.time_in_force,
        cause=request.cause,
        ts_submitted=now_ns,
        ts_last=now_ns,
    )
