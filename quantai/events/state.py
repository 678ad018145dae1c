"""What is so now, told to a daemon that asked: it missed, or never saw, the events that made it so."""

from __future__ import annotations

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.numbers import ZERO
from quantai.events.base import Count, Event, Money, Quantity, Timestamp


class StateEvent(Event, frozen=True, gc=False):
    """Base of the state family, published at `state.<of what>.<session>`; `StateSentEvent` ends a whole answer."""

    topic_fields = ("session",)

    session: str
    """The run of the daemon that asked."""
    request: Timestamp
    """`ts_init` of the request that this answers; 0 where it tells of an order that was asked for again."""
    ts_event: Timestamp
    """When it came to be so, or when it was told; nanoseconds UTC since 1970."""
    ts_init: Timestamp
    """When it was told, nanoseconds UTC since 1970."""


class OrderStateEvent(StateEvent, frozen=True, gc=False, tag=True):
    """An order as it is."""

    topic_prefix = "state.order"

    client_order_id: str
    """The order's id."""
    strategy: str
    """The configured name of the strategy whose order it is."""
    venue: str
    """The configured name of the exchange."""
    symbol: str
    """The ccxt-unified symbol."""
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Quantity
    """In base currency or contracts."""
    price: Money | None
    """The limit, in quote currency; None for a market order."""
    state: OrderState
    filled_quantity: Quantity
    """What has traded, in base currency or contracts."""
    filled_value: Money
    """The sum of quantity times price of its fills."""
    venue_order_id: str
    """What the venue calls it; empty where that is not known."""
    reason: str
    """Why it is in its state, where somebody said so."""
    cause: str
    """`topic@ts_init` of what the strategy was handling when it asked; empty where that was nothing."""
    ts_submitted: Timestamp
    """When it was sent, nanoseconds UTC since 1970."""
    trigger_price: Money | None = None
    """What the market must reach before it is sent, in quote currency; None for an order that is sent at once."""
    reduce_only: bool = False
    """Whether the venue may only let it make a position smaller."""
    parent_order_id: str = ""
    """The order whose child this is; empty where there is none."""
    at_venue: bool = False
    """Whether the trigger price is watched by the venue."""
    options: str = ""
    """What only the venue knows, as a JSON object of texts; empty where there is nothing."""


class PositionStateEvent(StateEvent, frozen=True, gc=False, tag=True):
    """A strategy's position."""

    topic_prefix = "state.position"

    strategy: str
    """The configured name of the strategy."""
    venue: str
    """The configured name of the exchange."""
    symbol: str
    """The ccxt-unified symbol."""
    quantity: Money
    """Positive long, negative short."""
    cost: Money
    """What the open quantity cost, signed as it, in settlement currency."""
    realized_pnl: Money
    """Profit of all that was closed so far, before fees, in settlement currency."""
    unpaid_pnl: Money = ZERO
    """What of it the venue did not put into the balance, by its own figures; negative where it put in more."""


class BalanceStateEvent(StateEvent, frozen=True, gc=False, tag=True):
    """What the account at a venue holds of one currency."""

    topic_prefix = "state.balance"

    venue: str
    """The configured name of the exchange."""
    currency: str
    """Of what."""
    amount: Money
    """How much."""


class StateSentEvent(StateEvent, frozen=True, gc=False, tag=True):
    """The answer is whole."""

    topic_prefix = "state.sent"

    orders: Count
    """How many order events it had."""
    positions: Count
    """How many position events it had."""
    balances: Count
    """How many balance events it had."""
    execution: str
    """Who executes: `simulated` or `venues`."""
