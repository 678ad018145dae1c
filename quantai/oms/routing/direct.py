"""From a strategy's wish to an order, where the strategy leaves the venue open."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from quantai.core.clock import Clock
from quantai.core.enums import Side
from quantai.core.numbers import ceil_to_step, floor_to_step
from quantai.instruments import Instrument
from quantai.oms.journal import Journal, Note, NoteKind
from quantai.oms.models import Order, OrderRequest
from quantai.oms.orders import Orders
from quantai.oms.routing.base import Decision, Leg, RouteNote, Router, RouteRequest


class Routing(Protocol):
    """What strategies need of routing. Nothing here waits."""

    def instrument(self, strategy: str, symbol: str, candidates: Sequence[Instrument]) -> Instrument:
        """Where every such order goes. Raises `OrderError` where the order decides, or nothing does."""
        ...

    def submit(self, request: RouteRequest, candidates: Sequence[Instrument], cause: str = "") -> Order:
        """Ask for an order at one or several of `candidates`, one a venue. Raises `OrderError` for what is none."""
        ...


class DirectOrders:
    """One order for each request, at the venue that the router names. Implements `Routing`."""

    def __init__(self, router: Router, orders: Orders, journal: Journal, clock: Clock) -> None:
        self._router = router
        self._orders = orders
        self._journal = journal
        self._clock = clock

    def instrument(self, strategy: str, symbol: str, candidates: Sequence[Instrument]) -> Instrument:
        return self._router.fixed(strategy, symbol, candidates)

    def submit(self, request: RouteRequest, candidates: Sequence[Instrument], cause: str = "") -> Order:
        decision = self._router.route(request, candidates)
        leg = decision.legs[0]
        price = None if request.price is None else leg.instrument.quantize_price(request.price)
        order = self._orders.submit(order_request(request, leg, price, cause))
        if self._journal.is_durable:
            self._journal.note(route_note(self._router, order, request, decision, self._clock.now_ns()))
        return order


def limit_at(request: RouteRequest, instrument: Instrument) -> Decimal | None:
    """The limit on the venue's grid, never worse than what is asked for; None where there is none."""
    if request.price is None:
        return None
    to_step = floor_to_step if request.side is Side.BUY else ceil_to_step
    return to_step(request.price, instrument.tick_size)


def order_request(
    request: RouteRequest, leg: Leg, price: Decimal | None, cause: str, parent_order_id: str = ""
) -> OrderRequest:
    """The order of one leg at `price`."""
    return OrderRequest(
        strategy=request.strategy,
        instrument=leg.instrument,
        side=request.side,
        order_type=request.order_type,
        quantity=leg.quantity,
        price=price,
        time_in_force=request.time_in_force,
        cause=cause,
        reduce_only=request.reduce_only,
        parent_order_id=parent_order_id,
    )


def route_note(router: Router, order: Order, request: RouteRequest, decision: Decision, now_ns: int) -> Note:
    """What the journal keeps of the decision that made `order`."""
    return Note(order.client_order_id, now_ns, NoteKind.ROUTE, RouteNote(type(router).__name__, request, decision))
