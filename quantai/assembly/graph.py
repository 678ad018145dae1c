"""What assembly builds: plain records of parts that know each other only through their constructors."""

from __future__ import annotations

from dataclasses import dataclass

from quantai.config import Config
from quantai.core.clock import Clock
from quantai.data.derive import DerivedStreams, topic_of
from quantai.data.feed import Feed
from quantai.data.market import MarketView
from quantai.data.plan import StreamPlan
from quantai.data.source import MarketDataSource
from quantai.events.bus import EventBus
from quantai.events.persistence.writer import ParquetEventWriter
from quantai.exchanges.registry import ExchangeRegistry
from quantai.instruments import Instrument
from quantai.oms.journal import Journal
from quantai.oms.order_manager import OrderManager
from quantai.ops.jobs import Jobs
from quantai.portfolio.portfolio import Portfolio
from quantai.results.recorder import RunRecorder
from quantai.simulation.exchange import SimulatedExchange
from quantai.strategy import StrategyRunner


@dataclass
class Markets:
    """Where market events come from, and the clock that goes with them. `source` is what is replayed; None if live."""

    instruments: tuple[Instrument, ...]
    clock: Clock
    bus: EventBus
    view: MarketView
    exchanges: ExchangeRegistry
    source: MarketDataSource | None
    plans: list[StreamPlan]
    derived: DerivedStreams
    feed: Feed
    warnings: list[str]

    @property
    def priced_topics(self) -> list[str]:
        """What the market view is kept up to date with."""
        return [topic_of(event, plan.instrument) for plan in self.plans for event in plan.prices]

    @property
    def description(self) -> str:
        """One line for people."""
        return self.source.describe() if self.source else f"live: {', '.join(self.exchanges)}"


@dataclass
class Trading:
    """The half that trades. `simulated` are the simulated venues and the topics each watches."""

    portfolio: Portfolio
    orders: OrderManager
    journal: Journal
    runners: list[StrategyRunner]
    simulated: list[tuple[SimulatedExchange, list[str]]]
    recorder: RunRecorder
    sends_real_orders: bool


@dataclass
class Graph:
    """Everything, built and not yet started.

    `trading` is None where nothing executes, `writer` where nothing is recorded.
    """

    config: Config
    markets: Markets
    jobs: Jobs
    trading: Trading | None = None
    writer: ParquetEventWriter | None = None
