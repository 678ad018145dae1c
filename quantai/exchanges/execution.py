"""Order entry at a venue: commands go down, execution reports come up, in FIX's words; and what a venue can be asked.

The OMS decides what a report means. A question that is not answered proves nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from quantai.core.enums import Liquidity, OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import OrderError


class SubmitOrder(msgspec.Struct, frozen=True, gc=False):
    """A new order for a venue. `quantity` and `price` lie on the instrument's grid; a market order has no price."""

    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    price: Decimal | None
    time_in_force: TimeInForce
    reduce_only: bool = False
    trigger_price: Decimal | None = None
    """Where a stop is to rest at the venue: the price that releases it."""
    options: tuple[tuple[str, str], ...] = ()
    """What only this venue knows, by the names that its capabilities declare."""


class AmendOrder(msgspec.Struct, frozen=True, gc=False):
    """Change an order that rests. `quantity` is the new total, what has traded included (FIX OrderQty)."""

    client_order_id: str
    symbol: str
    venue_order_id: str
    side: Side
    quantity: Decimal
    price: Decimal | None


class CancelOrder(msgspec.Struct, frozen=True, gc=False):
    """Take an order off the book. `venue_order_id` is empty while the venue has not accepted it."""

    client_order_id: str
    symbol: str
    venue_order_id: str = ""


class ExecType(StrEnum):
    """What an execution report tells (FIX ExecType).

    The last four are the OMS's own: a venue does not send them.
    """

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    REPLACED = "REPLACED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCEL_REJECTED = "CANCEL_REJECTED"
    REPLACE_REJECTED = "REPLACE_REJECTED"
    UNKNOWN = "UNKNOWN"
    """Nobody knows what became of the last command."""
    PENDING_CANCEL = "PENDING_CANCEL"
    """A cancel was asked for."""
    PENDING_REPLACE = "PENDING_REPLACE"
    """A change was asked for."""
    TRIGGERED = "TRIGGERED"
    """A suspended order was released."""
    DENIED = "DENIED"
    """Risk, or the journal, kept the order from being sent."""


