"""What a venue offers, as the rest of the daemon sees it: interfaces, which one folder or module a venue implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from quantai.core.clock import Clock, WallClock
from quantai.core.component import Component
from quantai.core.enums import OrderType, TimeInForce
from quantai.core.errors import StartupError
from quantai.events import BarEvent, Event, MarketEvent
from quantai.exchanges.execution import ExecutionConnector
from quantai.exchanges.history import History
from quantai.exchanges.listing import Listing
from quantai.instruments import Instrument

EventSink = Callable[[MarketEvent], None]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a connector can do. A config that asks for more is refused when it is composed."""

    channels: frozenset[str] = frozenset()
    """Market event types by store name: `trade`, `tick`, `book`..."""
    bar_intervals: frozenset[str] = frozenset()
    """Bars that the venue streams or has history of, in its own words: `1m`, `1h`..."""
    history: frozenset[str] = frozenset()
    """Market event types that can be downloaded: `trade`, `bar`."""
    order_types: frozenset[OrderType] = frozenset()
    time_in_force: frozenset[TimeInForce] = frozenset()
    order_options: frozenset[str] = frozenset()
    """Names of what an order may say that only this venue knows."""
    can_amend: bool = False
    can_reduce_only: bool = False
    batch_size: int = 1
    """Orders that travel in one message."""
    has_dead_man_switch: bool = False
    """Whether the venue cancels everything by itself once it does not hear of us."""
    environments: frozenset[str] = frozenset()
    """Where the same protocol is spoken: `live`, `testnet`, `demo`."""
    lists_instruments: bool = False
    """Whether `list_instruments` tells grids and limits, so that the configuration need not."""


class MarketDataConnector(ABC):
    """Streams one venue's market data."""

    @abstractmethod
    async def start(self, topics: Sequence[str], sink: EventSink) -> None:
        """Connect, and give the wanted topics (`market.trade.<venue>.<symbol>`) to `sink` from now on.

        Raises `StartupError` where it cannot.
        """

    @abstractmethod
    async def run(self) -> None:
        """Stream until cancelled, reconnecting as needed. Raises what makes going on impossible."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop streaming; returns when nothing more will come."""

    @abstractmethod
    async def get_historical(self, symbol: str, interval_ns: int, start_ns: int, end_ns: int) -> list[BarEvent]:
        """Finished bars of `interval_ns` with start >= `start_ns` and end <= `end_ns`, oldest first."""


def _unheard(event: Event) -> None:
    """Nobody listens."""


def _nobody(topic: str) -> bool:
    """Nobody wants it."""
    return False


@dataclass
class ExchangeContext:
    """What assembly gives an exchange: its configured name and instruments, the account's keys if it has any, the
    clock, and the seed for what is random in it.

    `publish` tells of what happens to its connections, `is_wanted` whether anybody subscribes to a topic;
    `cache_folder` is where it may keep what venues need not be asked for at each start, and what nobody understood.
    """

    venue: str
    instruments: Sequence[Instrument] = field(default_factory=tuple)
    seed: int = 0
    api_key: SecretStr | None = None
    api_secret: SecretStr | None = None
    clock: Clock = field(default_factory=WallClock)
    publish: Callable[[Event], None] = _unheard
    cache_folder: Path | None = None
    is_wanted: Callable[[str], bool] = _nobody


class Exchange(Component):
    """A venue. Subclass it and name it in YAML (`type` or `_target_`); annotated attributes are its parameters."""

    capabilities = Capabilities()

    def bind(self, context: ExchangeContext) -> None:
        """Called once, before anything else."""
        self._context = context

    async def start(self) -> None:
        """Do what both connectors need, before either starts. Raises `StartupError`."""

    async def stop(self) -> None:
        """Let go of what `start` took; after both connectors."""

    async def list_instruments(self) -> Mapping[str, Listing]:
        """What the venue lists, by unified symbol; may be asked without `start`. Raises `StartupError`."""
        raise self._lacks("list of instruments")

    def get_history(self) -> History:
        """What happened before. Raises `StartupError` where the connector has none."""
        raise self._lacks("history")

    def get_market_data_connector(self) -> MarketDataConnector:
        """The venue's market data. Raises `StartupError` where the connector has none."""
        raise self._lacks("market data")

    def get_execution_connector(self) -> ExecutionConnector:
        """The venue's order entry. Raises `StartupError` where the connector has none."""
        raise self._lacks("order entry")

    def _lacks(self, what: str) -> StartupError:
        return StartupError(f"{type(self).__name__} ({self._context.venue}) offers no {what}")
