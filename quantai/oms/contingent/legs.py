"""What must be done about a group of orders, decided from what the orders are now and nothing else.

At any time the legs that can trade, with what they have traded, are no more than what there is to exit from:
- The take profit goes to the venue when the entry is closed, for what the entry filled; until then the stop protects.
- A stop that triggers is released when the limit is proven to be closed, never before.
- What the entry fills after that makes the legs larger, and where there is no stop any more, a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Protocol

from quantai.core.clock import NS_PER_SECOND, Clock, Timer
from quantai.core.enums import OrderState, TimeInForce
from quantai.core.errors import OrderError
from quantai.oms.contingent.group import FAILED, Group
from quantai.oms.models import Order, OrderRequest
from quantai.oms.state_machine import AMENDABLE, CANCELABLE

RETRY_NS = NS_PER_SECOND
"""How long after a cancel, or a release, that was refused the next is asked for."""


class Keeper(Protocol):
    """What is needed of the order manager."""

    def suspend(self, request: OrderRequest, client_order_id: str = "") -> Order:
        """Keep an order here until it is released."""
        ...

    def release(self, order: Order, reason: str) -> None:
        """Check and send an order that was kept here."""
        ...

    def resize(self, order: Order, quantity: Decimal) -> None:
        """Give an order that is kept here another quantity."""
        ...

    def amend(
        self, order: Order, quantity: Decimal | None = None, price: Decimal | None = None, cause: str = ""
    ) -> None:
        """Ask for another total quantity or another limit."""
        ...

    def cancel(self, order: Order, cause: str = "") -> None:
        """Ask for an order to be cancelled; one that is kept here ends at once."""
        ...


class Legs:
    """Does it. `again` is called with an order whose group must be looked at again."""

    def __init__(self, orders: Keeper, clock: Clock, again: Callable[[Order], None]) -> None:
        self._orders = orders
        self._clock = clock
        self._again = again
        self._triggered: dict[str, str] = {}  # why, by stop
        self._asked: dict[str, Timer] = {}  # what is not to be asked for again yet, by order
        self._unknown: set[str] = set()  # cancelled while unknown, which is done once
        self._fitted: dict[str, Decimal] = {}  # what an amendment was asked for, so that a refused one is not repeated

    def trigger(self, stop: Order, reason: str) -> None:
        """The market reached the trigger price of `stop`: it goes out as soon as it may."""
        if stop.state is OrderState.SUSPENDED:
            self._triggered[stop.client_order_id] = reason

    def is_armed(self, stop: Order, group: Group) -> bool:
        """Whether the market is to be watched for `stop`."""
        is_triggered = stop.client_order_id in self._triggered
        return stop is group.waiting and bool(group.at_stake) and not is_triggered

    def settle(self, group: Group) -> None:
        """Do what must be done now. What is done already is not done again."""
        for leg in group.legs:
            self._forget(leg)
        stop = group.waiting
        if group.is_over:
            for leg in group.legs:
                self._cancel(leg)
            return
        if stop is not None and group.at_stake:
            self._orders.resize(stop, group.at_stake)
            if stop.client_order_id in self._triggered:
                self._stop_out(group, stop)
                return
        if group.is_stopped:
            self._keep_out(group)
        else:
            self._take_profit(group)

    def cover(self, group: Group, filled: Decimal) -> None:
        """The entry filled so much: where a stop went already, or nothing was left to be stopped, that gets its own.

        A stop that the strategy cancelled while it was needed is not replaced.
        """
        quantity = min(filled, group.at_stake)
        if group.waiting is not None or not quantity or not (group.is_stopped or group.remaining <= filled):
            return
        last = group.stops[-1]
        self._orders.suspend(
            OrderRequest(
                strategy=last.strategy, instrument=last.instrument, side=last.side, order_type=last.order_type,
                quantity=quantity, price=last.price, time_in_force=TimeInForce.GTC, cause=last.cause,
                trigger_price=last.trigger_price, reduce_only=last.reduce_only, parent_order_id=last.parent_order_id,
            )
        )  # fmt: skip

    def close(self) -> None:
        """Ask for nothing any more."""
        for timer in self._asked.values():
            timer.cancel()
        self._asked.clear()

    def _stop_out(self, group: Group, stop: Order) -> None:
        """The limit first: only a limit that is proven to be closed cannot trade beside the stop."""
        if group.entry is not None:
            self._cancel(group.entry)
        if group.limit is not None:
            self._cancel(group.limit)
            if group.limit.is_open:
                return
        reason = self._triggered.get(stop.client_order_id)
        if reason is not None:  # what was cancelled here ended at once, and who heard of it may have done this already
            self._release(stop, reason)

    def _keep_out(self, group: Group) -> None:
        """A stop went out: the bracket enters no more, and what rests is no more than what is left to get out of."""
        if group.entry is not None:
            self._cancel(group.entry)
        for stop in group.stops:
            if stop.order_type.has_limit:
                self._fit(stop, min(stop.quantity, stop.filled_quantity + group.remaining))

    def _take_profit(self, group: Group) -> None:
        entry, limit = group.entry, group.limit
        if entry is None:
            return
        if entry.is_open:
            if group.stops[-1].state in FAILED:  # nobody enters what cannot be stopped
                self._cancel(entry)
        elif limit is not None:
            self._orders.resize(limit, group.remaining)
            self._release(limit, "the entry is closed")
            self._fit(limit, limit.filled_quantity + group.remaining)

    def _release(self, order: Order, reason: str) -> None:
        """What cannot be sent now, because it could not be kept, is tried again."""
        self._orders.release(order, reason)
        if order.state is OrderState.SUSPENDED:
            self._look_later(order)
        else:
            self._triggered.pop(order.client_order_id, None)

    def _fit(self, order: Order, quantity: Decimal) -> None:
        """Ask the venue for another quantity, once. Where it refuses, the stop that waits covers what is missing."""
        client_order_id = order.client_order_id
        is_asked = self._fitted.get(client_order_id) == quantity
        if order.state in AMENDABLE and quantity != order.quantity and not is_asked:
            self._fitted[client_order_id] = quantity
            with suppress(OrderError):  # a venue that amends nothing
                self._orders.amend(order, quantity)

    def _cancel(self, order: Order) -> None:
        if order.state is OrderState.SUSPENDED:
            self._orders.cancel(order)
        elif order.state in CANCELABLE and order.client_order_id not in self._asked and self._may_ask(order):
            self._look_later(order)
            self._orders.cancel(order)

    def _may_ask(self, order: Order) -> bool:
        """Of an order that is unknown only once: each command makes whoever asks for it begin anew, without end."""
        if order.state is not OrderState.UNKNOWN:
            self._unknown.discard(order.client_order_id)
        elif order.client_order_id in self._unknown:
            return False
        else:
            self._unknown.add(order.client_order_id)
        return True

    def _look_later(self, order: Order) -> None:
        if order.client_order_id not in self._asked:
            self._asked[order.client_order_id] = self._clock.call_later(RETRY_NS, partial(self._look_again, order))

    def _look_again(self, order: Order, due_ns: int) -> None:
        del self._asked[order.client_order_id]
        self._again(order)

    def _forget(self, leg: Order) -> None:
        if not leg.is_open:
            self._triggered.pop(leg.client_order_id, None)
            self._fitted.pop(leg.client_order_id, None)
            self._unknown.discard(leg.client_order_id)
