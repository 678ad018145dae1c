"""Orders as the OMS keeps them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from quantai.core.enums import CLOSED_STATES, OrderState, OrderType, Side, TimeInForce
from quantai.core.numbers import ZERO
from quantai.instruments import Instrument
from quantai.oms.options import Options

EXTERNAL = "external"
"""The strategy of orders that nobody here placed; no strategy can be called that."""

INFERRED = "inferred-"
"""How the trade ids of fills begin that a venue says happened, and did not list."""


class OrderRequest(msgspec.Struct, frozen=True):
    """What a strategy asks for: exact, on the instrument's grid, before risk. `cause` names the event behind it.

    With a `trigger_price` the order is kept here until the market reaches it (`STOP`, `STOP_LIMIT`), or with
    `at_venue` there. `options` are what only the venue knows.
    """

    strategy: str
    instrument: Instrument
    side: Side
    order_type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    cause: str = ""
    trigger_price: Decimal | None = None
    reduce_only: bool = False
    parent_order_id: str = ""
    options: Options = ()
    at_venue: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What an amendment makes of an order: the new total quantity and the new limit."""

    quantity: Decimal
    price: Decimal | None


@dataclass(slots=True, eq=False)
class Order:
    """An order and what its events made of it. Only the OMS changes one.

    Quantities are in base currency or contracts; `average_price` is that of the fills so far (0 before the first).
    `is_accepted` says that the venue confirmed it, `is_sent` that it was given to the venue, `reason` why it is in its
    state. `change` is the amendment that is on its way. A parent (`is_parent`) is never sent: its children are, and
    what they fill is its fill. `is_inferred` says that fills of it were inferred (see `inferred`). `at_venue` says of a
    stop that it rests at the venue, not here. Awaiting an order gives the order itself at once: `order = await
    self.buy(...)` and `order = self.buy(...)` are the same, neither waits for the venue.
    """

    client_order_id: str
    strategy: str
    instrument: Instrument
    side: Side
    order_type: OrderType
    quantity: Decimal
    price: Decimal | None
    time_in_force: TimeInForce
    cause: str
    ts_submitted: int
    trigger_price: Decimal | None = None
    reduce_only: bool = False
    parent_order_id: str = ""
    is_parent: bool = False
    state: OrderState = OrderState.PENDING_NEW
    venue_order_id: str = ""
    is_sent: bool = False
    is_accepted: bool = False
    filled_quantity: Decimal = ZERO
    filled_value: Decimal = ZERO
    ts_last: int = 0
    reason: str = ""
    change: Change | None = None
    options: Options = ()
    at_venue: bool = False
    trade_ids: set[str] = field(default_factory=set)

    venue: str = field(init=False)
    symbol: str = field(init=False)
    is_inferred: bool = field(init=False)

    def __post_init__(self) -> None:
        self.venue = self.instrument.venue
        self.symbol = self.instrument.symbol
        self.is_inferred = bool(self.trade_ids) and any(each.startswith(INFERRED) for each in self.trade_ids)

    @property
    def leaves_quantity(self) -> Decimal:
        """What may still trade; 0 once the order is closed or overfilled."""
        if self.state in CLOSED_STATES:
            return ZERO
        return max(self.quantity - self.filled_quantity, ZERO) if self.filled_quantity else self.quantity

    @property
    def working_quantity(self) -> Decimal:
        """What may still trade at a venue, at most: what an amendment on its way would add counts, what is kept here,
        or is the children's, does not.
        """
        if self.state in CLOSED_STATES or self.state is OrderState.SUSPENDED or self.is_parent:
            return ZERO
        if self.change is None:
            return self.leaves_quantity
        return max(max(self.quantity, self.change.quantity) - self.filled_quantity, ZERO)

    @property
    def is_complete(self) -> bool:
        """Whether all of it has traded, and all that an amendment on its way may make of it."""
        quantity = self.quantity if self.change is None else max(self.quantity, self.change.quantity)
        return self.filled_quantity >= quantity

    @property
    def average_price(self) -> Decimal:
        """The quantity-weighted price of the fills."""
        return self.filled_value / self.filled_quantity if self.filled_quantity else ZERO

    @property
    def waits_here(self) -> bool:
        """Whether it has a trigger price that is watched here."""
        return self.trigger_price is not None and not self.at_venue

    @property
    def is_open(self) -> bool:
        """Whether it may still trade."""
        return self.state not in CLOSED_STATES

    def __await__(self) -> Generator[None, None, Order]:
        return self
        yield