class ExecutionReport(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a venue says of an order.

    One of `client_order_id` and `venue_order_id` may be empty where the venue does not tell it. The fields from
    `trade_id` to `realized_pnl` are set for a `TRADE` only, `order_quantity` (the new total) and `order_price` for a
    `REPLACED` only. `side` is needed for trades of orders that were not placed here. `filled_quantity` is what has
    traded of the order in all, this report included (FIX CumQty); None where the venue does not tell it.

    `trade_id` tells a repeated report from a second fill of the order: a connector of a venue that has none makes one
    that is the same each time. `fee` is in `fee_currency`; a rebate is negative. `realized_pnl` is what the venue says
    that the trade realized, before fees, in the settlement currency; None where it does not say. `ts_event` is the
    venue's time, nanoseconds UTC.
    """

    exec_type: ExecType
    client_order_id: str
    ts_event: int
    venue_order_id: str = ""
    symbol: str = ""
    side: Side = Side.UNKNOWN
    reason: str = ""
    trade_id: str = ""
    price: Decimal = Decimal(0)
    quantity: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    fee_currency: str = ""
    liquidity: Liquidity = Liquidity.TAKER
    realized_pnl: Decimal | None = None
    order_quantity: Decimal | None = None
    order_price: Decimal | None = None
    filled_quantity: Decimal | None = None


class OrderStatus(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a venue says of an order when asked (FIX ExecType OrderStatus).

    `state` is one of NEW, PARTIALLY_FILLED, FILLED, CANCELED, REJECTED, EXPIRED. `filled_quantity` is what traded in
    all; the fills themselves come from `VenueAccount.fills`. `client_order_id` is empty where the venue has none.
    `ts_event` is when the order changed last, or later: no fill that `filled_quantity` has is of a later time.
    """

    client_order_id: str
    venue_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    price: Decimal | None
    state: OrderState
    filled_quantity: Decimal
    ts_event: int
    reason: str = ""


class VenuePosition(msgspec.Struct, frozen=True, gc=False):
    """A derivatives position at a venue: signed quantity in contracts, and the average price in quote currency."""

    symbol: str
    quantity: Decimal
    average_price: Decimal


class VenueHealth(msgspec.Struct, frozen=True, gc=False):
    """How a venue does, as routing sees it: `latency_ns` from a command to its answer, 0 where not known;
    `rate_headroom` is the part of the rate limit for orders that is left, 0 to 1.
    """

    is_connected: bool = True
    latency_ns: int = 0
    rate_headroom: float = 1.0


class VenueAccount(ABC):
    """What the venue knows of the account, when asked.

    Every question raises `VenueError` where no answer came, or none that can be trusted: that proves nothing. An
    answer is the whole truth at a moment between the question and itself.
    """

    @abstractmethod
    async def find_order(self, symbol: str, client_order_id: str, venue_order_id: str = "") -> OrderStatus | None:
        """The order, open or closed; None where the venue says that it does not know it."""

    @abstractmethod
    async def open_orders(self) -> Sequence[OrderStatus]:
        """Every open order of the account, whoever placed it."""

    @abstractmethod
    async def fills(self, since_ns: int) -> Sequence[ExecutionReport]:
        """Every `TRADE` of the account at or after `since_ns` by the venue's clock, oldest first."""

    @abstractmethod
    async def balances(self) -> Mapping[str, Decimal] | None:
        """The total held, by currency, what orders reserve included; None where the venue keeps no account."""

    @abstractmethod
    async def positions(self) -> Sequence[VenuePosition] | None:
        """Every open derivatives position; None where the venue keeps no account."""


ReportSink = Callable[[ExecutionReport], None]
ConnectionSink = Callable[[bool], None]


class ExecutionConnector(ABC):
    """Sends orders to one venue. Nothing here waits: what the venue answers comes as reports, after the call returned.

    A command that raises `OrderError` was certainly not sent. One that raises anything else may or may not have reached
    the venue: what became of it is not known. Where no answer comes the connector reports `UNKNOWN`, or nothing.
    """

    account: VenueAccount | None = None
    """What the venue can be asked; None where it cannot be."""

    @abstractmethod
    def submit(self, command: SubmitOrder) -> None:
        """Send a new order."""

    @abstractmethod
    def cancel(self, command: CancelOrder) -> None:
        """Ask for an order to be cancelled."""

    def check(self, command: SubmitOrder) -> None:
        """Raises `OrderError` where `submit` would, of an order that is sent later only. Nothing is sent, and the venue
        not asked: it may still refuse it.
        """

    @abstractmethod
    def on_report(self, sink: ReportSink) -> None:
        """Give every execution report to `sink`; called once, before the first order."""

    def amend(self, command: AmendOrder) -> None:
        """Ask for an order to be changed. Raises `OrderError` where the venue cannot."""
        raise OrderError(f"{type(self).__name__} cannot amend orders: cancel {command.client_order_id} and place anew")

    def submit_batch(self, commands: Sequence[SubmitOrder]) -> None:
        """Send several new orders, in one message where the venue has one for that. `OrderError` proves nothing here:
        some of them may have been sent.
        """
        for command in commands:
            self.submit(command)

    def cancel_batch(self, commands: Sequence[CancelOrder]) -> None:
        """Ask for several orders to be cancelled, in one message where the venue has one for that."""
        for command in commands:
            self.cancel(command)

    def on_connection(self, sink: ConnectionSink) -> None:
        """Tell `sink` when the private stream stands (True) and when it fell (False); called once, before `start`."""

    def health(self) -> VenueHealth:
        """How the venue does now."""
        return VenueHealth()

    async def start(self) -> None:
        """Connect. Raises `StartupError` where that is not possible."""

    async def stop(self) -> None:
        """Disconnect; returns when nothing more will be reported."""
