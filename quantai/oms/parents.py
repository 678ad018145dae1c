"""Orders that go to several venues: a parent for what the strategy asked for, a child for each leg of its route.

What children filled and may still fill is never more than the parent asks for: a child counts in full until it is
proven that it is over. What comes back from a venue is routed anew to others, but never while a child is `UNKNOWN` or
being cancelled, and not once anybody here cancelled the parent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial

from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.core.enums import OrderState
from quantai.core.errors import OrderError
from quantai.core.numbers import ZERO, plain
from quantai.events import FillEvent, OrderEvent
from quantai.events.bus import EventBus
from quantai.instruments import Instrument
from quantai.oms.journal import Journal
from quantai.oms.models import Order
from quantai.oms.order_manager import OrderManager
from quantai.oms.routing.base import Decision, Leg, Router, RouteRequest
from quantai.oms.routing.direct import limit_at, order_request, route_note
from quantai.oms.routing.family import Family, ending, recovered, state_of

logger = logging.getLogger(__name__)

COMPONENT = "routed orders"

RETRY_NS = NS_PER_SECOND
"""How long after a child was to be taken back that is asked for again."""

NO_ROUTE = "NO_ROUTE"
"""The code of orders that no venue could take."""

_UNCERTAIN = (OrderState.UNKNOWN, OrderState.PENDING_CANCEL)


class RoutedOrders:
    """Opens parents, places their children and follows them. Implements `Routing`.

    `instruments` are what each strategy may trade; `max_reroutes` is how many children of an order may come back and be
    routed anew.
    """

    def __init__(
        self,
        router: Router,
        orders: OrderManager,
        journal: Journal,
        clock: Clock,
        *,
        instruments: Mapping[str, Sequence[Instrument]],
        max_reroutes: int,
    ) -> None:
        self._router = router
        self._orders = orders
        self._journal = journal
        self._clock = clock
        self._instruments = instruments
        self._max_reroutes = max_reroutes
        self._families: dict[str, Family] = {}
        self._is_running = False
        self.counts = dict.fromkeys(("parents", "legs", "rerouted", "no_route", "excess"), 0)

    async def start(self, bus: EventBus) -> None:
        """Hear of orders from now on, before strategies do, and take over the parents that an earlier run left. Nothing
        is routed anew before `resume`, nor ever by a router that opens no parents: there the old ones are brought to
        their end.
        """
        for parent in self._orders.open_orders():
            if parent.is_parent:
                family = self._families[parent.client_order_id] = recovered(parent, self._children(parent))
                if not self._router.opens_parents:
                    family.stopped = "orders are not divided any more (routing.router)"
        if self._families or self._router.opens_parents:
            self._orders.cache.on_change(self._on_change)
            await bus.subscribe("order.*", self.on_order, name=COMPONENT)

    def resume(self) -> None:
        """Go on with every parent: what the venues have is known. A cancel that was begun is finished."""
        self._is_running = True
        for family in list(self._families.values()):
            if family.is_cancelled:
                for child in self._children(family.parent):
                    self._orders.cancel(child)
            self._settle(family)

    # What strategies ask for

    def instrument(self, strategy: str, symbol: str, candidates: Sequence[Instrument]) -> Instrument:
        """Where every such order goes. Raises `OrderError` where the order decides."""
        return self._router.fixed(strategy, symbol, candidates)

    def submit(self, request: RouteRequest, candidates: Sequence[Instrument], cause: str = "") -> Order:
        """Route `request`: the parent, whose children are on their way, or an order that is denied. Raises `OrderError`
        for what is no order.
        """
        first = candidates[0] if candidates else self._router.fixed(request.strategy, request.symbol, candidates)
        decision = self._decide(request, candidates)
        if not decision.legs:
            self.counts["no_route"] += 1
            whole = Leg(first, first.quantize_quantity(request.quantity))
            refused = order_request(request, whole, limit_at(request, first), cause)
            order = self._orders.deny(refused, "", NO_ROUTE, decision.reason)
            self._note(order, request, decision)
            return order
        first = decision.legs[0].instrument
        whole = Leg(first, sum((leg.quantity for leg in decision.legs), ZERO))
        parent = self._orders.open_parent(order_request(request, whole, limit_at(request, first), cause))
        self.counts["parents"] += 1
        family = self._families[parent.client_order_id] = Family(parent)
        self._place(family, request, decision)
        self._settle(family)
        return parent

    # What becomes of them

    def on_order(self, event: OrderEvent) -> None:
        """Something happened to an order: if it belongs to a parent, that is made what its children made of it."""
        order = self._orders.find(event.client_order_id)
        if order is None:
            return
        family = self._families.get(order.parent_order_id or order.client_order_id)
        if family is None:
            if order.parent_order_id and isinstance(event, FillEvent):
                self._book_late(order.parent_order_id)
        elif self._concerns(family, order) and self._is_running and not family.is_placing:
            self._settle(family)

    def _concerns(self, family: Family, order: Order) -> bool:
        """Whether there is anything to do: of a parent's own events only where its cancel finds nothing to cancel."""
        if order is not family.parent:
            return True
        family.is_cancelled |= order.state is OrderState.PENDING_CANCEL
        return family.is_cancelled and not any(child.is_open for child in self._children(order))

    def _on_change(self, order: Order) -> None:
        """Know what was cancelled here at the moment it is: events may come later."""
        family = self._families.get(order.parent_order_id)
        if family is None:
            return
        if order.state is OrderState.PENDING_CANCEL:
            family.withdrawn.add(order.client_order_id)
        elif order.is_open:
            family.withdrawn.discard(order.client_order_id)

    def _book_late(self, parent_order_id: str) -> None:
        """A child traded after its parent was over."""
        parent = self._orders.find(parent_order_id)
        if parent is not None and parent.is_parent and not parent.is_open:
            filled = sum((child.filled_quantity for child in self._children(parent)), ZERO)
            self._orders.update_parent(parent, OrderState.FILLED if filled >= parent.quantity else parent.state)

    def _settle(self, family: Family) -> None:
        """Route anew what came back, take back what is too much, and make the parent what its children made of it."""
        parent = family.parent
        while (free := self._free(family)) > 0 and self._may_reroute(family):
            self._reroute(family, free)
        children = self._children(parent)
        may_fill = sum((child.filled_quantity + child.working_quantity for child in children), ZERO)
        self._take_back(family, may_fill - parent.quantity)
        state = state_of(family, children)
        reason = "" if state.is_open or state is OrderState.FILLED else ending(family, children)
        self._orders.update_parent(parent, state, reason)
        if not parent.is_open and not any(child.is_open for child in children):
            self._families.pop(parent.client_order_id, None)

    def _children(self, parent: Order) -> list[Order]:
        return self._orders.cache.children(parent.client_order_id)

    def _free(self, family: Family) -> Decimal:
        """What of the parent nobody fills, may fill, or gave up for good; not positive where there is nothing."""
        children = self._children(family.parent)
        return family.parent.quantity - sum((family.spoken_for(child) for child in children), ZERO)

    def _may_reroute(self, family: Family) -> bool:
        children = self._children(family.parent)
        if family.is_cancelled or family.stopped or any(child.state in _UNCERTAIN for child in children):
            return False
        came_back = sum(map(family.came_back, children))
        if came_back > self._max_reroutes:
            family.stopped = f"it came back {came_back} times, routing.max_reroutes is {self._max_reroutes}"
        return 0 < came_back <= self._max_reroutes

    def _reroute(self, family: Family, quantity: Decimal) -> None:
        parent = family.parent
        avoid = dict.fromkeys(child.venue for child in self._children(parent) if family.came_back(child))
        request = RouteRequest(
            parent.strategy, parent.symbol, parent.side, parent.order_type, quantity, parent.price,
            parent.time_in_force, parent.reduce_only, tuple(avoid),
        )  # fmt: skip
        own = self._instruments.get(parent.strategy, ())
        try:
            decision = self._decide(request, [each for each in own if each.symbol == parent.symbol])
        except Exception as error:  # a router may be anybody's, and what its children did must be told even so
            logger.exception("%s could not be routed anew", parent.client_order_id)
            decision = Decision((), (), f"{type(error).__name__}: {error}")
        if sum((leg.quantity for leg in decision.legs), ZERO) < quantity:
            family.stopped = decision.reason
        self.counts["rerouted"] += bool(decision.legs)
        self._place(family, request, decision)

    def _decide(self, request: RouteRequest, candidates: Sequence[Instrument]) -> Decision:
        """The router's decision; one for more than was asked is none."""
        decision = self._router.route(request, candidates)
        total = sum((leg.quantity for leg in decision.legs), ZERO)
        if total <= request.quantity:
            return decision
        asked = f"the router gave out {plain(total)} of {plain(request.quantity)}"
        return Decision((), decision.scores, asked)

    def _place(self, family: Family, request: RouteRequest, decision: Decision) -> None:
        parent = family.parent
        self._note(parent, request, decision)
        self.counts["legs"] += len(decision.legs)
        requests = [
            order_request(request, leg, limit_at(request, leg.instrument), parent.cause, parent.client_order_id)
            for leg in decision.legs
        ]
        family.is_placing = True
        try:
            self._orders.submit_all(requests)
        except OrderError as error:
            family.stopped = str(error)
        finally:
            family.is_placing = False

    def _take_back(self, family: Family, excess: Decimal) -> None:
        """Cancel the newest children while too much could fill: one traded after it was given up."""
        for child in reversed(self._children(family.parent)):
            if excess <= 0:
                return
            if child.is_open:
                excess -= child.working_quantity
                if child.client_order_id not in family.taken_back:
                    family.taken_back.add(child.client_order_id)
                    self.counts["excess"] += 1
                    self._orders.cancel(child)
                    self._clock.call_later(RETRY_NS, partial(self._take_back_again, family, child))

    def _take_back_again(self, family: Family, child: Order, due_ns: int) -> None:
        """The venue may have refused: as long as the child works, it may trade too much."""
        family.taken_back.discard(child.client_order_id)
        if child.is_open:
            self._settle(family)

    def _note(self, order: Order, request: RouteRequest, decision: Decision) -> None:
        if self._journal.is_durable:
            self._journal.note(route_note(self._router, order, request, decision, self._clock.now_ns()))
