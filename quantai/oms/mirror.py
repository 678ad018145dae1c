"""Orders that another daemon owns, as its events show them here."""

from __future__ import annotations

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
    OrderParentEvent,
    OrderPartiallyFilledEvent,
    OrderPendingCancelEvent,
    OrderPendingReplaceEvent,
    OrderRejectedEvent,
    OrderReplacedEvent,
    OrderReplaceRejectedEvent,
    OrderRestatedEvent,
    OrderStateEvent,
    OrderSubmittedEvent,
    OrderSuspendedEvent,
    OrderTriggeredEvent,
    OrderUnknownEvent,
)
from quantai.exchanges.execution import ExecType
from quantai.instruments import Instrument
from quantai.oms.models import Change, Order
from quantai.oms.options import read_options
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
    OrderReplacedEvent: ExecType.REPLACED,
    OrderReplaceRejectedEvent: ExecType.REPLACE_REJECTED,
    OrderPendingCancelEvent: ExecType.PENDING_CANCEL,
    OrderPendingReplaceEvent: ExecType.PENDING_REPLACE,
    OrderTriggeredEvent: ExecType.TRIGGERED,
    OrderDeniedEvent: ExecType.DENIED,
}

_WITH_REASON = (
    OrderRejectedEvent,
    OrderCanceledEvent,
    OrderExpiredEvent,
    OrderUnknownEvent,
    OrderParentEvent,
)

# What is kept here was changed by its owner, and a rejection is none: neither proves that a venue ever had the order.
_NOT_ACCEPTED = frozenset({OrderState.SUSPENDED, OrderState.REJECTED})

# What is no news, or comes before what was asked for here arrives.
_EXPECTED = {
    OrderState.PENDING_CANCEL: (OrderPendingCancelEvent, OrderPendingReplaceEvent, OrderTriggeredEvent),
    OrderState.PENDING_REPLACE: (OrderPendingReplaceEvent,),
    OrderState.SUSPENDED: (OrderReplaceRejectedEvent,),
}

# Where a venue has the order for certain, or had it.
_ACCEPTED = frozenset(
    {OrderState.NEW, OrderState.PARTIALLY_FILLED, OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED}
)


def follow(order: Order, event: OrderEvent) -> bool:
    """Change `order` as `event` tells, by the same table as the OMS; whether that was legal.

    A fill must be new: whoever calls has made sure.
    """
    before = order.quantity, order.price, order.change
    _take_numbers(order, event)
    state = _state_after(order, event)
    if state is None:
        order.quantity, order.price, order.change = before
        return False
    order.state = state
    order.ts_last = event.ts_init
    if not order.is_open:
        order.change = None
    match event:
        case OrderAcceptedEvent() | OrderReplacedEvent() | OrderRestatedEvent():
            order.is_accepted |= state not in _NOT_ACCEPTED
            order.venue_order_id = event.venue_order_id or order.venue_order_id
        case OrderDeniedEvent():
            order.reason = f"{event.code}: {event.reason}"
        case OrderSuspendedEvent():
            order.at_venue = False  # it was to rest at a venue that keeps no stops
    if isinstance(event, OrderRestatedEvent):
        order.reason = event.reason
    elif isinstance(event, _WITH_REASON):
        order.reason = event.reason or order.reason
    return True


def _take_numbers(order: Order, event: OrderEvent) -> None:
    match event:
        case FillEvent():
            order.filled_quantity = event.cumulative_quantity
            order.filled_value += event.quantity * event.price
        case OrderParentEvent():
            order.filled_quantity, order.filled_value = event.filled_quantity, event.filled_value
        case OrderPendingReplaceEvent():
            order.change = Change(event.quantity, event.price)
        case OrderReplacedEvent() | OrderRestatedEvent():
            order.quantity, order.price, order.change = event.quantity, event.price, None
        case OrderReplaceRejectedEvent():
            order.change = None


def _state_after(order: Order, event: OrderEvent) -> OrderState | None:
    match event:
        case OrderSubmittedEvent():
            return OrderState.PENDING_NEW if order.state is OrderState.UNKNOWN else order.state
        case OrderSuspendedEvent():
            return OrderState.SUSPENDED if order.state in (OrderState.PENDING_NEW, OrderState.UNKNOWN) else order.state
        case OrderParentEvent() | OrderRestatedEvent():
            return event.state
    # What was asked for here is pending already, a cancel also of what happened before it arrived; and a denial comes
    # before anything else can.
    if isinstance(event, _EXPECTED.get(order.state, ())):
        return order.state
    if isinstance(event, OrderDeniedEvent) and order.is_open:
        return OrderState.DENIED
    return next_state(
        order.state,
        _REPORTS[type(event)],
        is_accepted=order.is_accepted,
        has_fills=order.filled_quantity > 0,
        is_complete=order.is_complete,
        has_change=order.change is not None,
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
        trigger_price=state.trigger_price,
        reduce_only=state.reduce_only,
        parent_order_id=state.parent_order_id,
        options=read_options(state.options),
        at_venue=state.at_venue,
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
    if order.state is not OrderState.PENDING_REPLACE:
        order.change = None
    order.reason = state.reason
    order.ts_last = state.ts_event
