"""What assembly builds: plain records of parts that know each other only through their constructors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

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
from quantai.exchanges.execution import ExecutionConnector
from quantai.exchanges.registry import ExchangeRegistry
from quantai.instruments import Instrument
from quantai.oms.cache import OrderCache
from quantai.oms.contingent import ContingentOrders
from quantai.oms.gateway import OrderGateway
from quantai.oms.journal import Journal
from quantai.oms.order_manager import OrderManager
from quantai.oms.parents import RoutedOrders
from quantai.oms.reconciliation import Reconciler
from quantai.oms.remote import RemoteOrders
from quantai.oms.risk.desk import RiskDesk
from quantai.oms.risk.halting import HaltKeeper
from quantai.oms.routing.books import BookView
from quantai.ops.jobs import Jobs
from quantai.portfolio.mirror import MirroredPortfolio
from quantai.portfolio.portfolio import Portfolio
from quantai.results.recorder import RunRecorder
from quantai.simulation.exchange import SimulatedExchange
from quantai.strategy import StrategyRunner


class Part(Protocol):
    """What starts and stops, and nobody else needs to know."""

    async def start(self) -> None:
        """Begin. Raises `StartupError` where that is not possible."""
        ...

    async def stop(self) -> None:
        """End."""
        ...


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


@dataclass(kw_only=True)
class Trading:
    """The half that trades. `simulated` are the simulated venues and the topics each watches, `books` what a router
    looks at, `routed` places orders at several venues, `gateway` serves strategies in other daemons.
    """

    portfolio: Portfolio
    orders: OrderManager
    journal: Journal
    cache: OrderCache
    risk: RiskDesk
    halts: HaltKeeper
    reconciler: Reconciler
    contingent: ContingentOrders
    books: BookView
    routed: RoutedOrders | None
    executors: Mapping[str, ExecutionConnector]
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

    `trading` is None where nothing executes, `remote` where nobody asks another daemon to, `control` where nobody can
    ask this one, `writer` where nothing is recorded.
    """

    config: Config
    markets: Markets
    jobs: Jobs
    trading: Trading | None = None
    remote: Remote | None = None
    control: Part | None = None
    writer: ParquetEventWriter | None = None
