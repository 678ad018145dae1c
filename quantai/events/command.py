"""What strategies in one daemon ask of the daemon that executes, as events on the bus between them."""

from __future__ import annotations

from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.events.base import Event, Money, Quantity, Timestamp


class CommandEvent(Event, frozen=True, gc=False):
    """Base of the command family. A command that comes twice is carried out once."""

    session: str
    """The run of the daemon that asks; a later run has a greater name, as text."""
    ts_event: Timestamp
    """When it was asked first, by the clock of who asks; nanoseconds UTC since 1970."""
    ts_init: Timestamp
    """When it was asked this time, nanoseconds UTC since 1970."""


class StrategyCommand(CommandEvent, frozen=True, gc=False):
    """Base of what is asked for a strategy, published at `command.<what>.<strategy>`."""

    topic_fields = ("strategy",)

    strategy: str
    """The configured name of the strategy."""


class SubmitOrderCommand(StrategyCommand, frozen=True, gc=False, tag=True):
    """Send this order. It is denied where it, or its cause, is too old by then. Asked again, which `ts_init` shows, it
    is only answered: carried out is what arrives the first time.
    """

    topic_prefix = "command.submit"

    client_order_id: str
    """The order's id, made by who asks and by nobody else."""
    venue: str
    """The configured name of the exchange it goes to."""
    symbol: str
    """The ccxt-unified symbol."""
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    quantity: Quantity
    """In base currency or contracts."""
    price: Money | None
    """The limit, in quote currency; None for a market order."""
    cause: str
    """The `reference` of what the strategy was handling when it asked; empty where that was nothing."""
    trigger_price: Money | None = None
    """What the market must reach before it is sent, in quote currency; None for an order that is sent at once."""
    reduce_only: bool = False
    """Whether the venue may only let it make a position smaller."""
    at_venue: bool = False
    """Whether the trigger price is to be watched by the venue."""
    options: str = ""
    """What only the venue knows, as a JSON object of texts; empty where there is nothing."""


class AmendOrderCommand(StrategyCommand, frozen=True, gc=False, tag=True):
    """Change this order. Denied where it, or its cause, is too old by then."""

    topic_prefix = "command.amend"

    client_order_id: str
    """The order's id."""
    venue: str
    """The configured name of the exchange where it is."""
    symbol: str
    """The ccxt-unified symbol."""
    quantity: Quantity
    """The new total, what has traded included; in base currency or contracts."""
    price: Money | None
    """The new limit, in quote currency."""
    cause: str = ""
    """The `reference` of what the strategy was handling when it asked; empty where that was nothing."""


class CancelOrderCommand(StrategyCommand, frozen=True, gc=False, tag=True):
    """Cancel this order. Carried out however old it is."""

    topic_prefix = "command.cancel"

    client_order_id: str
    """The order's id."""
    venue: str
    """The configured name of the exchange where it is."""
    symbol: str
    """The ccxt-unified symbol."""
    cause: str = ""
    """The `reference` of what the strategy was handling when it asked; empty where that was nothing."""


class CancelAllOrdersCommand(StrategyCommand, frozen=True, gc=False, tag=True):
    """Cancel the strategy's open orders. Carried out however old it is."""

    topic_prefix = "command.cancel_all"

    symbol: str = ""
    """Only those on it; empty for all."""
    cause: str = ""
    """The `reference` of what the strategy was handling when it asked; empty where that was nothing."""


class HeartbeatCommand(StrategyCommand, frozen=True, gc=False, tag=True):
    """The strategy lives. Where this does not come for a while, its orders are cancelled."""

    topic_prefix = "command.heartbeat"


class StateRequestCommand(CommandEvent, frozen=True, gc=False, tag=True):
    """Tell open orders, positions and balances. The answer are state events with this `ts_init` as their `request`."""

    topic_prefix = "command.state"
    topic_fields = ("session",)
