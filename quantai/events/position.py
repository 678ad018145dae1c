"""What fills did to positions."""

from __future__ import annotations

from quantai.events.base import Event, Money, Timestamp


class PositionEvent(Event, frozen=True, gc=False):
    """Base of the position family, published at `position.<what happened>.<strategy>`."""

    topic_fields = ("strategy",)

    strategy: str
    """The configured name of the strategy whose position it is."""
    venue: str
    """The configured name of the exchange."""
    symbol: str
    """The ccxt-unified symbol."""
    ts_event: Timestamp
    """When the fill behind it happened, nanoseconds UTC since 1970."""
    ts_init: Timestamp
    """When this process learned of it, nanoseconds UTC since 1970."""
    quantity: Money
    """In base currency or contracts: positive is long, negative short."""
    average_price: Money
    """Of the open quantity, in quote currency; 0 when flat."""
    realized_pnl: Money
    """The position's total so far, in `currency`, before fees."""
    fees: Money
    """The position's total so far of what was paid in `currency`."""
    currency: str
    """The settlement currency."""


class PositionOpenedEvent(PositionEvent, frozen=True, gc=False, tag=True):
    """A flat position became long or short."""

    topic_prefix = "position.opened"


class PositionModifiedEvent(PositionEvent, frozen=True, gc=False, tag=True):
    """An open position grew, shrank or changed sides."""

    topic_prefix = "position.modified"


class PositionClosedEvent(PositionEvent, frozen=True, gc=False, tag=True):
    """A position became flat."""

    topic_prefix = "position.closed"
