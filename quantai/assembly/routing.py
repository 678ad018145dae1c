"""Builds what decides where orders go."""

from __future__ import annotations

from collections.abc import Mapping

from quantai.assembly.graph import Markets
from quantai.assembly.markets import instruments_of, running_strategies
from quantai.config import Config
from quantai.config.components import find_class
from quantai.events import MarketEvent, OrderBookDeltaEvent, OrderBookSnapshotEvent
from quantai.exchanges.execution import ExecutionConnector, VenueHealth
from quantai.instruments import Instrument, InstrumentCatalogue
from quantai.oms.journal import Journal
from quantai.oms.order_manager import OrderManager
from quantai.oms.orders import Orders
from quantai.oms.parents import RoutedOrders
from quantai.oms.routing import ROUTERS, DirectOrders, FeeRates, Router, Routing, RoutingView
from quantai.oms.routing.books import BookView
from quantai.oms.routing.view import Account, OpenOrders

BOOKS: tuple[type[MarketEvent], ...] = (OrderBookSnapshotEvent, OrderBookDeltaEvent)


def routed_instruments(config: Config, catalogue: InstrumentCatalogue) -> set[Instrument]:
    """What a strategy of this daemon may trade at several venues, where the router looks at books of it."""
    section = config.routing
    if not find_class(ROUTERS, section.router, section.target).wants_books:
        return set()
    found: set[Instrument] = set()
    for name in running_strategies(config):
        own = instruments_of(config, catalogue, name)
        symbols = [instrument.symbol for instrument in own]
        found.update(instrument for instrument in own if symbols.count(instrument.symbol) > 1)
    return found


def build_books(config: Config, markets: Markets, catalogue: InstrumentCatalogue) -> BookView:
    """The books that the router looks at; of nothing where it does not."""
    wanted = routed_instruments(config, catalogue)
    return BookView(instrument for instrument in markets.instruments if instrument in wanted)


def build_router(
    config: Config,
    markets: Markets,
    *,
    books: BookView,
    account: Account,
    orders: OpenOrders,
    executors: Mapping[str, ExecutionConnector],
) -> Router:
    """The router that the configuration names. A venue without an executor is taken to be well."""

    def health(venue: str) -> VenueHealth:
        executor = executors.get(venue)
        return VenueHealth() if executor is None else executor.health()

    section = config.routing
    fees = {
        venue: FeeRates(float(exchange.fees.maker), float(exchange.fees.taker))
        for venue, exchange in config.exchanges.items()
    }
    router = find_class(ROUTERS, section.router, section.target)(rules=section.routes(), **section.params())
    router.bind(
        RoutingView(
            clock=markets.clock, market=markets.view, books=books, account=account, orders=orders, fees=fees,
            health=health,
        )
    )  # fmt: skip
    return router


def build_routed_orders(
    config: Config,
    markets: Markets,
    catalogue: InstrumentCatalogue,
    *,
    router: Router,
    orders: OrderManager,
    journal: Journal,
) -> RoutedOrders:
    """What divides orders and follows the parts: those of an earlier run, too, where this one divides none."""
    return RoutedOrders(
        router, orders, journal, markets.clock,
        instruments={name: instruments_of(config, catalogue, name) for name in running_strategies(config)},
        max_reroutes=config.routing.max_reroutes,
    )  # fmt: skip


def build_routing(
    router: Router, markets: Markets, *, orders: Orders, journal: Journal, routed: RoutedOrders | None = None
) -> Routing:
    """What strategies are given."""
    return (
        routed if routed is not None and router.opens_parents else DirectOrders(router, orders, journal, markets.clock)
    )
