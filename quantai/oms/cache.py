"""The orders that the OMS has in memory: every open one and the newest closed ones, by each of their names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from quantai.oms.models import Order

_MOST_AT_ONCE = 4  # closed orders that are looked at when one more closes


class OrderCache:
    """Finds orders by client order id, by any id that a venue gave them, and by parent.

    Keeps the newest `max_closed` closed orders, and those with an open parent, child or sibling. A family is forgotten
    whole, and is as old as what closed last of it: a parent without all of its children could not be added up. What is
    forgotten is counted, and handed to `on_forget` first.
    """

    def __init__(self, max_closed: int = 100_000, on_forget: Callable[[Order], None] = lambda order: None) -> None:
        self._open: dict[str, Order] = {}
        self._closed: OrderedDict[str, Order] = OrderedDict()
        self._by_venue_id: dict[tuple[str, str], str] = {}
        self._venue_ids: dict[str, list[tuple[str, str]]] = {}
        self._children: dict[str, list[Order]] = {}
        self._held: set[str] = set()
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
        self._forget(_MOST_AT_ONCE, spared=_head_of(order))

    def hold(self, order: Order) -> Order:
        """Forget `order` not before `let_go`; the order of its id that is here, which is `order` where none was."""
        known = self.get(order.client_order_id)
        self._held.add(order.client_order_id)
        if known is None:
            self.keep(order)
        return known or order

    def let_go(self, order: Order) -> None:
        """Forget `order` when it is its time."""
        self._held.discard(order.client_order_id)

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
            self._renew(self._family(_head_of(order)))
        for listener in self._listeners:
            listener(order)

    def _renew(self, family: Sequence[Order]) -> None:
        """What closed of a family is as new as what closed of it just now."""
        for each in family if len(family) > 1 else ():
            if each.client_order_id in self._closed:
                self._closed.move_to_end(each.client_order_id)

    def _forget(self, most: int, spared: str = "") -> None:
        """Forget what is too much, but not the family `spared`, of which is spoken just now."""
        for _ in range(min(len(self._closed) - self._max_closed, most)):
            if len(self._closed) > self._max_closed:  # a family is more than one
                self._forget_oldest(spared)

    def name(self, order: Order, venue_order_id: str) -> None:
        """Find `order`, which is kept here, by another id of its venue, too."""
        key = (order.venue, venue_order_id)
        if self._by_venue_id.get(key) != order.client_order_id:
            self._by_venue_id[key] = order.client_order_id
            self._venue_ids.setdefault(order.client_order_id, []).append(key)

    def _forget_oldest(self, spared: str) -> None:
        oldest = next(iter(self._closed.values()))
        head = _head_of(oldest)
        family = self._family(head)
        if head == spared or any(map(self._is_needed, family)):
            self._closed.move_to_end(oldest.client_order_id)
            return
        self._children.pop(head, None)
        for each in family:
            self._forget_one(each)

    def _is_needed(self, order: Order) -> bool:
        return order.client_order_id in self._open or order.client_order_id in self._held

    def _forget_one(self, order: Order) -> None:
        client_order_id = order.client_order_id
        del self._closed[client_order_id]
        for key in self._venue_ids.pop(client_order_id, ()):
            if self._by_venue_id.get(key) == client_order_id:  # a venue may give a name again
                del self._by_venue_id[key]
        self.forgotten += 1
        self._on_forget(order)

    def _family(self, head: str) -> list[Order]:
        """The order of that id, as far as it is here, and its children."""
        parent = self.get(head)
        return [*([] if parent is None else [parent]), *self._children.get(head, ())]

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

    def has_children(self, parent_order_id: str) -> bool:
        """Whether an order has any."""
        return parent_order_id in self._children

    def open_orders(self) -> Iterable[Order]:
        """Every order that may still trade, oldest first."""
        return self._open.values()

    def closed_orders(self) -> Iterable[Order]:
        """The closed orders still remembered, in the order in which they, or the last of their family, closed."""
        return self._closed.values()


def _head_of(order: Order) -> str:
    """The id that an order has in common with its family: that of the parent."""
    return order.parent_order_id or order.client_order_id
