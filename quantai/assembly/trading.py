"""Builds the half that trades: portfolio, risk, routing, OMS, executors and strategies."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from quantai.assembly.contingent import build_contingent
from quantai.assembly.graph import Markets, Remote, Trading
from quantai.assembly.journal import build_journal
from quantai.assembly.markets import component, enabled_strategies, instruments_of, running_strategies
from quantai.assembly.reconciliation import build_reconciler
from quantai.assembly.risk import build_risk
from quantai.assembly.routing import build_books, build_routed_orders, build_router, build_routing
from quantai.config import Config
from quantai.config.schema import Execution, MarketEvents
from quantai.core.clock import SimulatedClock
from quantai.core.identifiers import ClientOrderIds, base36, run_tag
from quantai.data.derive import topic_of
from quantai.exchanges.execution import ExecutionConnector
from quantai.instruments import InstrumentCatalogue
from quantai.oms.cache import OrderCache
from quantai.oms.contingent import ContingentOrders
from quantai.oms.gateway import OrderGateway
from quantai.oms.journal import MemoryJournal
from quantai.oms.order_manager import OrderManager
from quantai.oms.orders import Orders
from quantai.oms.remote import RemoteOrders
from quantai.oms.risk.halting import HaltKeeper
from quantai.oms.routing import Routing
from quantai.portfolio.mirror import MirroredPortfolio
from quantai.portfolio.portfolio import Portfolio
from quantai.results.recorder import RunRecorder
from quantai.simulation.exchange import SimulatedExchange, VenueModel
from quantai.strategy import STRATEGIES, StrategyRunner


def build_trading(config: Config, markets: Markets, catalogue: InstrumentCatalogue, run_folder: Path) -> Trading:
    """Everything behind the bus that makes, checks, keeps, executes and compares orders."""
    bus, clock, market = markets.bus, markets.clock, markets.view
    portfolio = Portfolio(
        bus=bus, clock=clock, market=market, catalogue=catalogue,
        base_currency=config.portfolio.base_currency, balances=config.portfolio.balances,
    )  # fmt: skip
    recorder = RunRecorder(
        run_folder, strategies=enabled_strategies(config), instruments=markets.instruments,
        market=market, portfolio=portfolio, waits_for_disk=isinstance(clock, SimulatedClock),
    )  # fmt: skip
    cache = OrderCache(config.store.max_closed_orders, on_forget=recorder.add_order)
    journal = build_journal(config, clock, catalogue, bus.post)
    run = _run_tag(config)
    simulated = _simulated(config, markets, run) if config.mode.execution is Execution.SIMULATED else {}
    executors: Mapping[str, ExecutionConnector] = simulated or {
        venue: markets.exchanges.get_exchange(venue).get_execution_connector() for venue in markets.exchanges
    }
    exchanges = {} if simulated else {venue: markets.exchanges.get_exchange(venue) for venue in executors}
    capabilities = {venue: exchange.capabilities for venue, exchange in exchanges.items()}
    risk = build_risk(
        config, account=portfolio, market=market, cache=cache, clock=clock, post=bus.post, put=journal.put,
        cancel_all=lambda strategy, cause: orders.cancel_all(strategy, cause=cause),
    )  # fmt: skip
    ids = _order_ids(run)
    orders = OrderManager(
        bus=bus, clock=clock, risk=risk.engine, journal=journal, cache=cache, executors=executors, ids=ids,
        book_fill=portfolio.book_fill,
        capabilities=capabilities,
    )  # fmt: skip
    reconciler = build_reconciler(
        config.reconciliation, orders=orders, books=portfolio, journal=journal, executors=executors,
        catalogue=catalogue, market=market, clock=clock, post=bus.post, seed=config.simulation.seed,
    )  # fmt: skip
    contingent = build_contingent(markets, orders, ids)
    books = build_books(config, markets, catalogue)
    router = build_router(config, markets, books=books, account=portfolio, orders=cache, executors=executors)
    routed = build_routed_orders(config, markets, catalogue, router=router, orders=orders, journal=journal)
    routing = build_routing(router, markets, orders=orders, journal=journal, routed=routed)
    return Trading(
        portfolio=portfolio,
        orders=orders,
        journal=journal,
        cache=cache,
        risk=risk,
        halts=HaltKeeper(risk.states, orders, clock),
        reconciler=reconciler,
        contingent=contingent,
        books=books,
        routed=routed,
        executors=executors,
        runners=build_runners(config, markets, catalogue, orders, portfolio, routing, contingent),
        simulated=[(exchange, _watched(markets, venue)) for venue, exchange in simulated.items()],
        recorder=recorder,
        sends_real_orders=config.mode.execution is Execution.VENUES,
        gateway=_gateway(config, markets, catalogue, orders, portfolio) if config.gateway.serve else None,
    )


def _watched(markets: Markets, venue: str) -> list[str]:
    """What a simulated venue fills orders from."""
    plans = [plan for plan in markets.plans if plan.instrument.venue == venue]
    return [topic_of(event, plan.instrument) for plan in plans for event in plan.fills]


def build_remote(config: Config, markets: Markets, catalogue: InstrumentCatalogue) -> Remote:
    """Strategies, and what stands here for the daemon that executes."""
    portfolio = MirroredPortfolio(
        bus=markets.bus, clock=markets.clock, market=markets.view, catalogue=catalogue,
        base_currency=config.portfolio.base_currency, balances={},
    )  # fmt: skip
    orders = RemoteOrders(
        bus=markets.bus, clock=markets.clock, catalogue=catalogue, books=portfolio,
        strategies=running_strategies(config), session=_session(), ids=_order_ids(_run_tag(config)),
        answer_timeout_ns=config.gateway.answer_timeout, heartbeat_ns=config.gateway.heartbeat,
    )  # fmt: skip
    router = build_router(
        config, markets, books=build_books(config, markets, catalogue), account=portfolio, orders=orders, executors={}
    )
    routing = build_routing(router, markets, orders=orders, journal=MemoryJournal())
    return Remote(portfolio, orders, build_runners(config, markets, catalogue, orders, portfolio, routing, None))


def build_runners(
    config: Config,
    markets: Markets,
    catalogue: InstrumentCatalogue,
    orders: Orders,
    portfolio: Portfolio,
    routing: Routing,
    contingent: ContingentOrders | None,
) -> list[StrategyRunner]:
    """The strategies that run in this daemon."""
    return [
        StrategyRunner(
            component(STRATEGIES, config.strategies[name]),
            name=name, instruments=instruments_of(config, catalogue, name),
            max_errors=config.strategies[name].max_errors, bar_interval_ns=config.strategies[name].bar_interval,
            bus=markets.bus, clock=markets.clock, market=markets.view, orders=orders, contingent=contingent,
            routing=routing, portfolio=portfolio,
        )
        for name in running_strategies(config)
    ]  # fmt: skip


def _gateway(
    config: Config, markets: Markets, catalogue: InstrumentCatalogue, orders: OrderManager, portfolio: Portfolio
) -> OrderGateway:
    return OrderGateway(
        bus=markets.bus, clock=markets.clock, orders=orders, holdings=portfolio,
        instruments={name: instruments_of(config, catalogue, name) for name in enabled_strategies(config)},
        execution=config.mode.execution, max_command_age_ns=config.gateway.max_command_age,
        strategy_timeout_ns=config.gateway.strategy_timeout,
    )  # fmt: skip


def _simulated(config: Config, markets: Markets, run: str) -> dict[str, SimulatedExchange]:
    simulation = config.simulation
    exchanges = {}
    for venue in dict.fromkeys(instrument.venue for instrument in markets.instruments):
        fees = config.exchanges[venue].fees
        model = VenueModel(
            maker_fee=fees.maker,
            taker_fee=fees.taker,
            order_latency_ns=simulation.latency.order,
            report_latency_ns=simulation.latency.report,
            fee_step=Decimal(1).scaleb(-simulation.decimals),
            behind_queue=simulation.queue_position == "back",
            run=run,
        )
        own = [instrument for instrument in markets.instruments if instrument.venue == venue]
        exchanges[venue] = SimulatedExchange(venue, own, model, bus=markets.bus, clock=markets.clock, view=markets.view)
    return exchanges


def _run_tag(config: Config) -> str:
    """What tells the ids of this run from those of any other; empty in a replay, which must repeat."""
    if config.mode.market_events is MarketEvents.REPLAY:
        return ""
    return run_tag(time.time_ns(), secrets.randbelow(36**3))


def _order_ids(run: str) -> ClientOrderIds:
    return ClientOrderIds(run or "0")


def _session() -> str:
    """What names this run towards other daemons: a later one has a greater name, as text."""
    return base36(time.time_ns() // 1_000_000) + base36(secrets.randbelow(36**3)).rjust(3, "0")
