"""Where everything that happens to an order ends up: in memory, in the journal, and on the bus."""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal

from quantai.core.account import AccountChange
from quantai.core.clock import Clock
from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import BusError
from quantai.events import ErrorEvent, Event, OrderEvent
from quantai.events.bus import EventBus
from quantai.oms.cache import OrderCache
from quantai.oms.journal import Journal, Note, NoteKind, Written
from quantai.oms.models import Order
from quantai.oms.options import options_text

logger = logging.getLogger(__name__)

Head = tuple[str, str, str, str, int, int, str]
"""The fields that every order event begins with."""

Opening = tuple[
    str, str, str, str, int, int, str,
    Side, OrderType, TimeInForce, Decimal, Decimal | None, Decimal | None, bool, str, str,
]  # fmt: skip
"""The fields of an event that begins the story of an order: the head, and what was asked for."""

_LAST_NS = 2**63 - 1  # what databases and recordings hold

COMPONENT = "order manager"
"""Who speaks in the error events of the OMS; no strategy can be called that."""


class Ledger:
    """Keeps orders and their events, and tells of them. What the journal refuses stops new orders, nothing else."""

    def __init__(self, bus: EventBus, clock: Clock, journal: Journal, cache: OrderCache) -> None:
        self._bus = bus
        self._clock = clock
        self._journal = journal
        self._cache = cache
        self.alarms = 0

    @property
    def takes_new_orders(self) -> bool:
        """Whether a new order could be kept now."""
        return self._journal.is_available

    def now_ns(self) -> int:
        """The present, in Unix nanoseconds."""
        return self._clock.now_ns()

    def head(self, order: Order, ts_event: int = 0, cause: str = "") -> Head:
        """The fields every order event begins with: now, where there is no `ts_event` that can be a time, and the
        order's own cause, where none is given.
        """
        now_ns = self._clock.now_ns()
        return (
            order.client_order_id, order.strategy, order.venue, order.symbol,
            ts_event if 0 < ts_event <= _LAST_NS else now_ns, now_ns, cause or order.cause,
        )  # fmt: skip

    def opening(self, order: Order) -> Opening:
        """The fields of an event that begins the story of an order."""
        return (
            *self.head(order, order.ts_submitted), order.side, order.order_type, order.time_in_force, order.quantity,
            order.price, order.trigger_price, order.reduce_only, order.parent_order_id, options_text(order.options),
        )  # fmt: skip

    def keep(
        self, order: Order, event: OrderEvent, account: AccountChange | None = None, then: Written | None = None
    ) -> None:
        """Remember the order as it is after `event`; `then` is told whether that is durable."""
        order.ts_last = event.ts_init
        self._cache.keep(order)
        try:
            self._journal.append(order, event, account, then)
        except Exception as error:
            logger.exception("the journal failed on %s", event)
            self.alarm("JournalFailed", f"{event.topic} of {order.client_order_id} is not in the journal: {error}")
            if then is not None:
                then(False)

    def record(self, order: Order, event: OrderEvent, account: AccountChange | None = None) -> None:
        """Keep, and tell."""
        self.keep(order, event, account)
        self.publish(event)

    def note(self, order: Order, kind: NoteKind, make_body: Callable[[], object]) -> None:
        """Keep what explains the order, where anything is kept; what is explained goes on without, too."""
        if not self._journal.is_durable:
            return
        try:
            self._journal.note(Note(order.client_order_id, self._clock.now_ns(), kind, make_body()))
        except Exception:
            logger.exception("a note on %s is not in the journal", order.client_order_id)

    def publish(self, event: Event) -> None:
        """Tell of `event`."""
        try:
            self._bus.post(event)
        except BusError:
            self.alarms += 1
            logger.exception("%s was not published", event)

    def alarm(self, error: str, message: str) -> None:
        """Tell of what somebody must look at: the books may not be what the venue has."""
        self.alarms += 1
        logger.error("%s: %s", error, message)
        now_ns = self._clock.now_ns()
        self.publish(ErrorEvent(COMPONENT, now_ns, now_ns, error, message))
