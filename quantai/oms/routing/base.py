"""What a router is asked, what it answers, and what a router is."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from quantai.core.component import Component
from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.instruments import Instrument
from quantai.oms.routing.rules import Route
from quantai.oms.routing.view import RoutingView


class RouteRequest(msgspec.Struct, frozen=True, gc=False):
    """An order that may go to several venues: exact, but not yet on any venue's grid. `avoid` names venues where it
    was already, and came back from.
    """

    strategy: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    avoid: tuple[str, ...] = ()

    @property
    def is_immediate(self) -> bool:
        """Whether it is to trade at once or not at all: what is left of it rests nowhere."""
        return self.order_type is OrderType.MARKET or self.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)


class Leg(msgspec.Struct, frozen=True, gc=False):
    """A part of an order for one venue, on its grid."""

    instrument: Instrument
    quantity: Decimal


class Score(msgspec.Struct, frozen=True, gc=False):
    """How a candidate did for the whole quantity: `total` is the sum of `parts`, what each costs in basis points of the
    best price there is; less is better. One that was out of the question has no total, and `excluded` says why.
    """

    venue: str
    total: float | None = None
    parts: dict[str, float] = {}
    excluded: str = ""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """Where an order goes, the largest leg first; nowhere without a leg. `scores` has every candidate."""

    legs: tuple[Leg, ...]
    scores: tuple[Score, ...]
    reason: str


class RouteNote(msgspec.Struct, frozen=True, gc=False):
    """What the journal keeps of a decision."""

    router: str
    request: RouteRequest
    decision: Decision


class Router(Component):
    """Chooses the venue of orders that may go to several. Subclass it and name it in YAML; annotated attributes are
    its parameters.
    """

    opens_parents: ClassVar[bool] = False
    """Whether its orders become parents: a decision may have several legs, and what comes back is routed anew."""
    wants_books: ClassVar[bool] = False
    """Whether it looks at order books: they are streamed for it only then."""

    _view: RoutingView

    def __init__(self, rules: Sequence[Route] = (), **params: Any) -> None:
        super().__init__(**params)
        self._rules = tuple(rules)

    def bind(self, view: RoutingView) -> None:
        """Called once by assembly, before the first order."""
        self._view = view

    @property
    def view(self) -> RoutingView:
        """The market, the account and the venues as they are now."""
        return self._view

    def route(self, request: RouteRequest, candidates: Sequence[Instrument]) -> Decision:
        """Where `request` goes among `candidates`, one a venue. Raises `OrderError` where it cannot be told."""
        raise OrderError(f"{type(self).__name__} does not define route()")

    def fixed(self, strategy: str, symbol: str, candidates: Sequence[Instrument]) -> Instrument:
        """The instrument to which every such order goes, whatever it is. Raises `OrderError` where there is none."""
        if len(candidates) == 1:
            return candidates[0]
        if not candidates:
            raise OrderError(f"{strategy} may not trade {symbol}: it is not among the strategy's instruments")
        venues = ", ".join(candidate.venue for candidate in candidates)
        raise OrderError(f"{strategy} can trade {symbol} at {venues}, and the order decides: pass venue=...")

    def ruled(self, request: RouteRequest, candidates: Sequence[Instrument]) -> tuple[Route, Instrument] | None:
        """The first rule that matches, and the candidate it names. Raises `OrderError` where a rule needs a price that
        is not known.
        """
        by_venue = {candidate.venue: candidate for candidate in candidates}
        for rule in self._rules:
            instrument = by_venue.get(rule.venue)
            if instrument is not None and rule.concerns(request.strategy, request.symbol):
                notional = self._notional(request, instrument) if rule.needs_notional else None
                if rule.fits(request.quantity, notional):
                    return rule, instrument
        return None

    def _notional(self, request: RouteRequest, instrument: Instrument) -> Decimal:
        price = request.price or self._view.market.price(instrument.venue, instrument.symbol)
        if price is None:
            raise OrderError(f"a rule under routing.rules goes by notional, and no price of {instrument} is known yet")
        return instrument.notional(request.quantity, price)
