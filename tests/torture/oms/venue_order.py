"""An order, as a venue keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.numbers import ZERO
from quantai.exchanges.execution import ExecutionReport, OrderStatus, SubmitOrder
from quantai.instruments import Instrument


@dataclass(eq=False)
class VenueOrder:
    """`names` are all ids that it ever had there; `is_rigid` says that the venue does not change it."""

    command: SubmitOrder
    instrument: Instrument
    names: list[str]
    quantity: Decimal
    price: Decimal | None
    ts_ns: int
    state: OrderState = OrderState.NEW
    filled: Decimal = ZERO
    is_rigid: bool = False
    trades: list[ExecutionReport] = field(default_factory=list)

    @property
    def leaves(self) -> Decimal:
        """What can still trade."""
        return self.quantity - self.filled if self.state.is_open else ZERO

    @property
    def client_order_id(self) -> str:
        """The client's name of it; empty where it has none."""
        return self.command.client_order_id

    @property
    def status(self) -> OrderStatus:
        """What the venue tells when asked."""
        command = self.command
        return OrderStatus(
            client_order_id=command.client_order_id, venue_order_id=self.names[-1], symbol=command.symbol,
            side=command.side, order_type=command.order_type, time_in_force=command.time_in_force,
            quantity=self.quantity, price=self.price, state=self.state, filled_quantity=self.filled,
            ts_event=self.ts_ns,
        )  # fmt: skip


def external(instrument: Instrument, side: Side, quantity: Decimal, price: Decimal | None) -> SubmitOrder:
    """An order that the user places by phone."""
    order_type = OrderType.MARKET if price is None else OrderType.LIMIT
    return SubmitOrder("", instrument.symbol, side, order_type, quantity, price, TimeInForce.GTC)
