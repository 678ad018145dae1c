"""Where orders are kept. The OMS writes an order here before it sends it, and every event after."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable

from quantai.core.errors import OrderError
from quantai.events import OrderEvent
from quantai.oms.models import Order


class Journal(ABC):
    """Keeps orders and their events."""

    @abstractmethod
    def append(self, order: Order, event: OrderEvent) -> None:
        """Keep `event` and the order as it is after it. Returns when it is as safe as this journal makes it."""

    @abstractmethod
    def get(self, client_order_id: str) -> Order | None:
        """The order of that id, open or closed, as far back as the journal goes."""

    @abstractmethod
    def closed_orders(self) -> Iterable[Order]:
        """The closed orders still kept, in the order in which they closed."""

    @abstractmethod
    def open_orders(self) -> Iterable[Order]:
        """Every order that may still trade, oldest first."""


class MemoryJournal(Journal):
    """Forgets with the process. Keeps every open order and the newest `max_closed` closed ones.

    What is forgotten is counted, and handed to `on_forget` first.
    """

    def __init__(self, max_closed: int = 1_000_000, on_forget: Callable[[Order], None] = lambda order: None) -> None:
        self._open: dict[str, Order] = {}
        self._closed: OrderedDict[str, Order] = OrderedDict()
        self._max_closed = max_closed
        self._on_forget = on_forget
        self.forgotten = 0

    def append(self, order: Order, event: OrderEvent) -> None:
        if event.client_order_id != order.client_order_id:
            raise OrderError(f"event of {event.client_order_id} journalled under order {order.client_order_id}")
        if order.is_open:
            self._open[order.client_order_id] = order
            return
        self._open.pop(order.client_order_id, None)
        self._closed[order.client_order_id] = order
        if len(self._closed) > self._max_closed:
            _, oldest = self._closed.popitem(last=False)
            self.forgotten += 1
            self._on_forget(oldest)

    def get(self, client_order_id: str) -> Order | None:
        return self._open.get(client_order_id) or self._closed.get(client_order_id)

    def open_orders(self) -> Iterable[Order]:
        return self._open.values()

    def closed_orders(self) -> Iterable[Order]:
        return self._closed.values()
