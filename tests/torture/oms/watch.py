"""Follows what a daemon publishes of each order, by the table of transitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from quantai.core.enums import OrderState
from quantai.core.numbers import ZERO
from quantai.events import (
    Event,
    FillEvent,
    OrderAcceptedEvent,
    OrderCanceledEvent,
    OrderCancelRejectedEvent,
    OrderDeniedEvent,
    OrderEvent,
    OrderExpiredEvent,
    OrderFilledEvent,
    OrderParentEvent,
    OrderPendingCancelEvent,
    OrderPendingReplaceEvent,
    OrderRejectedEvent,
    OrderReplacedEvent,
    OrderReplaceRejectedEvent,
    OrderRestatedEvent,
    OrderSubmittedEvent,
    OrderSuspendedEvent,
    OrderTriggeredEvent,
    OrderUnknownEvent,
)
from quantai.exchanges.execution import ExecType
from quantai.oms.models import Order
from quantai.oms.state_machine import next_state

_EXEC_TYPES: dict[type[OrderEvent], ExecType] = {
    OrderAcceptedEvent: ExecType.NEW,
    OrderRejectedEvent: ExecType.REJECTED,
    OrderCanceledEvent: ExecType.CANCELED,
    OrderExpiredEvent: ExecType.EXPIRED,
    OrderCancelRejectedEvent: ExecType.CANCEL_REJECTED,
    OrderReplacedEvent: ExecType.REPLACED,
    OrderReplaceRejectedEvent: ExecType.REPLACE_REJECTED,
    OrderUnknownEvent: ExecType.UNKNOWN,
    OrderPendingCancelEvent: ExecType.PENDING_CANCEL,
    OrderPendingReplaceEvent: ExecType.PENDING_REPLACE,
    OrderTriggeredEvent: ExecType.TRIGGERED,
    OrderDeniedEvent: ExecType.DENIED,
}


@dataclass
class Told:
    """What was published of an order."""

    state: OrderState = OrderState.PENDING_NEW
    quantity: Decimal = ZERO
    filled: Decimal = ZERO
    is_accepted: bool = False
    change: Decimal = ZERO
    trades: set[str] = field(default_factory=set)

    @property
    def is_complete(self) -> bool:
        """Whether all has traded, and all that an amendment may make of it."""
        return self.filled >= max(self.quantity, self.change)


class Watch:
    """One daemon's events. `complain` hears of what must not be published."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._told: dict[str, Told] = {}

    def begin(self, orders: Iterable[Order]) -> None:
        """Orders that the daemon found in its journal are what they are there."""
        for order in orders:
            self._told[order.client_order_id] = Told(
                order.state, order.quantity, order.filled_quantity, order.is_accepted,
                order.change.quantity if order.change else ZERO, set(order.trade_ids),
            )  # fmt: skip

    def handle(self, event: Event) -> None:
        """One event, as it was published."""
        match event:
            case OrderParentEvent():
                told = self._of(event)
                told.state, told.filled = event.state, event.filled_quantity
            case OrderRestatedEvent():
                told = self._of(event)
                told.state, told.quantity, told.change = event.state, event.quantity, ZERO
                told.is_accepted |= event.state is not OrderState.REJECTED
            case FillEvent():
                self._fill(self._of(event), event)
            case OrderSubmittedEvent() | OrderSuspendedEvent():
                self._begin(event)
            case OrderEvent():
                if isinstance(event, OrderDeniedEvent) and "check failed" in event.reason:
                    self._complain(f"{event.client_order_id} was denied: {event.reason}")
                self._move(self._of(event), event)

    def _of(self, event: OrderEvent) -> Told:
        return self._told.setdefault(event.client_order_id, Told())

    def _begin(self, event: OrderSubmittedEvent | OrderSuspendedEvent) -> None:
        is_new = event.client_order_id not in self._told
        told = self._of(event)
        told.quantity = event.quantity
        if is_new and isinstance(event, OrderSuspendedEvent):
            told.state = OrderState.SUSPENDED

    def _move(self, told: Told, event: OrderEvent) -> None:
        exec_type = _EXEC_TYPES[type(event)]
        match event:
            case OrderPendingReplaceEvent():
                told.change = event.quantity
            case OrderReplacedEvent():
                told.quantity, told.change = event.quantity, ZERO
            case OrderReplaceRejectedEvent():
                told.change = ZERO
        state = self._next(told, exec_type, is_complete=told.is_complete)
        if state is None:
            self._complain(f"{exec_type} of {event.client_order_id} was published in {told.state}")
        else:
            told.state = state
        is_venues_word = exec_type in (ExecType.NEW, ExecType.REPLACED) and told.state is not OrderState.SUSPENDED
        told.is_accepted |= is_venues_word
        if not told.state.is_open:
            told.change = ZERO

    def _fill(self, told: Told, event: FillEvent) -> None:
        if event.trade_id in told.trades:
            self._complain(f"fill {event.trade_id} of {event.client_order_id} was published twice")
        told.trades.add(event.trade_id)
        told.filled += event.quantity
        if told.filled != event.cumulative_quantity:
            self._complain(
                f"{event.client_order_id} traded {told.filled}, not {event.cumulative_quantity} as published"
            )
        is_complete = isinstance(event, OrderFilledEvent)  # a change of which nothing was told yet counts for it
        told.state = self._next(told, ExecType.TRADE, is_complete=is_complete) or told.state

    @staticmethod
    def _next(told: Told, exec_type: ExecType, *, is_complete: bool) -> OrderState | None:
        return next_state(
            told.state,
            exec_type,
            is_accepted=told.is_accepted,
            has_fills=told.filled > 0,
            is_complete=is_complete,
            has_change=told.change > 0,
        )
