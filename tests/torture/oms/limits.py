"""What our orders may never do at the venues, at any moment, whatever the daemon knew of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal

from quantai.core.numbers import ZERO
from quantai.oms.models import Order
from tests.torture.oms.exchange import Exchange
from tests.torture.oms.venue_order import VenueOrder

MAX_OPEN = 10
MAX_POSITION = Decimal(800)
LOWEST_PRICE = Decimal(97)
"""No limit order of ours is below it, and no market price: what a position limit allows most of."""


class Limits:
    """Follows every change at every venue."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._owners: dict[str, Order] = {}
        self._positions: defaultdict[tuple[str, str, str], Decimal] = defaultdict(lambda: ZERO)
        self._legs: defaultdict[str, list[VenueOrder]] = defaultdict(list)
        self._unheard: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
        self._parents: dict[str, Order] = {}
        self._heads: dict[str, VenueOrder] = {}

    def sent(self, order: Order, parent: Order | None, heard: Callable[[str], set[str]]) -> None:
        """An order leaves a daemon, or a change of one. `heard` tells of which trades of an order the daemon knows: of
        others it cannot know what they leave.
        """
        self._owners[order.client_order_id] = order
        if parent is not None and parent.is_parent:
            self._parents[parent.client_order_id] = parent
        for leg in self._legs[order.parent_order_id]:
            known = heard(leg.client_order_id)
            unheard = (trade.quantity for trade in leg.trades if trade.trade_id not in known)
            self._unheard[order.parent_order_id] += sum(unheard, ZERO)

    def changed(self, exchange: Exchange, order: VenueOrder, traded: Decimal) -> None:
        """An order came to a venue, or was changed there, or traded a signed quantity."""
        owner = self._owners.get(order.client_order_id)
        if owner is None:
            return
        self._heads[order.client_order_id] = order
        if traded:
            self._positions[owner.strategy, exchange.name, owner.symbol] += traded
            self._check_position(owner, traded)
        elif not order.filled:
            self._check_open(exchange, owner)
        self._check_legs(owner, order)

    def _check_position(self, owner: Order, traded: Decimal) -> None:
        position = self._positions[owner.strategy, owner.venue, owner.symbol]
        most = MAX_POSITION / LOWEST_PRICE / owner.instrument.multiplier
        if abs(position) > most and position * traded > 0:
            self._complain(f"{owner.strategy} holds {position} of {owner.instrument}, the limit allows {most:.3f}")

    def _check_open(self, exchange: Exchange, owner: Order) -> None:
        owners = [self._owners.get(each.client_order_id) for each in exchange.open.values()]
        count = sum(each is not None and each.strategy == owner.strategy for each in owners)
        if count > MAX_OPEN:
            self._complain(f"{owner.strategy} has {count} orders open at {exchange.name}, the limit is {MAX_OPEN}")

    def _check_legs(self, owner: Order, order: VenueOrder) -> None:
        """What children traded and may trade is never more than their parent asks for, or there is to exit from."""
        if not owner.parent_order_id:
            return
        legs = self._legs[owner.parent_order_id]
        if order not in legs:
            legs.append(order)
        head, parent = self._heads.get(owner.parent_order_id), self._parents.get(owner.parent_order_id)
        if parent is not None:
            allowed = parent.quantity
        elif head is None or head.command.side is order.command.side:
            return
        else:
            allowed = head.filled
        allowed += self._unheard[owner.parent_order_id]
        exits = sum((leg.filled + leg.leaves for leg in legs), ZERO)
        if exits > allowed:
            self._complain(f"the children of {owner.parent_order_id} make {exits}, only {allowed} may be")
