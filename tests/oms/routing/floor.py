"""Three venues, a router that does as it is told, and what follows the orders it routes."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from quantai.core.enums import OrderState
from quantai.core.numbers import plain
from quantai.events import OrderParentEvent
from quantai.exchanges.execution import ExecType
from quantai.instruments import Instrument
from quantai.oms.journal import MemoryJournal, Note, NoteKind
from quantai.oms.models import Order
from quantai.oms.parents import RoutedOrders
from quantai.oms.risk import RiskCheck, RiskView
from quantai.oms.routing import Decision, Leg, Router, RouteRequest
from tests.oms.routing.scene import ask, listed
from tests.oms.world import SilentVenue, World, finish, request

D = Decimal
S = OrderState
A, B, C = listed("a"), listed("b", tick="0.1"), listed("c")


class Script(Router):
    """Gives what is asked for to the first venue that is not to be avoided, or as the next script says."""

    opens_parents = True

    def __init__(self) -> None:
        super().__init__()
        self.next: list[dict[str, str]] = []
        self.asked: list[RouteRequest] = []
        self.candidates: list[list[str]] = []

    def route(self, request: RouteRequest, candidates: Sequence[Instrument]) -> Decision:
        self.asked.append(request)
        self.candidates.append([candidate.venue for candidate in candidates])
        by_venue = {each.venue: each for each in candidates if each.venue not in request.avoid}
        script = self.next.pop(0) if self.next else {venue: str(request.quantity) for venue in list(by_venue)[:1]}
        legs = tuple(Leg(by_venue[venue], D(quantity)) for venue, quantity in script.items())
        return Decision(legs, (), "as scripted" if legs else "nobody takes it")


class Notes(MemoryJournal):
    """Keeps the notes."""

    is_durable = True

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def note(self, note: Note) -> None:
        if note.kind is NoteKind.ROUTE:
            self.notes.append(note)


class Refuses(RiskCheck):
    """Denies what goes to some venues."""

    code = "INSUFFICIENT_CAPITAL"

    def __init__(self, *venues: str) -> None:
        super().__init__()
        self.venues = set(venues)

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        return "no money there" if order.venue in self.venues else None


class Limit(Refuses):
    """Denies for a reason that no venue changes."""

    code = "POSITION_LIMIT"


class Floor:
    """Three venues that list BTC/USDT and say what a test lets them say; orders of `alpha` are routed."""

    def __init__(
        self,
        *checks: RiskCheck,
        journal: Notes | None = None,
        max_reroutes: int = 3,
        is_started: bool = True,
        is_second: bool = False,
    ) -> None:
        self.journal = journal or Notes()
        self.world = World(checks, journal=self.journal)
        self.orders = self.world.orders
        for instrument in (A, B, C):
            self.world.catalogue.add(instrument)
            self.world.venues[instrument.venue] = SilentVenue()
        self.router = Script()
        self.routed = self.routing(max_reroutes)
        self.trades = 100 if is_second else 0
        for _ in range(0 if is_second else 20):  # so that ids of a second run are others than those of the first
            self.orders.deny(request(), "", "NO", "")
        self.world.events.clear()
        if is_started:
            finish(self.routed.start(self.world.bus))
            self.routed.resume()

    def routing(self, max_reroutes: int = 3) -> RoutedOrders:
        """What follows parents."""
        instruments = {"alpha": (A, listed("a", "ETH/USDT"), B, C)}
        return RoutedOrders(
            self.router, self.orders, self.journal, self.world.clock,
            instruments=instruments, max_reroutes=max_reroutes,
        )  # fmt: skip

    def buy(self, legs: dict[str, str] | None = None, quantity: str = "3", **more: Any) -> Order:
        """Ask for an order; the router gives out `legs`."""
        if legs is not None:
            self.router.next.append(legs)
        return self.routed.submit(ask(quantity=quantity, **({"price": "100"} | more)), (A, B, C), "why")

    def children(self, parent: Order) -> list[Order]:
        return self.orders.cache.children(parent.client_order_id)

    def say(self, order: Order, exec_type: ExecType, **fields: Any) -> None:
        """Let a venue speak of an order."""
        self.world.report(order, exec_type, **fields)

    def fill(self, order: Order, quantity: str) -> None:
        """Let an order trade at 100."""
        self.trades += 1
        self.world.fill(order, quantity, trade_id=str(self.trades))

    def told(self, parent: Order) -> list[tuple[OrderState, Decimal]]:
        """What was published of a parent."""
        return [
            (event.state, event.filled_quantity)
            for event in self.world.events
            if isinstance(event, OrderParentEvent) and event.client_order_id == parent.client_order_id
        ]

    def shape(self, parent: Order) -> list[tuple[str, str, OrderState]]:
        """The children: where, how much, in what state."""
        return [(child.venue, plain(child.quantity), child.state) for child in self.children(parent)]
