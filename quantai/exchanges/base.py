"""What a venue offers, as the rest of the daemon sees it: interfaces, which one folder or module a venue implements.

Commands go down (`SubmitOrder`, `CancelOrder`), execution reports come up, in FIX's words. The OMS decides what a
report means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

import msgspec
from pydantic import SecretStr

from quantai.core.component import Component
from quantai.core.enums import Liquidity, OrderType, Side, TimeInForce
from quantai.core.errors import StartupError
from quantai.events import BarEvent, MarketEvent
from quantai.instruments import Instrument


class SubmitOrder(msgspec.Struct, frozen=True, gc=False):
    """A new order for a venue. `quantity` and `price` lie on the instrument's grid; a market order has no price."""

    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    price: Decimal | None
    time_in_force: TimeInForce


class CancelOrder(msgspec.Struct, frozen=True, gc=False):
    """Take an order off the book. `venue_order_id` is empty while the venue has not accepted it."""

    client_order_id: str
    symbol: str
    venue_order_id: str = ""


class ExecType(StrEnum):
    """What an execution report tells (FIX ExecType)."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCEL_REJECTED = "CANCEL_REJECTED"
    UNKNOWN = "UNKNOWN"


class ExecutionReport(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a venue says of an order. The fields from `trade_id` to `liquidity` are set for a `TRADE` only.

    `trade_id` tells a repeated report from a second fill of the order: a connector of a venue that has none makes one,
    or leaves it empty and reports each fill once. `fee` is in `fee_currency`; a rebate is negative. `ts_event` is the
    venue's time, nanoseconds UTC.
    """

    exec_type: ExecType
    client_order_id: str
    ts_event: int
    venue_order_id: str = ""
    reason: str = ""
    trade_id: str = ""
    price: Decimal = Decimal(0)
    quantity: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    fee_currency: str = ""
    liquidity: Liquidity = Liquidity.TAKER


ReportSink = Callable[[ExecutionReport], None]
EventSink = Callable[[MarketEvent], None]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a connector can do. A config that asks for more is refused when it is composed."""

    channels: frozenset[str] = frozenset()
    """Market event types by store name: `trade`, `tick`, `book`..."""
    order_types: frozenset[OrderType] = frozenset()
    time_in_force: frozenset[TimeInForce] = frozenset()


class ExecutionConnector(ABC):
    """Sends orders to one venue. Nothing here waits: what the venue answers comes as reports, after the call returned.

    A command that raises may or may not have reached the venue: the order becomes `UNKNOWN`.
    """

    @abstractmethod
    def submit(self, command: SubmitOrder) -> None:
        """Send a new order."""

    @abstractmethod
    def cancel(self, command: CancelOrder) -> None:
        """Ask for an order to be cancelled."""

    @abstractmethod
    def on_report(self, sink: ReportSink) -> None:
        """Give every execution report to `sink`; called once, before the first order."""


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


@dataclass
class ExchangeContext:
    """What assembly gives an exchange: its configured name and instruments, the account's keys if it has any,
    and the seed for what is random in it.
    """

    venue: str
    instruments: Sequence[Instrument] = field(default_factory=tuple)
    seed: int = 0
    api_key: SecretStr | None = None
    api_secret: SecretStr | None = None


class Exchange(Component):
    """A venue. Subclass it and name it in YAML (`type` or `_target_`); annotated attributes are its parameters."""

    capabilities = Capabilities()

    def bind(self, context: ExchangeContext) -> None:
        """Called once, before anything else."""
        self._context = context

    def get_market_data_connector(self) -> MarketDataConnector:
        """The venue's market data. Raises `StartupError` where the connector has none."""
        raise self._lacks("market data")

    def get_execution_connector(self) -> ExecutionConnector:
        """The venue's order entry. Raises `StartupError` where the connector has none."""
        raise self._lacks("order entry")

    def _lacks(self, what: str) -> StartupError:
        return StartupError(f"{type(self).__name__} ({self._context.venue}) offers no {what}")
