"""What a simulated venue knows of its orders, when asked. It keeps no account: no balances, no positions."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence

from quantai.core.enums import OrderState
from quantai.exchanges.execution import ExecutionReport, OrderStatus, VenueAccount
from quantai.simulation.matching import Working


class SimulatedAccount(VenueAccount):
    """Remembers the newest `max_closed` closed orders and the newest `max_fills` fills; `forgotten` counts others."""

    def __init__(self, max_closed: int = 10_000, max_fills: int = 100_000) -> None:
        self._open: dict[str, Working] = {}
        self._closed: OrderedDict[str, Working] = OrderedDict()
        self._max_closed = max_closed
        self._fills: deque[ExecutionReport] = deque(maxlen=max_fills)
        self.forgotten = 0

    def keep(self, order: Working) -> None:
        """Remember an order as it is now."""
        client_order_id = order.command.client_order_id
        if order.ended is None and order.leaves > 0:
            self._open[client_order_id] = order
            return
        self._open.pop(client_order_id, None)
        self._closed[client_order_id] = order
        if len(self._closed) > self._max_closed:
            self._closed.popitem(last=False)
            self.forgotten += 1

    def keep_fill(self, order: Working, fill: ExecutionReport) -> None:
        """Remember a fill."""
        self.forgotten += len(self._fills) == self._fills.maxlen
        self._fills.append(fill)
        if order.leaves <= 0:
            self.keep(order)

    async def find_order(self, symbol: str, client_order_id: str, venue_order_id: str = "") -> OrderStatus | None:
        order = self._open.get(client_order_id) or self._closed.get(client_order_id)
        if order is None and venue_order_id:
            order = next((each for each in self._all() if each.venue_order_id == venue_order_id), None)
        return None if order is None or order.command.symbol != symbol else _status(order)

    async def open_orders(self) -> Sequence[OrderStatus]:
        return [_status(order) for order in self._open.values()]

    async def fills(self, since_ns: int) -> Sequence[ExecutionReport]:
        return [fill for fill in self._fills if fill.ts_event >= since_ns]

    async def balances(self) -> None:
        """The simulated venue keeps no account."""

    async def positions(self) -> None:
        """The simulated venue keeps no account."""

    def _all(self) -> Iterator[Working]:
        yield from self._open.values()
        yield from self._closed.values()


def _status(order: Working) -> OrderStatus:
    command = order.command
    return OrderStatus(
        client_order_id=command.client_order_id,
        venue_order_id=order.venue_order_id,
        symbol=command.symbol,
        side=command.side,
        order_type=command.order_type,
        time_in_force=command.time_in_force,
        quantity=command.quantity,
        price=command.price,
        state=_state(order),
        filled_quantity=order.filled,
        ts_event=order.ts_last,
        reason=order.reason,
    )


def _state(order: Working) -> OrderState:
    if order.leaves <= 0:
        return OrderState.FILLED
    if order.ended is not None:
        return order.ended
    return OrderState.PARTIALLY_FILLED if order.filled else OrderState.NEW
