"""What routers may look at. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from quantai.core.clock import Clock
from quantai.events import TickEvent
from quantai.exchanges.execution import VenueHealth
from quantai.oms.models import Order
from quantai.oms.routing.books import BookView


class Account(Protocol):
    """What the portfolio tells routers."""

    def balance(self, venue: str, currency: str) -> Decimal:
        """What the account at `venue` holds, in `currency`."""
        ...

    def position(self, venue: str, symbol: str, strategy: str | None = None) -> Decimal:
        """The signed position, of one strategy or of all."""
        ...


class Market(Protocol):
    """What the market view tells routers."""

    def price(self, venue: str, symbol: str) -> Decimal | None:
        """What the instrument is worth now; None where nothing was seen yet."""
        ...

    def tick(self, venue: str, symbol: str) -> TickEvent | None:
        """The newest best bid and ask."""
        ...

    def seen_ns(self, venue: str, symbol: str) -> int | None:
        """When anything was last seen of the instrument, nanoseconds UTC; None where nothing was."""
        ...


class OpenOrders(Protocol):
    """What the OMS tells routers."""

    def open_orders(self) -> Iterable[Order]:
        """Every order that may still trade."""
        ...


@dataclass(frozen=True, slots=True)
class FeeRates:
    """What a venue charges, as a fraction of notional; negative is a rebate."""

    maker: float
    taker: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingView:
    """The market, the account and the venues as they are now. `fees` are by venue, `health` asks a venue by name."""

    clock: Clock
    market: Market
    books: BookView
    account: Account
    orders: OpenOrders
    fees: Mapping[str, FeeRates]
    health: Callable[[str], VenueHealth]
