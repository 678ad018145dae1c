"""What fills did to positions. `quantity` is signed: positive long, negative short; money is in `currency`."""

from __future__ import annotations

from quantai.events.base import Event, Money, Timestamp


class PositionEvent(Event, frozen=True, gc=False):
    """Base of the position family, published at `position.<what happened>.<strategy>`.

    `average_price` is that of the open quantity (0 when flat), `realized_pnl` the position's total so far, before fees;
    `fees` is what was paid in `currency`, the settlement currency.
    """

    topic_fields = ("strategy",)

    strategy: str
    venue: str
    symbol: str
    ts_event: Timestamp
    ts_init: Timestamp
    quantity: Money
    average_price: Money
    realized_pnl: Money
    fees: Money
    currency: str


class PositionOpenedEvent(PositionEvent, frozen=True, gc=False, tag=True):
    """A flat position became long or short."""

    topic_prefix = "position.opened"


class PositionModifiedEvent(PositionEvent, frozen=True, gc=False, tag=True):
    """An open position grew, shrank or changed sides."""

    topic_prefix = "position.modified"


class PositionClosedEvent(PositionEvent, frozen=True, gc=False, tag=True):
    """A position became flat."""

    topic_prefix = "position.closed"
