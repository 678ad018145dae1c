"""A parent and its children: what came back, what is spoken for, and what the children make of the parent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from quantai.core.enums import OrderState, OrderType, TimeInForce
from quantai.core.numbers import ZERO
from quantai.oms.models import Order

VENUE_DENIALS = ("INSUFFICIENT_CAPITAL:", "STALE_MARKET:", "UNKNOWN_ORDER:")
"""How the reasons begin for which risk keeps an order from one venue, and would not from another."""

_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


@dataclass(slots=True, eq=False)
class Family:
    """A parent that is followed. `withdrawn` are the children that were cancelled here, `taken_back` those where that
    was a moment ago, because too much worked; `is_cancelled` says that somebody here asked for the parent to be,
    `stopped` what else keeps it from being routed anew.
    """

    parent: Order
    is_cancelled: bool = False
    stopped: str = ""
    is_placing: bool = False
    withdrawn: set[str] = field(default_factory=set)
    taken_back: set[str] = field(default_factory=set)

    def came_back(self, child: Order) -> bool:
        """Whether a venue, or risk for that venue, gave back what the child did not fill, to be tried elsewhere."""
        if child.is_open or child.filled_quantity >= child.quantity:
            return False
        match child.state:
            case OrderState.REJECTED:
                return True
            case OrderState.DENIED:
                return child.reason.startswith(VENUE_DENIALS)
            case _:
                return child.time_in_force not in _AT_ONCE and child.client_order_id not in self.withdrawn

    def spoken_for(self, child: Order) -> Decimal:
        """What a child filled, may still fill, or gave up for good."""
        if child.is_open:
            return child.filled_quantity + child.working_quantity
        return child.filled_quantity if self.came_back(child) else max(child.quantity, child.filled_quantity)


def recovered(parent: Order, children: Sequence[Order]) -> Family:
    """The family of a parent of an earlier run. Who cancelled a child is not known, nor whether it was routed anew, so
    nothing of its parent is; and what was to trade at once is not sent later.
    """
    family = Family(parent, is_cancelled=parent.state is OrderState.PENDING_CANCEL)
    if parent.order_type is OrderType.MARKET or parent.time_in_force in _AT_ONCE:
        family.stopped = "the daemon was restarted"
    if sum((child.filled_quantity for child in children), ZERO) < parent.filled_quantity:
        family.stopped = "not all of its children are known"
    if any(child.state is OrderState.CANCELED for child in children):
        family.stopped = "a part of it was cancelled before the daemon was restarted"
    family.withdrawn.update(child.client_order_id for child in children if child.state is OrderState.PENDING_CANCEL)
    return family


def state_of(family: Family, children: Sequence[Order]) -> OrderState:
    """What the children make of the parent."""
    filled = sum((child.filled_quantity for child in children), ZERO)
    if filled >= family.parent.quantity:
        return OrderState.FILLED
    open_states = {child.state for child in children if child.is_open}
    if not open_states:
        return _end_of(family, {child.state for child in children}, has_fills=filled > 0)
    if family.is_cancelled and OrderState.PENDING_CANCEL in open_states:
        return OrderState.PENDING_CANCEL
    if filled:
        return OrderState.PARTIALLY_FILLED
    return OrderState.NEW if any(child.is_accepted for child in children) else OrderState.PENDING_NEW


def _end_of(family: Family, states: set[OrderState], *, has_fills: bool) -> OrderState:
    """How a parent ends that did not fill, by how its children did; without any nothing of it was sent."""
    if family.is_cancelled:
        return OrderState.CANCELED
    if not has_fills and states <= {OrderState.DENIED}:
        return OrderState.DENIED
    if not has_fills and states <= {OrderState.DENIED, OrderState.REJECTED}:
        return OrderState.REJECTED
    return OrderState.EXPIRED if OrderState.EXPIRED in states else OrderState.CANCELED


def ending(family: Family, children: Sequence[Order]) -> str:
    """Why a parent ended before it was filled."""
    said = [f"{child.venue} {child.state}: {child.reason}" for child in children if child.reason]
    why = "it was cancelled" if family.is_cancelled else family.stopped
    return "; ".join([*said, why] if why else said)
