"""The orders that the OMS has in memory: every open one and the newest closed ones, by each of their names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from quantai.oms.models import Order

_MOST_AT_ONCE = 4  # closed orders that are looked at when one more closes


class OrderCache:
    """Finds orders by client order id, by any id that a venue gave them, and by parent.

    Keeps the newest `max_closed` closed orders, and those with an open parent, child or sibling; what is forgotten is
    counted, and handed to `on_forget` first.
    """

    def __init__(self, max_closed: int = 100_000, on_forget: Callable[[Order], None] = lambda order: None) -> None:
        self._open: dict[str, Order] = {}
        self._closed: OrderedDict[str, Order] = OrderedDict()
        self._by_venue_id: dict[tuple[str, str], str] = {}
        self._venue_ids: dict[str, list[tuple[str, str]]] = {}
        self._children: dict[str, list[Order]] = {}
        self._max_closed = max_closed
        self._on_forget = on_forget
        self._listeners: list[Callable[[Order], None]] = []
        self.forgotten = 0

    def on_change(self, listener: Callable[[Order], None]) -> None:
        """Call `listener` with every order that is kept, each time."""
        self._listeners.append(listener)

    def keep(self, order: Order) -> None:
        """Remember `order` as it is now."""
        self._take(order)
        self._forget(_MOST_AT_ONCE)

    def restore(self, orders: Sequence[Order]) -> None:
        """Remember what an earlier run left, in the order in which it was made. Nothing is forgotten before all of it
        is known.
        """
        for order in orders:
            self._take(order)
        self._forget(len(orders))

    def _take(self, order: Order) -> None:
        client_order_id = order.client_order_id
        if order.venue_order_id:
            self.name(order, order.venue_order_id)
        if order.parent_order_id and client_order_id not in self._open and client_order_id not in self._closed:
            self._children.setdefault(order.parent_order_id, []).append(order)
        if order.is_open:
            self._closed.pop(client_order_id, None)
            self._open[client_order_id] = order
        else:
            self._open.pop(client_order_id, None)
            self._closed[client_order_id] = order
        for listener in self._listeners:
            listener(order)

    def _forget(self, most: int) -> None:
        for _ in range(min(len(self._closed) - self._max_closed, most)):
            self._forget_oldest()

    def name(self, order: Order, venue_order_id: str) -> None:
        """Find `order`, which is kept here, by another id of its venue, too."""
        key = (order.venue, venue_order_id)
        if self._by_venue_id.get(key) != order.client_order_id:
            self._by_venue_id[key] = order.client_order_id
            self._venue_ids.setdefault(order.client_order_id, []).append(key)

    def _forget_oldest(self) -> None:
        client_order_id, oldest = self._closed.popitem(last=False)
        if self._has_open_relative(oldest):
            self._closed[client_order_id] = oldest
            return
        for key in self._venue_ids.pop(client_order_id, ()):
            if self._by_venue_id.get(key) == client_order_id:  # a venue may give a name again
                del self._by_venue_id[key]
        self._children.pop(client_order_id, None)
        siblings = self._children.get(oldest.parent_order_id)
        if siblings is not None and oldest in siblings:  # the list may be younger than the order
            siblings.remove(oldest)
            if not siblings:
                del self._children[oldest.parent_order_id]
        self.forgotten += 1
        self._on_forget(oldest)

    def _has_open_relative(self, order: Order) -> bool:
        names = (order.client_order_id, order.parent_order_id)
        return order.parent_order_id in self._open or any(
            child.is_open for name in names for child in self._children.get(name, ())
        )

    def get(self, client_order_id: str) -> Order | None:
        """The order of that id, open or closed, as far back as this remembers."""
        return self._open.get(client_order_id) or self._closed.get(client_order_id)

    def by_venue_id(self, venue: str, venue_order_id: str) -> Order | None:
        """The order that the venue calls, or once called, so."""
        client_order_id = self._by_venue_id.get((venue, venue_order_id))
        return None if client_order_id is None else self.get(client_order_id)

    def children(self, parent_order_id: str) -> list[Order]:
        """The children of an order, in the order in which they were made."""
        return list(self._children.get(parent_order_id, ()))

    def open_orders(self) -> Iterable[Order]:
        """Every order that may still trade, oldest first."""
        return self._open.values()

    def closed_orders(self) -> Iterable[Order]:
        """The closed orders still remembered, in the order in which they closed."""
        return self._closed.values()
