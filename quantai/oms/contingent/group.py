"""Orders that belong together, found by their parent ids and types alone: there is no other state to lose.

- Bracket: the entry is the parent, its legs are the children of the other side: a limit (take profit) and stops.
- OCO pair: the limit is the parent, the stop its child of the same side.
- A stop alone is a group of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from quantai.core.enums import OrderState, OrderType
from quantai.core.numbers import ZERO
from quantai.oms.cache import OrderCache
from quantai.oms.models import Order

FAILED = frozenset({OrderState.DENIED, OrderState.REJECTED, OrderState.EXPIRED})
"""How a stop ends that did not do what it was there for."""


@dataclass(frozen=True, slots=True)
class Group:
    """`limit` and `stops` are the legs, of which one cancels the other; `entry` is None for all but brackets.

    `is_orphan` says that the parent is not known any more, or never came to be.
    """

    entry: Order | None
    limit: Order | None
    stops: Sequence[Order]
    is_orphan: bool = False

    @property
    def legs(self) -> list[Order]:
        """Limit and stops."""
        return [*self.stops] if self.limit is None else [self.limit, *self.stops]

    @property
    def waiting(self) -> Order | None:
        """The stop that is kept here, None where there is none."""
        return next((stop for stop in self.stops if stop.state is OrderState.SUSPENDED), None)

    @property
    def is_stopped(self) -> bool:
        """Whether a stop is on its way, or has traded."""
        return any(stop.filled_quantity or _is_working(stop) for stop in self.stops)

    @property
    def is_stopping(self) -> bool:
        """Whether every stop of a bracket is on its way, or has done its work: what fills after that needs its own.
        What a stop that ended otherwise was there for stays without.
        """
        if self.entry is None:
            return False
        return all(_is_working(stop) or stop.state is OrderState.FILLED for stop in self.stops)

    @property
    def remaining(self) -> Decimal:
        """What the legs may still trade, together."""
        filled = sum((leg.filled_quantity for leg in self.legs), ZERO)
        if self.entry is not None:
            return max(self.entry.filled_quantity - filled, ZERO)
        if self.is_orphan:
            return self._of_orphans()
        whole = self.stops[0].quantity if self.limit is None else self.limit.quantity
        return max(whole - filled, ZERO)

    def _of_orphans(self) -> Decimal:
        """What their own sizes say, as they were kept to fit. A limit that never went out had no entry to exit from."""
        if any(leg.state is OrderState.FILLED for leg in self.legs):
            return ZERO
        if self.limit is not None and self.limit.state is OrderState.SUSPENDED:
            return ZERO
        return min((leg.leaves_quantity for leg in self.legs if leg.is_open), default=ZERO)

    @property
    def at_stake(self) -> Decimal:
        """What the stop that waits is there for: what remains, without what other stops are trading now."""
        working = sum((stop.leaves_quantity for stop in self.stops if _is_working(stop)), ZERO)
        return max(self.remaining - working, ZERO)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to exit from, and nothing more can come but late reports."""
        return not (self.entry is not None and self.entry.is_open) and not self.remaining


def stands_alone(order: Order, cache: OrderCache) -> bool:
    """Whether `order` waits for nothing, and nothing for it: as most do."""
    return not (order.parent_order_id or order.order_type.has_trigger or cache.has_children(order.client_order_id))


def group_of(order: Order, cache: OrderCache) -> Group | None:
    """The group `order` belongs to; None for an order that waits for nothing and for which nothing waits."""
    head_id = order.parent_order_id or order.client_order_id
    head, children = cache.get(head_id), cache.children(head_id)
    if head is not None and head.order_type.has_trigger:
        return Group(None, None, [head])
    stops = [child for child in children if child.order_type.has_trigger]
    limit = next((child for child in children if _is_take_profit(child, head)), None)
    if head is None:
        return _orphans(limit, stops)
    if not stops:
        return None
    if stops[0].side is head.side:
        return Group(None, head, stops)
    return Group(head, limit, stops)


def _orphans(limit: Order | None, stops: Sequence[Order]) -> Group | None:
    is_left_over = limit is not None and limit.state is OrderState.SUSPENDED
    return Group(None, limit, stops, is_orphan=True) if stops or is_left_over else None


def _is_take_profit(child: Order, head: Order | None) -> bool:
    """The children that routing makes go to the same side as their parent."""
    return child.order_type is OrderType.LIMIT and (head is None or child.side is not head.side)


def _is_working(stop: Order) -> bool:
    return stop.is_open and stop.state is not OrderState.SUSPENDED
