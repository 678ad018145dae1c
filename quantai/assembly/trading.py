"""Builds the half that trades: portfolio, risk, routing, OMS, executors and strategies."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from quantai.assembly.graph import Markets, Trading
from quantai.assembly.markets import component, enabled_strategies, instruments_of
from quantai.config import Config
from quantai.config.schema import Execution, MarketEvents
from quantai.core.identifiers import ClientOrderIds, base36
from quantai.data.derive import topic_of
from quantai.exchanges.base import ExecutionConnector
from quantai.instruments import InstrumentCatalogue
from quantai.oms.journal import MemoryJournal
from quantai.oms.order_manager import OrderManager
from quantai.oms.risk import RISK_CHECKS, RiskEngine, RiskView
from quantai.oms.routing import Route, SimpleRouter
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
    journal = MemoryJournal(config.store.max_closed_orders, on_forget=recorder.add_order)
    simulated = _simulated(config, markets) if config.mode.execution is Execution.SIMULATED else {}
    executors: Mapping[str, ExecutionConnector] = simulated or {
        venue: markets.exchanges.get_exchange(venue).get_execution_connector() for venue in markets.exchanges
    }
    checks = [component(RISK_CHECKS, section) for section in config.risk.checks.values() if section.enabled]
    orders = OrderManager(
        bus=bus, clock=clock, risk=RiskEngine(checks, RiskView(portfolio, market, journal)), journal=journal,
        executors=executors, ids=ClientOrderIds(_run_tag(config)), book_fill=portfolio.book_fill,
    )  # fmt: skip
    router = SimpleRouter([Route(rule.venue, rule.strategy, rule.symbol) for rule in config.routing.rules])
    runners = [
        StrategyRunner(
            component(STRATEGIES, config.strategies[name]),
            name=name, instruments=instruments_of(config, catalogue, name),
            max_errors=config.strategies[name].max_errors, bar_interval_ns=config.strategies[name].bar_interval,
            bus=bus, clock=clock, market=market, orders=orders, router=router, portfolio=portfolio,
        )
        for name in enabled_strategies(config)
    ]  # fmt: skip
    topics = {
        venue: [
            topic_of(event, p.instrument) for p in markets.plans if p.instrument.venue == venue for event in p.fills
        ]
        for venue in simulated
    }
    return Trading(
        portfolio, orders, journal, runners, [(exchange, topics[venue]) for venue, exchange in simulated.items()],
        recorder, sends_real_orders=config.mode.execution is Execution.VENUES,
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


def _run_tag(config: Config) -> str:
    """What tells this run's order ids from any other's: fixed in a replay, which must repeat; else time and chance."""
    if config.mode.market_events is MarketEvents.REPLAY:
        return "0"
    return base36(time.time_ns() // 1_000_000) + base36(secrets.randbelow(36**3)).rjust(3, "0")
