"""What happened to orders before anybody listened: between recovery and the start, while the account is reconciled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from quantai.core.enums import OrderState
from quantai.oms.cache import OrderCache
from quantai.oms.models import Order


@dataclass(frozen=True, slots=True)
class Found:
    """An order, and how it was when it came into memory."""

    order: Order
    state: OrderState
    filled: Decimal

    @property
    def filled_since(self) -> Decimal:
        """What it has traded since."""
        return self.order.filled_quantity - self.filled

    @property
    def ended_unasked(self) -> bool:
        """Whether it ended since, at the venue, without having traded in full, and nobody here had asked for that."""
        order = self.order
        is_asked = self.state is OrderState.PENDING_CANCEL and order.state is OrderState.CANCELED
        was_at_venue = self.state.is_open and order.is_sent
        return was_at_venue and not order.is_open and order.state is not OrderState.FILLED and not is_asked


class Missed:
    """Remembers how orders came into memory, until `take`."""

    def __init__(self, cache: OrderCache) -> None:
        self._found: dict[str, Found] = {}
        self._is_noting = True
        cache.on_change(self._note)

    def take(self) -> Iterable[Found]:
        """All that came, in that order; nothing more is noted."""
        found, self._found = self._found, {}
        self._is_noting = False
        return found.values()

    def _note(self, order: Order) -> None:
        if self._is_noting and order.client_order_id not in self._found:
            self._found[order.client_order_id] = Found(order, order.state, order.filled_quantity)
