"""Orders, positions and balances as events, for a daemon that was not there when they came about: told and read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from quantai.events import BalanceStateEvent, OrderStateEvent, PositionStateEvent, StateEvent, StateSentEvent
from quantai.oms.models import Order
from quantai.oms.options import options_text


class Holding(Protocol):
    """A position, as far as it is told."""

    quantity: Decimal
    cost: Decimal
    realized_pnl: Decimal
    unpaid_pnl: Decimal


class Holdings(Protocol):
    """What the portfolio tells."""

    def positions(self) -> Iterable[tuple[tuple[str, str, str], Holding]]:
        """Every position, by strategy, venue and symbol."""
        ...

    def balances(self) -> Mapping[tuple[str, str], Decimal]:
        """Everything held, by venue and currency."""
        ...


def order_state(order: Order, session: str, now_ns: int, request: int = 0) -> OrderStateEvent:
    """`order` as it is now."""
    return OrderStateEvent(
        session, request, order.ts_last, now_ns,
        order.client_order_id, order.strategy, order.venue, order.symbol,
        order.side, order.order_type, order.time_in_force, order.quantity, order.price,
        order.state, order.filled_quantity, order.filled_value, order.venue_order_id,
        order.reason, order.cause, order.ts_submitted, order.trigger_price, order.reduce_only, order.parent_order_id,
        order.at_venue, options_text(order.options),
    )  # fmt: skip


def snapshot(
    open_orders: Iterable[Order], holdings: Holdings, execution: str, *, session: str, request: int, now_ns: int
) -> Iterator[StateEvent]:
    """The whole answer to a state request, its end last."""
    head = (session, request, now_ns, now_ns)
    orders = [order_state(order, session, now_ns, request) for order in open_orders]
    positions = [
        PositionStateEvent(*head, *key, held.quantity, held.cost, held.realized_pnl, held.unpaid_pnl)
        for key, held in holdings.positions()
    ]
    balances = [BalanceStateEvent(*head, *key, amount) for key, amount in holdings.balances().items()]
    yield from (*orders, *positions, *balances)
    yield StateSentEvent(*head, len(orders), len(positions), len(balances), execution)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole answer."""

    orders: list[OrderStateEvent]
    positions: list[PositionStateEvent]
    balances: list[BalanceStateEvent]
    execution: str


class SnapshotReader:
    """Puts the events of an answer together. One that lost an event, or was overtaken by another, comes to nothing."""

    def __init__(self) -> None:
        self._events: list[StateEvent] = []

    def read(self, event: StateEvent) -> Snapshot | None:
        """The answer, with its last event."""
        if self._events and self._events[0].request != event.request:
            self._events.clear()
        if not isinstance(event, StateSentEvent):
            self._events.append(event)
            return None
        events, self._events = self._events, []
        orders = [each for each in events if isinstance(each, OrderStateEvent)]
        positions = [each for each in events if isinstance(each, PositionStateEvent)]
        balances = [each for each in events if isinstance(each, BalanceStateEvent)]
        if (len(orders), len(positions), len(balances)) != (event.orders, event.positions, event.balances):
            return None
        return Snapshot(orders, positions, balances, event.execution)
