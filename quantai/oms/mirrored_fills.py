"""Fills that another daemon tells of: booked here, each once, and missed ones are noticed."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Protocol

from quantai.core.errors import UnknownInstrument
from quantai.events import BalanceStateEvent, FillEvent, PositionStateEvent
from quantai.oms.models import Order

logger = logging.getLogger(__name__)

_MAX_ORDERS = 100_000


class Books(Protocol):
    """What the portfolio does with what comes from the other side."""

    def book_fill(self, fill: FillEvent) -> object:
        """Take a fill into balances and position."""
        ...

    def take_over(self, positions: Sequence[PositionStateEvent], balances: Sequence[BalanceStateEvent]) -> None:
        """Forget what is held and take this instead."""
        ...


class FillLog:
    """How much of each order has traded, for the newest `max_orders`: what tells a fill that comes again."""

    def __init__(self, max_orders: int) -> None:
        self._filled: OrderedDict[str, Decimal] = OrderedDict()
        self._max_orders = max_orders

    def known(self, client_order_id: str) -> Decimal | None:
        """How much is known to have traded; None where nothing is known."""
        return self._filled.get(client_order_id)

    def set(self, client_order_id: str, filled: Decimal) -> None:
        """So much of the order has traded now."""
        self._filled[client_order_id] = filled
        self._filled.move_to_end(client_order_id)
        if len(self._filled) > self._max_orders:
            self._filled.popitem(last=False)


class MirroredFills:
    """Takes fills into `books`; `on_gap` is called where the books may lack something afterwards.

    Fills of other daemons' strategies are taken, too: the balances are those of all.
    """

    def __init__(self, books: Books, on_gap: Callable[[], None], max_orders: int = _MAX_ORDERS) -> None:
        self._books = books
        self._on_gap = on_gap
        self._log = FillLog(max_orders)
        self.counts = dict.fromkeys(("fills", "duplicates"), 0)

    def know(self, client_order_id: str, filled: Decimal) -> None:
        """So much of the order is in the books."""
        self._log.set(client_order_id, filled)

    def take(self, fill: FillEvent, order: Order | None) -> bool:
        """Whether the fill is new; then it is in the books. `order` is ours, None for that of another daemon."""
        before = order.filled_quantity if order is not None else self._log.known(fill.client_order_id)
        if before is not None and fill.cumulative_quantity <= before:
            self.counts["duplicates"] += 1
            return False
        if before is not None and before + fill.quantity != fill.cumulative_quantity:
            logger.warning("fills of %s were missed before %s", fill.client_order_id, fill.trade_id)
            self._on_gap()
        self._log.set(fill.client_order_id, fill.cumulative_quantity)
        self.counts["fills"] += 1
        self._book(fill)
        return True

    def _book(self, fill: FillEvent) -> None:
        try:
            self._books.book_fill(fill)
        except UnknownInstrument:  # another daemon's strategy: only the balances are ours too
            self._on_gap()
        except Exception:
            logger.exception("fill %s is not in the portfolio", fill)
            self._on_gap()
