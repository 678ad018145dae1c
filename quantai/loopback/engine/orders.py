"""Orders as the engine keeps them. Times are nanoseconds UTC, amounts exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from quantai.core.clock import Timer
from quantai.core.enums import Side
from quantai.core.numbers import ZERO

if TYPE_CHECKING:
    from quantai.loopback.engine.accounts import Account


class Kind(StrEnum):
    """How an order is priced once it works."""

    LIMIT = "limit"
    MARKET = "market"


class Tif(StrEnum):
    """How long an order works."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"


class SelfTrade(StrEnum):
    """What expires where an account would trade with itself; `ALLOWED` lets it."""

    ALLOWED = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


class Status(StrEnum):
    """The state of an order; `WAITING` is a conditional one that has not been triggered."""

    WAITING = "waiting"
    NEW = "new"
    PARTIALLY_FILLED = "partially filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    EXPIRED_IN_MATCH = "expired in match"

    @property
    def is_open(self) -> bool:
        """Whether the order may still trade."""
        return self in (Status.WAITING, Status.NEW, Status.PARTIALLY_FILLED)


@dataclass(slots=True)
class Trigger:
    """When a conditional order wakes up.

    `is_above`: at prices from `price` up, else from `price` down. With `trail` (a fraction of the price) `price`
    follows the best price seen since `activation` was reached.
    """

    price: Decimal
    is_above: bool
    trail: Decimal | None = None
    activation: Decimal | None = None
    uses_mark: bool = False
    is_active: bool = True

    def fires(self, price: Decimal) -> bool:
        """Whether the order wakes up at `price`; a trailing trigger learns from it."""
        if self.trail is not None:
            self._follow(price)
        return self.is_active and (price >= self.price if self.is_above else price <= self.price)

    def _follow(self, price: Decimal) -> None:
        assert self.trail is not None
        if not self.is_active:
            assert self.activation is not None
            self.is_active = price <= self.activation if self.is_above else price >= self.activation
            self.price = self._behind(price)
        elif self.is_above:
            self.price = min(self.price, self._behind(price))
        else:
            self.price = max(self.price, self._behind(price))

    def _behind(self, price: Decimal) -> Decimal:
        assert self.trail is not None
        return price * (1 + self.trail) if self.is_above else price * (1 - self.trail)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What is asked for. `tags` are words of the dialect that the engine only keeps."""

    symbol: str
    side: Side
    kind: Kind
    quantity: Decimal = ZERO
    price: Decimal = ZERO
    quote_quantity: Decimal = ZERO
    tif: Tif = Tif.GTC
    client_id: str = ""
    is_post_only: bool = False
    iceberg: Decimal = ZERO
    trigger: Trigger | None = None
    is_reduce_only: bool = False
    closes_position: bool = False
    is_forced: bool = False
    """Made by the venue: it closes a position whose margin is gone."""
    position_side: str = "BOTH"
    self_trade: SelfTrade = SelfTrade.ALLOWED
    good_till_ns: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fill:
    """A part of an order that traded. `fee` is what the account paid, `realized` the profit of a closed position."""

    trade_id: int
    price: Decimal
    quantity: Decimal
    is_maker: bool
    ts_ns: int
    fee: Decimal = ZERO
    fee_asset: str = ""
    realized: Decimal = ZERO

    @property
    def quote(self) -> Decimal:
        """What it was worth."""
        return self.price * self.quantity


@dataclass(slots=True, eq=False)
class Order:
    """An order and what became of it. Orders of the market itself have no `account`."""

    id: int
    account: Account | None
    request: OrderRequest
    quantity: Decimal
    price: Decimal
    created_ns: int
    client_id: str = ""
    status: Status = Status.NEW
    filled: Decimal = ZERO
    quote_filled: Decimal = ZERO
    shown: Decimal = ZERO
    held: Decimal = ZERO
    amends: int = 0
    updated_ns: int = 0
    working_ns: int = 0
    cancel_id: str = ""
    former_id: str = ""
    prevented: Decimal = ZERO
    reason: str = ""
    fills: list[Fill] = field(default_factory=list)
    timer: Timer | None = None

    @property
    def symbol(self) -> str:
        """The ccxt-unified symbol."""
        return self.request.symbol

    @property
    def side(self) -> Side:
        """Buy or sell."""
        return self.request.side

    @property
    def remaining(self) -> Decimal:
        """What may still trade."""
        return self.quantity - self.filled

    @property
    def is_open(self) -> bool:
        """Whether it may still trade."""
        return self.status.is_open

    @property
    def average_price(self) -> Decimal:
        """What it traded at on average; 0 before it traded."""
        return self.quote_filled / self.filled if self.filled else ZERO

    def show(self) -> Decimal:
        """Put the next part of an iceberg (or all of it) on display; how much."""
        self.shown = min(self.request.iceberg or self.remaining, self.remaining)
        return self.shown
