"""What its children make of a parent."""

from __future__ import annotations

from collections.abc import Sequence

from quantai.core.enums import OrderState
from quantai.core.numbers import ZERO
from quantai.events import OrderParentEvent
from quantai.oms.ledger import Ledger
from quantai.oms.models import Order


def update_parent(ledger: Ledger, parent: Order, children: Sequence[Order], state: OrderState, reason: str) -> None:
    """Book it, and tell; nothing is told where nothing changed."""
    filled = sum((child.filled_quantity for child in children), ZERO)
    value = sum((child.filled_value for child in children), ZERO)
    if filled < parent.filled_quantity:  # not all of its children are known any more
        filled, value = parent.filled_quantity, parent.filled_value
    if (state, filled, value) == (parent.state, parent.filled_quantity, parent.filled_value):
        return
    parent.state, parent.filled_quantity, parent.filled_value = state, filled, value
    parent.is_accepted |= any(child.is_accepted for child in children)
    parent.reason = reason or parent.reason
    ledger.record(parent, OrderParentEvent(*ledger.head(parent), state, filled, value, reason))
