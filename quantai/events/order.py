"""What happened to orders. All money is `Decimal`; quantities are in base currency or contracts.

Each event names its order, its strategy and its `cause`: the topic and `ts_init` of the event the strategy was handling
when it asked for the order, so that one can walk from a fill back to the tick behind it.
"""

from __future__ import annotations

from quantai.core.enums import Liquidity, OrderType, Side, TimeInForce
from quantai.events.base import Event, Money, Quantity, Timestamp


class OrderEvent(Event, frozen=True, gc=False):
    """Base of the order family, published at `order.<what happened>.<strategy>`."""

    topic_fields = ("strategy",)

    client_order_id: str
    strategy: str
    venue: str
    symbol: str
    ts_event: Timestamp
    ts_init: Timestamp
    cause: str


class OrderSubmittedEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The order passed risk and is on its way to the venue. `price` is None for a market order."""

    topic_prefix = "order.submitted"

    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Quantity
    price: Money | None = None


class OrderDeniedEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """Risk said no; the order never left. `code` is stable, `reason` has the numbers."""

    topic_prefix = "order.denied"

    side: Side
    order_type: OrderType
    quantity: Quantity
    price: Money | None
    code: str
    reason: str


class OrderAcceptedEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The venue has the order and calls it `venue_order_id`."""

    topic_prefix = "order.accepted"

    venue_order_id: str


class OrderRejectedEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The venue refused the order, and said so."""

    topic_prefix = "order.rejected"

    reason: str


class FillEvent(OrderEvent, frozen=True, gc=False):
    """Base of the two events of an execution. `quantity` and `fee` are this fill's; a negative `fee` is a rebate."""

    trade_id: str
    side: Side
    price: Money
    quantity: Quantity
    cumulative_quantity: Quantity
    leaves_quantity: Quantity
    fee: Money
    fee_currency: str
    liquidity: Liquidity


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
    """The venue would not cancel, and said why; the order is what it was before the cancel."""

    topic_prefix = "order.cancel_rejected"

    reason: str


class OrderCanceledEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The order is off the book; `leaves_quantity` did not trade."""

    topic_prefix = "order.canceled"

    leaves_quantity: Quantity
    reason: str = ""


class OrderExpiredEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The order's time in force ended it; `leaves_quantity` did not trade."""

    topic_prefix = "order.expired"

    leaves_quantity: Quantity
    reason: str = ""


class OrderReplacedEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The venue changed price or quantity as asked."""

    topic_prefix = "order.replaced"

    venue_order_id: str
    quantity: Quantity
    price: Money | None


class OrderUnknownEvent(OrderEvent, frozen=True, gc=False, tag=True):
    """The order was sent and nothing proves what became of it."""

    topic_prefix = "order.unknown"

    reason: str
