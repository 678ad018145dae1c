"""Taking a venue's word: orders that nobody here placed, and orders that are not what their reports made of them."""

from __future__ import annotations

from quantai.core.enums import OrderState
from quantai.core.errors import OrderError
from quantai.core.numbers import ZERO
from quantai.events import OrderRestatedEvent
from quantai.exchanges.execution import OrderStatus
from quantai.instruments import Instrument
from quantai.oms.ledger import Ledger
from quantai.oms.models import EXTERNAL, Order
from quantai.oms.soundness import is_sound_status

# What has traded is told by fills, which come after and make these states of it.
_BEFORE_FILLS = {OrderState.PARTIALLY_FILLED: OrderState.NEW, OrderState.FILLED: OrderState.NEW}


def external_id(venue: str, status: OrderStatus) -> str:
    """The id here of an order that has none, or one that an order of another venue has, too."""
    return f"ext-{venue}-{status.venue_order_id}"


def venue_names(order: Order) -> tuple[str, str]:
    """The client order id and the venue's id to name the order by, towards the venue; the id that an adopted order has
    here may be none of the venue's.
    """
    is_adopted = order.strategy == EXTERNAL and order.venue_order_id
    return "" if is_adopted else order.client_order_id, order.venue_order_id


def adopt(ledger: Ledger, client_order_id: str, status: OrderStatus, instrument: Instrument, reason: str) -> Order:
    """Take an order into the books, without its fills: these come as `TRADE` reports. Raises `OrderError` for numbers
    that no order has.
    """
    _check(status)
    order = Order(
        client_order_id=client_order_id,
        strategy=EXTERNAL,
        instrument=instrument,
        side=status.side,
        order_type=status.order_type,
        quantity=status.quantity,
        price=status.price,
        time_in_force=status.time_in_force,
        cause="",
        ts_submitted=status.ts_event or ledger.now_ns(),
        is_sent=True,
    )
    _take(order, status, reason)
    ledger.record(order, _restated(ledger, order, status, reason))
    return order


def restate(ledger: Ledger, order: Order, status: OrderStatus, reason: str) -> None:
    """Make the order what the venue says, but for its fills: these come as `TRADE` reports. Raises as `adopt`."""
    _check(status)
    _take(order, status, reason)
    ledger.record(order, _restated(ledger, order, status, reason))


def _check(status: OrderStatus) -> None:
    if not is_sound_status(status):
        raise OrderError(f"no order can be what the venue says, ask it again: {status}")


def _take(order: Order, status: OrderStatus, reason: str) -> None:
    state = _BEFORE_FILLS.get(status.state, status.state)
    order.quantity, order.price, order.change = status.quantity, status.price, None
    if state is OrderState.NEW and order.filled_quantity > ZERO:
        state = OrderState.FILLED if order.is_complete else OrderState.PARTIALLY_FILLED
    order.state = state
    order.is_accepted = order.is_accepted or state is not OrderState.REJECTED
    order.venue_order_id = status.venue_order_id or order.venue_order_id
    order.reason = reason


def _restated(ledger: Ledger, order: Order, status: OrderStatus, reason: str) -> OrderRestatedEvent:
    return OrderRestatedEvent(
        *ledger.head(order, status.ts_event), order.venue_order_id, order.side, order.order_type, order.time_in_force,
        order.quantity, order.price, order.state, reason,
    )  # fmt: skip
