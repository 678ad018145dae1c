"""Builds the half that trades: portfolio, risk, routing, OMS, executors and strategies."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from quantai.assembly.graph import Markets, Remote, Trading
from quantai.assembly.markets import component, enabled_strategies, instruments_of, running_strategies
from quantai.config import Config
from quantai.config.schema import Execution, MarketEvents
from quantai.core.identifiers import ClientOrderIds, base36, run_tag
from quantai.data.derive import topic_of
from quantai.exchanges.execution import ExecutionConnector
from quantai.instruments import InstrumentCatalogue
from quantai.oms.gateway import OrderGateway
from quantai.oms.cache import OrderCache
from quantai.oms.journal import MemoryJournal
from quantai.oms.order_manager import OrderManager
from quantai.oms.orders import Orders
from quantai.oms.remote import RemoteOrders
from quantai.oms.risk import RISK_CHECKS, RiskEngine, RiskView
from quantai.oms.routing import Route, SimpleRouter
from quantai.portfolio.mirror import MirroredPortfolio
from quantai.portfolio.portfolio import Portfolio
from quantai.results.recorder import RunRecorder
from quantai.simulation.exchange import SimulatedExchange, VenueModel
from quantai.strategy import STRATEGIES, StrategyRunner


def build_trading(config: Config, markets: Markets, catalogue: InstrumentCatalogue, run_folder: Path) -> Trading:
    """Everything behind the bus that makes, checks and executes orders."""
    bus, clock, market = markets.bus, markets.clock, markets.view
    portfolio = Portfolio(
        bus=bus, clock=clock, market=market, catalogue=catalogue,
        base_currency=config.portfolio.base_currency, balances=config.portfolio.balances,
    )  # fmt: skip
    recorder = RunRecorder(
        run_folder, strategies=enabled_strategies(config), instruments=markets.instruments,
        market=market, portfolio=portfolio,
    )  # fmt: skip
    journal, cache = MemoryJournal(), OrderCache(config.store.max_closed_orders, on_forget=recorder.add_order)
    simulated = _simulated(config, markets) if config.mode.execution is Execution.SIMULATED else {}
    executors: Mapping[str, ExecutionConnector] = simulated or {
        venue: markets.exchanges.get_exchange(venue).get_execution_connector() for venue in markets.exchanges
    }
    checks = [component(RISK_CHECKS, section) for section in config.risk.checks.values() if section.enabled]
    orders = OrderManager(
        bus=bus, clock=clock, risk=RiskEngine(checks, RiskView(portfolio, market, cache)), journal=journal,
        cache=cache, executors=executors, ids=_order_ids(config), book_fill=portfolio.book_fill,
    )  # fmt: skip
    runners = build_runners(config, markets, catalogue, orders, portfolio)
    topics = {
        venue: [
            topic_of(event, p.instrument) for p in markets.plans if p.instrument.venue == venue for event in p.fills
        ]
        for venue in simulated
    }
    return Trading(
        portfolio, orders, journal, cache, runners, [(exchange, topics[venue]) for venue, exchange in simulated.items()],
        recorder, sends_real_orders=config.mode.execution is Execution.VENUES,
        gateway=_gateway(config, markets, catalogue, orders, portfolio) if config.gateway.serve else None,
    )  # fmt: skip


def build_remote(config: Config, markets: Markets, catalogue: InstrumentCatalogue) -> Remote:
    """Strategies, and what stands here for the daemon that executes."""
    portfolio = MirroredPortfolio(
        bus=markets.bus, clock=markets.clock, market=markets.view, catalogue=catalogue,
        base_currency=config.portfolio.base_currency, balances={},
    )  # fmt: skip
    orders = RemoteOrders(
        bus=markets.bus, clock=markets.clock, catalogue=catalogue, books=portfolio,
        strategies=running_strategies(config), session=_session(), ids=_order_ids(config),
        answer_timeout_ns=config.gateway.answer_timeout, heartbeat_ns=config.gateway.heartbeat,
    )  # fmt: skip
    return Remote(portfolio, orders, build_runners(config, markets, catalogue, orders, portfolio))


def build_runners(
    config: Config, markets: Markets, catalogue: InstrumentCatalogue, orders: Orders, portfolio: Portfolio
) -> list[StrategyRunner]:
    """The strategies that run in this daemon."""
    router = SimpleRouter([Route(rule.venue, rule.strategy, rule.symbol) for rule in config.routing.rules])
    return [
        StrategyRunner(
            component(STRATEGIES, config.strategies[name]),
            name=name, instruments=instruments_of(config, catalogue, name),
            max_errors=config.strategies[name].max_errors, bar_interval_ns=config.strategies[name].bar_interval,
            bus=markets.bus, clock=markets.clock, market=markets.view, orders=orders, router=router,
            portfolio=portfolio,
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


def _simulated(config: Config, markets: Markets) -> dict[str, SimulatedExchange]:
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
        )
        own = [instrument for instrument in markets.instruments if instrument.venue == venue]
        exchanges[venue] = SimulatedExchange(venue, own, model, bus=markets.bus, clock=markets.clock, view=markets.view)
    return exchanges


def _order_ids(config: Config) -> ClientOrderIds:
    """Fixed in a replay, which must repeat; else unlike those of any other run."""
    if config.mode.market_events is MarketEvents.REPLAY:
        return ClientOrderIds("0")
    return ClientOrderIds(run_tag(time.time_ns(), secrets.randbelow(36**3)))


def _session() -> str:
    """What names this run towards other daemons: a later one has a greater name, as text."""
    return base36(time.time_ns() // 1_000_000) + base36(secrets.randbelow(36**3)).rjust(3, "0")
