"""Venues that list one instrument, an account, and routers that look at them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from quantai.core.clock import SimulatedClock
from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.data.market import MarketView
from quantai.events import OrderBookSnapshotEvent, TickEvent
from quantai.events.base import Level
from quantai.exchanges.execution import VenueHealth
from quantai.instruments import Instrument
from quantai.oms.models import Order
from quantai.oms.routing import Decision, FeeRates, Route, Router, RouteRequest, RoutingView
from quantai.oms.routing.books import BookView
from quantai.oms.routing.smart import SmartRouter

D = Decimal
R = TypeVar("R", bound=Router)
NOW_NS = 1_767_261_600_000_000_000


def listed(venue: str, symbol: str = "BTC/USDT", tick: str = "0.01", lot: str = "0.001", **more: Any) -> Instrument:
    """An instrument of a venue."""
    return Instrument(venue=venue, symbol=symbol, tick_size=D(tick), lot_size=D(lot), **more)


A, B, C = listed("a"), listed("b"), listed("c")
BOTH = (A, B)


def ask(
    side: Side = Side.BUY,
    quantity: str = "1",
    price: str | None = None,
    *,
    symbol: str = "BTC/USDT",
    strategy: str = "alpha",
    time_in_force: TimeInForce = TimeInForce.GTC,
    **more: Any,
) -> RouteRequest:
    """What a strategy leaves to the router."""
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    limit = None if price is None else D(price)
    return RouteRequest(strategy, symbol, side, kind, D(quantity), limit, time_in_force, **more)


class Account:
    """Balances, by venue and currency, and positions of `alpha` and of others, by venue and symbol; what is not set is
    plenty, or nothing.
    """

    def __init__(self) -> None:
        self.balances: dict[tuple[str, str], Decimal] = {}
        self.positions: dict[tuple[str, str], Decimal] = {}
        self.others: dict[tuple[str, str], Decimal] = {}

    def balance(self, venue: str, currency: str) -> Decimal:
        return self.balances.get((venue, currency), D(10**9))

    def position(self, venue: str, symbol: str, strategy: str | None = None) -> Decimal:
        own = self.positions.get((venue, symbol), D(0))
        return own if strategy == "alpha" else own + self.others.get((venue, symbol), D(0))


class OpenOrders:
    """Orders that are open."""

    def __init__(self) -> None:
        self.orders: list[Order] = []

    def open_orders(self) -> Iterable[Order]:
        return self.orders


class Scene:
    """Everything routers look at, at a moment; fees are 10 basis points taker and 5 maker unless set."""

    def __init__(self, instruments: Sequence[Instrument] = (A, B, C)) -> None:
        self.clock = SimulatedClock(NOW_NS)
        self.market = MarketView()
        self.books = BookView(instruments)
        self.account = Account()
        self.open = OpenOrders()
        self.healths: dict[str, VenueHealth] = {}
        self.fees = {instrument.venue: FeeRates(maker=0.0005, taker=0.001) for instrument in instruments}
        self.view = RoutingView(
            clock=self.clock, market=self.market, books=self.books, account=self.account, orders=self.open,
            fees=self.fees, health=lambda venue: self.healths.get(venue, VenueHealth()),
        )  # fmt: skip

    def quote(
        self, instrument: Instrument, bid: float, ask: float, bid_size: float = 10.0, ask_size: float = 10.0
    ) -> None:
        """Show a best bid and ask."""
        now_ns = self.clock.now_ns()
        self.market.update(TickEvent(instrument.venue, instrument.symbol, now_ns, now_ns, bid, bid_size, ask, ask_size))

    def book(self, instrument: Instrument, bids: Sequence[Level] = (), asks: Sequence[Level] = ()) -> None:
        """Show a whole book."""
        now_ns = self.clock.now_ns()
        self.books.update(
            OrderBookSnapshotEvent(instrument.venue, instrument.symbol, now_ns, now_ns, tuple(bids), tuple(asks))
        )

    def router(self, rules: Sequence[Route] = (), **params: Any) -> SmartRouter:
        """A smart router here; nothing but price and fees counts unless set."""
        plain = {"slippage_bps": 0, "queue_bps": 0, "rate_limit_bps": 0, "latency_bps_per_ms": 0, "min_saving_bps": 0}
        return self.bound(SmartRouter(rules=rules, **(plain | params)))

    def bound(self, router: R) -> R:
        """`router`, looking at this scene."""
        router.bind(self.view)
        return router


def quoted(**quotes: tuple[float, float]) -> Scene:
    """Venues with these best bids and asks; `a` 99 and 101, `b` 99 and 102 where nothing is said."""
    made = Scene()
    for venue, (bid, best) in (quotes or {"a": (99, 101), "b": (99, 102)}).items():
        made.quote(listed(venue), bid, best)
    return made


def legs(decision: Decision) -> dict[str, str]:
    """What each venue gets."""
    return {leg.instrument.venue: str(leg.quantity) for leg in decision.legs}


def totals(decision: Decision) -> dict[str, float]:
    """What the order would cost at each venue that could take it."""
    return {score.venue: score.total for score in decision.scores if score.total is not None}


def excluded(decision: Decision) -> dict[str, str]:
    """Why the others could not."""
    return {score.venue: score.excluded for score in decision.scores if score.excluded}


def two_books() -> Scene:
    """Asks of `a` at 100 and 102, of `b` at 101 and 103; one to be had at the first of each."""
    made = Scene()
    made.book(A, asks=[(100, 1), (102, 5)])
    made.book(B, asks=[(101, 1), (103, 5)])
    return made
