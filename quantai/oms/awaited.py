"""Which orders a daemon of strategies waits for an answer on, and since when."""

from __future__ import annotations

from quantai.core.clock import Clock
from quantai.core.enums import OrderState
from quantai.events import (
    Event,
    OrderPendingCancelEvent,
    OrderPendingReplaceEvent,
    OrderStateEvent,
    OrderSubmittedEvent,
)
from quantai.oms.models import Order


class AwaitedAnswers:
    """Orders whose last request was not answered yet. An answer is due `timeout_ns` after it was asked for."""

    def __init__(self, clock: Clock, timeout_ns: int) -> None:
        self._clock = clock
        self._timeout_ns = timeout_ns
        self._since_ns: dict[str, int] = {}

    def expect(self, client_order_id: str) -> None:
        """A request was sent just now."""
        self._since_ns[client_order_id] = self._clock.now_ns()

    def ask_soon(self, client_order_id: str) -> None:
        """The order is to be asked for, unless that is under way."""
        self._since_ns.setdefault(client_order_id, 0)

    def drop(self, client_order_id: str) -> None:
        """Nothing is waited for any more."""
        self._since_ns.pop(client_order_id, None)

    def due(self) -> list[str]:
        """What is to be asked for again; it is waited for anew from now on."""
        now_ns = self._clock.now_ns()
        found = [name for name, since_ns in self._since_ns.items() if now_ns - since_ns >= self._timeout_ns]
        self._since_ns.update(dict.fromkeys(found, now_ns))
        return found

    def settle(self, order: Order, event: Event) -> None:
        """Wait no longer where `event`, which made `order` what it is, was the answer."""
        if order.state is OrderState.UNKNOWN:
            self._since_ns.setdefault(order.client_order_id, self._clock.now_ns())
        elif _is_answer(order.state, event):
            self.drop(order.client_order_id)


def _is_answer(state: OrderState, event: Event) -> bool:
    match state:
        case OrderState.PENDING_NEW:
            return isinstance(event, OrderSubmittedEvent | OrderStateEvent)
        case OrderState.PENDING_REPLACE:
            return isinstance(event, OrderPendingReplaceEvent | OrderStateEvent)
        case OrderState.PENDING_CANCEL:
            return isinstance(event, OrderPendingCancelEvent) or (
                isinstance(event, OrderStateEvent) and event.state is OrderState.PENDING_CANCEL
            )
        case _:
            return True
