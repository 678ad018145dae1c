"""What happened to orders. All money is `Decimal`; quantities are in base currency or contracts.

Each event names its order, its strategy and its `cause`, so that one can walk from a fill back to the tick behind it.
"""

from __future__ import annotations

from quantai.core.enums import Liquidity, OrderState, OrderType, Side, TimeInForce
from quantai.events.base import Event, Money, Quantity, Timestamp


class OrderEvent(Event, frozen=True, gc=False):
    """Base of the order family, published at `order.<what happened>.<strategy>`."""

    topic_fields = ("strategy",)
    own_field = "client_order_id"

    client_order_id: str
    """The order's id, given to it here."""
    strategy: str
    """The configured name of the strategy whose order it is."""
    venue: str
    """The configured name of the exchange it was sent to."""
    symbol: str
    """The ccxt-unified symbol."""
    ts_event: Timestamp
    """When it happened, by the venue's clock where it happened there; nanoseconds UTC since 1970."""
    ts_init: Timestamp
    """When this process learned of it, nanoseconds UTC since 1970."""
    cause: str
    """The `reference` of what the strategy was handling when it asked for the order; empty where that was nothing."""


class OrderSubmittedEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The order passed risk and is on its way to the venue."""

    topic_prefix = "order.submitted"

    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Quantity
    """In base currency or contracts."""
    price: Money | None = None
    """The limit, in quote currency; None for a market order."""
    trigger_price: Money | None = None
    """What the market must reach, in quote currency: it was kept here until then, or `at_venue` waits for it there."""
    reduce_only: bool = False
    """Whether the venue may only let it make a position smaller."""
    parent_order_id: str = ""
    """The order whose child this is; empty where there is none."""
    options: str = ""
    """What only the venue knows, as a JSON object of texts; empty where there is nothing."""
    at_venue: bool = False
    """Whether the trigger price is watched by the venue."""


class OrderSuspendedEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The order is kept here until its trigger price, or its parent, releases it; then it passes risk and is sent."""

    topic_prefix = "order.suspended"

    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Quantity
    """In base currency or contracts."""
    price: Money | None
    """The limit, in quote currency; None for a market order."""
    trigger_price: Money | None
    """What the market must reach, in quote currency; None where only the parent releases it."""
    reduce_only: bool = False
    """Whether the venue may only let it make a position smaller."""
    parent_order_id: str = ""
    """The order whose child this is; empty where there is none."""
    options: str = ""
    """What only the venue knows, as a JSON object of texts; empty where there is nothing."""


class OrderTriggeredEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """A suspended order was released: it is checked by risk now, and sent."""

    topic_prefix = "order.triggered"

    quantity: Quantity
    """What it is released for, in base currency or contracts."""
    reason: str = ""
    """What released it."""


class OrderDeniedEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """Risk said no; the order never left."""

    topic_prefix = "order.denied"

    side: Side
    order_type: OrderType
    quantity: Quantity
    """In base currency or contracts."""
    price: Money | None
    """The limit, in quote currency; None for a market order."""
    code: str
    """Which check denied, in a word that does not change."""
    reason: str
    """Why, with the numbers."""


class OrderAcceptedEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The venue has the order."""

    topic_prefix = "order.accepted"

    venue_order_id: str
    """What the venue calls it."""


class OrderRejectedEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The venue refused the order, and said so."""

    topic_prefix = "order.rejected"

    reason: str
    """What the venue says of it."""


class FillEvent(OrderEvent, frozen=True, gc=False):
    """Base of the two events of an execution."""

    trade_id: str
    """The venue's id of this fill; empty where it has none."""
    side: Side
    price: Money
    """In quote currency."""
    quantity: Quantity
    """Of this fill, in base currency or contracts."""
    cumulative_quantity: Quantity
    """Of all fills of the order so far, this one included."""
    leaves_quantity: Quantity
    """What still works."""
    fee: Money
    """Of this fill, in `fee_currency`; negative is a rebate."""
    fee_currency: str
    """What the fee was paid in."""
    liquidity: Liquidity
    """Whether the fill added liquidity or took it."""
    realized_pnl: Money | None = None
    """What the venue says that it realized, before fees, in settlement currency; None where it does not say."""


class OrderPartiallyFilledEvent(FillEvent, frozen=True, gc=False, tag=True):
    """A part of the order traded; `leaves_quantity` still works."""

    topic_prefix = "order.partially_filled"


class OrderFilledEvent(FillEvent, frozen=True, gc=False, tag=True):
    """The last part of the order traded."""

    topic_prefix = "order.filled"


class OrderPendingCancelEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """A cancel is on its way to the venue; the order may still trade."""

    topic_prefix = "order.pending_cancel"


class OrderCancelRejectedEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The venue would not cancel; the order is what it was before the cancel."""

    topic_prefix = "order.cancel_rejected"

    reason: str
    """What the venue says of it."""


class OrderCanceledEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The order is off the book."""

    topic_prefix = "order.canceled"

    leaves_quantity: Quantity
    """What did not trade, in base currency or contracts."""
    reason: str = ""
    """Why, where the venue says so."""


class OrderExpiredEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The order's time in force ended it."""

    topic_prefix = "order.expired"

    leaves_quantity: Quantity
    """What did not trade, in base currency or contracts."""
    reason: str = ""
    """Why, where the venue says so."""


class OrderPendingReplaceEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """A change is on its way to the venue; until it is confirmed the order may trade as it was, or as it will be."""

    topic_prefix = "order.pending_replace"

    quantity: Quantity
    """The new total, what has traded included; in base currency or contracts."""
    price: Money | None
    """The new limit, in quote currency."""


class OrderReplaceRejectedEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The venue would not change the order: it is what it was before."""

    topic_prefix = "order.replace_rejected"

    reason: str
    """What the venue says of it."""


class OrderReplacedEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The venue changed price or quantity as asked."""

    topic_prefix = "order.replaced"

    venue_order_id: str
    """What the venue calls the order from now on."""
    quantity: Quantity
    """The new one, in base currency or contracts."""
    price: Money | None
    """The new limit, in quote currency; None for a market order."""


class OrderUnknownEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The order was sent and nothing proves what became of it."""

    topic_prefix = "order.unknown"

    reason: str
    """Why nobody knows."""


class OrderRestatedEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The venue, asked, says that the order is something else than its reports made it: that is adopted (FIX Restated).

    Also how an order comes into the books that nobody here placed.
    """

    topic_prefix = "order.restated"

    venue_order_id: str
    """What the venue calls the order."""
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Quantity
    """In base currency or contracts."""
    price: Money | None
    """The limit, in quote currency; None for a market order."""
    state: OrderState
    reason: str
    """What was found."""


class OrderParentEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """What its children made of a parent, which is never sent itself and whose fills are those of its children."""

    topic_prefix = "order.parent"

    state: OrderState
    filled_quantity: Quantity
    """Of all children, in base currency or contracts."""
    filled_value: Money
    """The sum of quantity times price of their fills."""
    reason: str = ""
    """Why it is in its state, where somebody said so."""
