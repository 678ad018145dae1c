"""What assembly builds: plain records of parts that know each other only through their constructors."""

from __future__ import annotations

from dataclasses import dataclass

from quantai.config import Config
from quantai.config.schema import Execution
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
from quantai.oms.cache import OrderCache
from quantai.oms.gateway import OrderGateway
from quantai.oms.journal import Journal
from quantai.oms.order_manager import OrderManager
from quantai.oms.remote import RemoteOrders
from quantai.ops.jobs import Jobs
from quantai.portfolio.mirror import MirroredPortfolio
from quantai.portfolio.portfolio import Portfolio
from quantai.results.recorder import RunRecorder
from quantai.simulation.exchange import SimulatedExchange
from quantai.strategy import StrategyRunner


@dataclass
class Markets:
    """Where market events come from, and the clock that goes with them. `source` is what is replayed, else None."""

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
        if self.source is not None:
            return self.source.describe()
        return f"live: {', '.join(self.exchanges)}" if len(self.exchanges) else "from the bus"


@dataclass
class Trading:
    """The half that trades. `simulated` are the simulated venues and the topics each watches, `gateway` serves
    strategies in other daemons.
    """

    portfolio: Portfolio
    orders: OrderManager
    journal: Journal
    cache: OrderCache
    runners: list[StrategyRunner]
    simulated: list[tuple[SimulatedExchange, list[str]]]
    recorder: RunRecorder
    sends_real_orders: bool
    gateway: OrderGateway | None = None


@dataclass
class Remote:
    """Strategies whose orders another daemon executes."""

    portfolio: MirroredPortfolio
    orders: RemoteOrders
    runners: list[StrategyRunner]

    @property
    def sends_real_orders(self) -> bool:
        """Whether the other daemon does, as far as it has told."""
        return self.orders.execution == Execution.VENUES


@dataclass
class Graph:
    """Everything, built and not yet started.

    `trading` is None where nothing executes, `remote` where nobody asks another daemon to, `writer` where nothing is
    recorded.
    """

    config: Config
    markets: Markets
    jobs: Jobs
    trading: Trading | None = None
    remote: Remote | None = None
    writer: ParquetEventWriter | None = None
