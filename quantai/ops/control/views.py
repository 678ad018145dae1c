"""What answers hold: plain records, the same whether a daemon or its journal tells."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from quantai.core.account import PositionRecord
from quantai.core.enums import OrderState, OrderType, Side, TimeInForce, TradingState
from quantai.core.numbers import ZERO
from quantai.oms.models import Order
from quantai.oms.options import Options

if TYPE_CHECKING:  # it imports SQLAlchemy, which takes a while: only those wait for it who read a journal
    from quantai.oms.journal.stored import StoredOrder


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the records."""


class OrderView(View, frozen=True, kw_only=True):
    """An order as it is. Times are nanoseconds UTC, quantities in base currency or contracts, prices in quote."""

    client_order_id: str
    venue_order_id: str
    strategy: str
    venue: str
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    price: Decimal | None
    trigger_price: Decimal | None
    reduce_only: bool
    state: OrderState
    is_sent: bool
    filled_quantity: Decimal
    average_price: Decimal
    reason: str
    cause: str
    parent_order_id: str
    is_parent: bool
    ts_submitted: int
    ts_last: int
    at_venue: bool = False
    options: Options = ()

    @staticmethod
    def of(order: Order | StoredOrder) -> OrderView:
        """What there is to say of `order` now."""
        fields = {name: getattr(order, name) for name in OrderView.__struct_fields__ if name != "average_price"}
        average = order.filled_value / order.filled_quantity if order.filled_quantity else ZERO
        return OrderView(average_price=average, **fields)


class Listing(View, frozen=True, kw_only=True):
    """The newest orders that were asked for, oldest first. `has_more`: there are others; `source`: who tells."""

    source: str
    orders: tuple[OrderView, ...]
    has_more: bool


class StoryEntry(View, frozen=True, kw_only=True):
    """Something that happened to an order, or that explains it: `kind` is an event's type or a note's kind."""

    ts_ns: int
    kind: str
    body: Mapping[str, object]


class Story(View, frozen=True, kw_only=True):
    """An order's whole story. Where several orders have the id that was asked for, there are only `matches`.

    `left_out` entries are missing, the oldest; `remark` says why where the story is not whole.
    """

    source: str
    order: OrderView | None = None
    entries: tuple[StoryEntry, ...] = ()
    parent: OrderView | None = None
    children: tuple[OrderView, ...] = ()
    matches: tuple[OrderView, ...] = ()
    left_out: int = 0
    remark: str = ""


class TradingStateView(View, frozen=True, kw_only=True):
    """What everybody (`strategy` is None), or one strategy, may do since `ts_ns`, and why."""

    strategy: str | None
    state: TradingState
    reason: str
    ts_ns: int


class Kept(View, frozen=True, kw_only=True):
    """What a journal keeps for the next start: what is not `ACTIVE`, positions that are not flat, open orders."""

    source: str
    states: tuple[TradingStateView, ...]
    positions: tuple[PositionRecord, ...]
    open_orders: int


class StateChange(View, frozen=True, kw_only=True):
    """What is not `ACTIVE` after a halt, a restriction or a resumption; `canceling` orders are being cancelled.
    `not_kept` says why a restart would forget it; it is empty where the change is durable.
    """

    states: tuple[TradingStateView, ...]
    canceling: tuple[str, ...]
    not_kept: str = ""


class Canceling(View, frozen=True, kw_only=True):
    """The orders that are being cancelled, by client order id."""

    orders: tuple[str, ...]


class FlattenLine(View, frozen=True, kw_only=True):
    """What became of a position: signed quantities `before` and `after`, the `orders` sent, and why it is not flat."""

    strategy: str
    venue: str
    symbol: str
    before: Decimal
    after: Decimal
    orders: tuple[str, ...]
    problem: str = ""


class FlattenReport(View, frozen=True, kw_only=True):
    """What a flatten did. `left_open` orders may still trade: nothing proves that they are closed. `is_flat` says that
    no position is left, and nothing that could make one.
    """

    strategy: str | None
    symbol: str | None
    canceled: tuple[str, ...]
    lines: tuple[FlattenLine, ...]
    left_open: tuple[OrderView, ...]
    is_flat: bool


class PositionView(View, frozen=True, kw_only=True):
    """A position that is not flat. Profit is in `currency`; None where there is no price."""

    strategy: str
    venue: str
    symbol: str
    quantity: Decimal
    average_price: Decimal
    unrealized_pnl: Decimal | None
    currency: str


class ReconciliationView(View, frozen=True, kw_only=True):
    """How the books were compared with the venues: when everything was proven equal last, by venue (0: never), and
    what did not agree, the newest last.
    """

    proven_ns: Mapping[str, int]
    counts: Mapping[str, int]
    mismatches: tuple[str, ...]


class Status(View, frozen=True, kw_only=True):
    """How the daemon is. `unknown_orders` are those of which nobody knows what became; equity is in `currency`."""

    version: str
    pid: int
    mode: str
    execution: str
    since_ns: int
    now_ns: int
    states: tuple[TradingStateView, ...]
    """What is not `ACTIVE`."""
    open_orders: int
    unknown_orders: tuple[str, ...]
    counts: Mapping[str, int]
    journal: str
    journal_available: bool
    journal_counts: Mapping[str, int]
    reconciliation: ReconciliationView | None
    equity: Decimal
    unpriced: int
    currency: str
    positions: tuple[PositionView, ...]
