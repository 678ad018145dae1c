"""The schema of `conf/`: one Pydantic section a Hydra group, nothing extra allowed."""

from __future__ import annotations

from quantai.config.schema.bus import BusSection, GatewaySection, MemoryBusSection, RedisBusSection
from quantai.config.schema.component import ComponentSection
from quantai.config.schema.markets import (
    ClockKind,
    DataSection,
    ExchangeSection,
    Execution,
    FilesData,
    InstrumentSection,
    MarketEvents,
    ModeSection,
    SyntheticAsset,
    SyntheticData,
)
from quantai.config.schema.reconciliation import ReconciliationSection
from quantai.config.schema.risk import RiskCheckSection, RiskSection
from quantai.config.schema.routing import RoutingRule, RoutingSection
from quantai.config.schema.runtime import LoggingSection, OpsSection, RecorderSection
from quantai.config.schema.schedule import JobKind, JobSection
from quantai.config.schema.store import MemoryStoreSection, PostgresqlStoreSection, SqliteStoreSection, StoreSection
from quantai.config.schema.trading import PortfolioSection, SimulationSection, StrategySection
from quantai.core.params import Name, Section


class Config(Section):
    """The whole configuration. Each field is a Hydra group: a folder under `conf/` with the files to choose from."""

    mode: ModeSection
    """Simulation, recording, paper or live; or a part of one, with the others in other daemons."""
    data: DataSection
    """What a replay plays."""
    exchanges: dict[Name, ExchangeSection] = {}
    """The venues, by name."""
    instruments: dict[Name, InstrumentSection] = {}
    """What can be traded, by name."""
    strategies: dict[Name, StrategySection] = {}
    """What trades, by name."""
    risk: RiskSection
    """What every order must pass."""
    routing: RoutingSection
    """Where orders go."""
    portfolio: PortfolioSection
    """What the account holds."""
    simulation: SimulationSection
    """The simulated exchange and the run's output."""
    bus: BusSection
    """The event bus."""
    gateway: GatewaySection = GatewaySection()
    """Orders between daemons."""
    store: StoreSection
    """The order journal."""
    reconciliation: ReconciliationSection
    """Comparing the books with the venues."""
    recorder: RecorderSection
    """Recording to Parquet."""
    schedule: dict[Name, JobSection] = {}
    """Recurring jobs, by name."""
    logging: LoggingSection
    """Logs."""
    ops: OpsSection
    """Starting and stopping."""


__all__ = [
    "BusSection",
    "ClockKind",
    "ComponentSection",
    "Config",
    "DataSection",
    "ExchangeSection",
    "Execution",
    "FilesData",
    "GatewaySection",
    "InstrumentSection",
    "JobKind",
    "JobSection",
    "LoggingSection",
    "MarketEvents",
    "MemoryBusSection",
    "MemoryStoreSection",
    "ModeSection",
    "OpsSection",
    "PortfolioSection",
    "PostgresqlStoreSection",
    "ReconciliationSection",
    "RecorderSection",
    "RedisBusSection",
    "RiskCheckSection",
    "RiskSection",
    "RoutingRule",
    "RoutingSection",
    "SimulationSection",
    "SqliteStoreSection",
    "StoreSection",
    "StrategySection",
    "SyntheticAsset",
    "SyntheticData",
]
