"""Orders that another daemon owns, as its events show them here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from decimal import Decimal

from quantai.core.enums import OrderState
from quantai.events import (
    FillEvent,
    OrderAcceptedEvent,
    OrderCanceledEvent,
    OrderCancelRejectedEvent,
    OrderDeniedEvent,
    OrderEvent,
    OrderExpiredEvent,
    OrderFilledEvent,
    OrderPartiallyFilledEvent,
    OrderPendingCancelEvent,
    OrderRejectedEvent,
    OrderReplacedEvent,
    OrderStateEvent,
    OrderSubmittedEvent,
    OrderUnknownEvent,
)
from quantai.exchanges.base import ExecType
from quantai.instruments import Instrument
from quantai.oms.models import Order
from quantai.oms.state_machine import next_state

_REPORTS: dict[type[OrderEvent], ExecType] = {
    OrderAcceptedEvent: ExecType.NEW,
    OrderRejectedEvent: ExecType.REJECTED,
    OrderPartiallyFilledEvent: ExecType.TRADE,
    OrderFilledEvent: ExecType.TRADE,
    OrderCanceledEvent: ExecType.CANCELED,
    OrderCancelRejectedEvent: ExecType.CANCEL_REJECTED,
    OrderExpiredEvent: ExecType.EXPIRED,
    OrderUnknownEvent: ExecType.UNKNOWN,
}

# Where a venue has the order for certain, or had it.
_ACCEPTED = frozenset(
    {OrderState.NEW, OrderState.PARTIALLY_FILLED, OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED}
)


class KnownOrders:
    """Every open order, and the newest `max_closed` closed ones."""

    def __init__(self, max_closed: int) -> None:
        self._open: dict[str, Order] = {}
        self._closed: OrderedDict[str, Order] = OrderedDict()
        self._max_closed = max_closed

    def keep(self, order: Order) -> None:
        """Remember `order` as it is now."""
        if order.is_open:
            self._open[order.client_order_id] = order
            return
        self._open.pop(order.client_order_id, None)
        self._closed[order.client_order_id] = order
        if len(self._closed) > self._max_closed:
            self._closed.popitem(last=False)

    def get(self, client_order_id: str) -> Order | None:
        """The order of that id, open or closed."""
        return self._open.get(client_order_id) or self._closed.get(client_order_id)

    def open_orders(self) -> Iterable[Order]:
        """Those that may still trade, oldest first."""
        return self._open.values()


class FillLog:
    """How much of each order has traded, for the newest `max_orders`: what tells a fill that comes again."""

    def __init__(self, max_orders: int) -> None:
        self._filled: OrderedDict[str, Decimal] = OrderedDict()
        self._max_orders = max_orders

    def known(self, client_order_id: str) -> Decimal | None:
        """How much is known to have traded; None where nothing is known."""
        return self._filled.get(client_order_id)

    def set(self, client_order_id: str, filled: Decimal) -> None:
        """So much of the order has traded now."""
        self._filled[client_order_id] = filled
        self._filled.move_to_end(client_order_id)
        if len(self._filled) > self._max_orders:
            self._filled.popitem(last=False)


def follow(order: Order, event: OrderEvent) -> bool:
    """Change `order` as `event` tells, by the same table as the OMS; whether that was legal.

    A fill must be new: whoever calls has made sure.
    """
    if isinstance(event, FillEvent):
        order.filled_quantity = event.cumulative_quantity
        order.filled_value += event.quantity * event.price
    state = _state_after(order, event)
    if state is None:
        return False
    order.state = state
    order.ts_last = event.ts_init
    match event:
        case OrderAcceptedEvent():
            order.is_accepted = True
            order.venue_order_id = event.venue_order_id
        case OrderReplacedEvent():
            order.venue_order_id, order.quantity, order.price = event.venue_order_id, event.quantity, event.price
        case OrderDeniedEvent():
            order.reason = f"{event.code}: {event.reason}"
        case OrderRejectedEvent() | OrderCanceledEvent() | OrderExpiredEvent() | OrderUnknownEvent():
            order.reason = event.reason or order.reason
    return True


def _state_after(order: Order, event: OrderEvent) -> OrderState | None:
    match event:
        case OrderSubmittedEvent():
            return OrderState.PENDING_NEW if order.state is OrderState.UNKNOWN else order.state
        case OrderPendingCancelEvent():
            return OrderState.PENDING_CANCEL if order.is_open else None
        case OrderDeniedEvent():
            return OrderState.DENIED if order.is_open else None
        case OrderReplacedEvent():
            return order.state
    return next_state(
        order.state,
        _REPORTS[type(event)],
        is_accepted=order.is_accepted,
        has_fills=order.filled_quantity > 0,
        is_complete=order.filled_quantity >= order.quantity,
    )


def order_of(state: OrderStateEvent, instrument: Instrument) -> Order:
    """An order that was made before anybody here knew of it, still to be adopted."""
    return Order(
        client_order_id=state.client_order_id,
        strategy=state.strategy,
        instrument=instrument,
        side=state.side,
        order_type=state.order_type,
        quantity=state.quantity,
        price=state.price,
        time_in_force=state.time_in_force,
        cause=state.cause,
        ts_submitted=state.ts_submitted,
    )


def adopt(order: Order, state: OrderStateEvent) -> None:
    """Make `order` what its owner says it is, fills included. A cancel that is on its way stays so."""
    adopt_state(order, state)
    order.filled_quantity = state.filled_quantity
    order.filled_value = state.filled_value


def adopt_state(order: Order, state: OrderStateEvent) -> None:
    """The same, but for the fills: these still come as events, to be booked."""
    is_canceling = order.state is OrderState.PENDING_CANCEL and state.state.is_open
    order.state = OrderState.PENDING_CANCEL if is_canceling else state.state
    order.is_accepted |= bool(state.venue_order_id) or state.state in _ACCEPTED
    order.venue_order_id = state.venue_order_id
    order.quantity, order.price = state.quantity, state.price
    order.reason = state.reason
    order.ts_last = state.ts_event
