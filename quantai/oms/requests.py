"""What a daemon of strategies asks of the daemon that executes, put on the bus."""

from __future__ import annotations

import logging

from quantai.core.clock import Clock
from quantai.core.errors import BusError
from quantai.events import (
    AmendOrderCommand,
    CancelAllOrdersCommand,
    CancelOrderCommand,
    Event,
    HeartbeatCommand,
    StateRequestCommand,
    SubmitOrderCommand,
)
from quantai.events.bus import EventBus
from quantai.oms.models import Change, Order
from quantai.oms.options import options_text

logger = logging.getLogger(__name__)


class Requests:
    """Publishes the commands of one session. Each method says whether the bus took it."""

    def __init__(self, bus: EventBus, clock: Clock, session: str) -> None:
        self._bus = bus
        self._clock = clock
        self._session = session

    def submit(self, order: Order, now_ns: int) -> bool:
        """Ask for `order`; at a later time than it was made that is asking what became of it."""
        command = SubmitOrderCommand(
            self._session, order.ts_submitted, now_ns, order.strategy, order.client_order_id,
            order.venue, order.symbol, order.side, order.order_type, order.time_in_force, order.quantity,
            order.price, order.cause, order.trigger_price, order.reduce_only, order.at_venue,
            options_text(order.options),
        )  # fmt: skip
        return self.post(command)

    def amend(self, order: Order, change: Change, cause: str = "") -> bool:
        """Ask for `order` to be changed, because of the event `cause` refers to."""
        return self.post(
            AmendOrderCommand(
                *self._head(), order.strategy, order.client_order_id, order.venue, order.symbol,
                change.quantity, change.price, cause,
            )
        )  # fmt: skip

    def cancel(self, order: Order, cause: str = "") -> bool:
        """Ask for `order` to be cancelled, because of the event `cause` refers to."""
        return self.post(
            CancelOrderCommand(*self._head(), order.strategy, order.client_order_id, order.venue, order.symbol, cause)
        )

    def cancel_all(self, strategy: str, symbol: str | None, cause: str = "") -> bool:
        """Ask for every order of `strategy`, or those on `symbol`, to be cancelled."""
        return self.post(CancelAllOrdersCommand(*self._head(), strategy, symbol or "", cause))

    def give_sign_of_life(self, strategy: str) -> bool:
        """Say that `strategy` lives."""
        return self.post(HeartbeatCommand(*self._head(), strategy))

    def ask_for_state(self) -> bool:
        """Ask for all orders, positions and balances."""
        return self.post(StateRequestCommand(*self._head()))

    def post(self, event: Event) -> bool:
        """Publish `event`, if the bus takes it."""
        try:
            self._bus.post(event)
        except BusError:
            logger.exception("%s was not published", event)
            return False
        return True

    def _head(self) -> tuple[str, int, int]:
        now_ns = self._clock.now_ns()
        return self._session, now_ns, now_ns
