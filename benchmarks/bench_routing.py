"""Routing: what it takes to choose a venue by rule, and to divide an order among four venues.

Each venue has a book of twenty levels; medians and 99th percentiles of single decisions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

import numpy as np

from benchmarks.figures import Figure, heading, show
from quantai.core.clock import SimulatedClock
from quantai.core.enums import OrderType, Side
from quantai.data.market import MarketView
from quantai.events import OrderBookDeltaEvent, OrderBookSnapshotEvent
from quantai.events.base import Level
from quantai.exchanges.execution import VenueHealth
from quantai.instruments import Instrument
from quantai.oms.models import Order
from quantai.oms.routing import FeeRates, Route, Router, RouteRequest, RoutingView, SimpleRouter
from quantai.oms.routing.books import BookView
from quantai.oms.routing.smart import SmartRouter

_DECISIONS = 3_000
_LEVELS = 20
_NOW_NS = 1_767_261_600_000_000_000
_VENUES = tuple(
    Instrument(venue=venue, symbol="BTC/USDT", tick_size=Decimal("0.01"), lot_size=Decimal("0.0001"))
    for venue in ("binance", "bybit", "kraken", "okx")
)


class Rich:
    """An account that can pay for anything, and has nothing open."""

    def balance(self, venue: str, currency: str) -> Decimal:
        """Plenty."""
        return Decimal(10**9)

    def position(self, venue: str, symbol: str, strategy: str | None = None) -> Decimal:
        """None."""
        return Decimal(0)

    def open_orders(self) -> list[Order]:
        """None."""
        return []


def books(*, with_deltas: bool) -> BookView:
    """Four books a little apart; built from deltas, or as snapshots show them."""
    view = BookView(_VENUES)
    for number, instrument in enumerate(_VENUES):
        asks: tuple[Level, ...] = tuple((100.0 + 0.01 * number + 0.05 * level, 0.5) for level in range(_LEVELS))
        bids: tuple[Level, ...] = tuple((99.9 - 0.01 * number - 0.05 * level, 0.5) for level in range(_LEVELS))
        head = (instrument.venue, instrument.symbol, _NOW_NS, _NOW_NS)
        view.update(OrderBookSnapshotEvent(*head, bids, asks))
        if with_deltas:
            view.update(OrderBookDeltaEvent(*head, (), (asks[0],)))
    return view


def looking(router: Router, view: BookView) -> Router:
    """`router`, in a market with these books."""
    account = Rich()
    router.bind(
        RoutingView(
            clock=SimulatedClock(_NOW_NS), market=MarketView(), books=view, account=account, orders=account,
            fees={each.venue: FeeRates(0.0002, 0.0005) for each in _VENUES}, health=lambda venue: VenueHealth(),
        )
    )  # fmt: skip
    return router


def request(quantity: str) -> RouteRequest:
    """A market order."""
    return RouteRequest("alpha", "BTC/USDT", Side.BUY, OrderType.MARKET, Decimal(quantity))


def percentiles_us(decide: Callable[[], object]) -> tuple[float, float]:
    """Median and 99th percentile of one decision, in microseconds."""
    taken_ns = np.empty(_DECISIONS)
    for index in range(_DECISIONS):
        started_ns = time.perf_counter_ns()
        decide()
        taken_ns[index] = time.perf_counter_ns() - started_ns
    p50, p99 = np.percentile(taken_ns / 1e3, (50, 99))
    return float(p50), float(p99)


def figures() -> list[Figure]:
    """Simple and smart decisions."""
    simple = looking(SimpleRouter([Route("kraken", strategy="beta"), Route("okx")]), BookView())
    smart, built = looking(SmartRouter(), books(with_deltas=False)), looking(SmartRouter(), books(with_deltas=True))
    small, large = request("0.2"), request("9")
    legs = len(smart.route(large, _VENUES).legs)
    found = []
    for what, decide in {
        "by rule, 4 venues": lambda: simple.route(small, _VENUES),
        "smart, 4 venues, within the best level": lambda: smart.route(small, _VENUES),
        f"smart, 4 venues x {_LEVELS} levels, {legs} legs": lambda: smart.route(large, _VENUES),
        f"the same, books built from deltas, {legs} legs": lambda: built.route(large, _VENUES),
    }.items():
        p50, p99 = percentiles_us(decide)
        found += [Figure(f"p50 {what}", p50, "µs"), Figure(f"p99 {what}", p99, "µs")]
    return found


def main() -> None:
    """Show the figures."""
    show(heading(__doc__), figures())


if __name__ == "__main__":
    main()
