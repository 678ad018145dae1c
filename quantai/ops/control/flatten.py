"""Out of the market: cancels what is open, closes positions with market orders, and proves it or says what is left.

Every step looks at what is so now; nothing is remembered that could be stale.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.core.enums import OrderState
from quantai.events.bus import EventBus
from quantai.oms.models import Order
from quantai.oms.state_machine import CANCELABLE
from quantai.ops.control.closing import ClosingPosition, Holdings, Orders
from quantai.ops.control.views import FlattenReport, OrderView
from quantai.portfolio.portfolio import PositionKey

logger = logging.getLogger(__name__)

COMPONENT = "flatten"
"""The name of its subscription; no strategy can be called that."""

CANCEL_TIMEOUT_NS = 10 * NS_PER_SECOND
TIMEOUT_NS = 60 * NS_PER_SECOND

_MAX_CANCELS = 3


@dataclass(frozen=True, slots=True)
class Scope:
    """What is to be flat; None is everything."""

    strategy: str | None = None
    symbol: str | None = None

    def __str__(self) -> str:
        return " of ".join(filter(None, (self.symbol or "everything", self.strategy)))

    def covers(self, strategy: str, symbol: str) -> bool:
        """Whether it is part of what is to be flat."""
        return self.strategy in (None, strategy) and self.symbol in (None, symbol)


class Flattener:
    """Flattens, once for each scope at a time: who asks again meanwhile waits for the same report.

    Venues get `cancel_timeout_ns` to confirm cancels before positions there are closed without, and everything together
    may take `timeout_ns`.
    """

    def __init__(
        self,
        *,
        orders: Orders,
        holdings: Holdings,
        bus: EventBus,
        clock: Clock,
        cancel_timeout_ns: int = CANCEL_TIMEOUT_NS,
        timeout_ns: int = TIMEOUT_NS,
    ) -> None:
        self.orders = orders
        self.holdings = holdings
        self.bus = bus
        self.clock = clock
        self.cancel_timeout_ns = cancel_timeout_ns
        self.timeout_ns = timeout_ns
        self.closing: set[str] = set()
        """The closing orders of all that runs now, which none of it may cancel."""
        self._running: dict[Scope, asyncio.Task[FlattenReport]] = {}

    @property
    def is_running(self) -> bool:
        """Whether anything is being flattened."""
        return bool(self._running)

    async def flatten(self, scope: Scope, cause: str, halt: Callable[[], None]) -> FlattenReport:
        """Halt, then flatten `scope`; the report. It goes on where whoever asked does not wait.

        Raises what `halt` raises.
        """
        running = self._running.get(scope)
        if running is None:
            flattening = _Flattening(self, scope, cause)  # before a halt cancels what is to be told as cancelled
            halt()
            running = asyncio.create_task(flattening.run())
            self._running[scope] = running
            running.add_done_callback(lambda task: self._ended(scope, task))
        return await asyncio.shield(running)

    def _ended(self, scope: Scope, task: asyncio.Task[FlattenReport]) -> None:
        del self._running[scope]
        if task.cancelled():
            logger.error("stopped while %s was being flattened: look at what is open", scope)
        elif task.exception() is not None:
            logger.error("flattening %s failed: look at what is open", scope, exc_info=task.exception())
        else:
            report = task.result()
            outcome = "flat" if report.is_flat else "NOT proven flat, look at the venues"
            logger.warning("flattened %s (%d cancelled): %s", scope, len(report.canceled), outcome)

    async def stop(self) -> None:
        """Leave off; what was sent stays sent."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class _Flattening:
    """One run."""

    def __init__(self, parts: Flattener, scope: Scope, cause: str) -> None:
        self._parts = parts
        self._scope = scope
        self._cause = cause
        self._positions: dict[PositionKey, ClosingPosition] = {}
        self._tries: dict[str, int] = {}
        self._covered = {order.client_order_id: order for order in self._open_orders()}
        self._news = asyncio.Event()
        self._waits_for_cancels = True
        self._has_time = True

    async def run(self) -> FlattenReport:
        parts = self._parts
        subscription = await parts.bus.subscribe(["order.*", "position.*"], self._hear, name=COMPONENT)
        timers = [
            parts.clock.call_later(parts.cancel_timeout_ns, self._stop_waiting_for_cancels),
            parts.clock.call_later(parts.timeout_ns, self._run_out_of_time),
        ]
        try:
            while self._step() and self._has_time:
                await self._news.wait()
                self._news.clear()
            return self._report()
        finally:
            for timer in timers:
                timer.cancel()
            for position in self._positions.values():
                parts.closing.difference_update(order.client_order_id for order in position.sent)
            await parts.bus.unsubscribe(subscription)

    def _hear(self, event: Any) -> None:
        self._news.set()

    def _stop_waiting_for_cancels(self, due_ns: int) -> None:
        self._waits_for_cancels = False
        self._news.set()

    def _run_out_of_time(self, due_ns: int) -> None:
        self._has_time = False
        self._news.set()

    def _step(self) -> bool:
        """Do what can be done now; whether there is anything to wait for."""
        left_open = self._cancel_open()
        unconfirmed = {order.venue for order in left_open} if self._waits_for_cancels else set()
        is_waiting = bool(left_open)
        for position in self._to_close():
            is_waiting |= position.step(must_wait=position.instrument.venue in unconfirmed)
            self._parts.closing.update(order.client_order_id for order in position.sent)
        return is_waiting

    def _to_close(self) -> list[ClosingPosition]:
        """The positions that are not flat, or were not when this began."""
        parts = self._parts
        for key, position in parts.holdings.positions():
            if position.quantity and key not in self._positions and self._scope.covers(key[0], key[2]):
                closing = ClosingPosition(key[0], position.instrument, parts.orders, parts.holdings, self._cause)
                self._positions[key] = closing
        return list(self._positions.values())

    def _cancel_open(self) -> list[Order]:
        """Cancel what is not being cancelled; what is open even so. Closing orders are left alone."""
        for order in self._open_orders():
            client_order_id = order.client_order_id
            self._covered[client_order_id] = order
            tries = self._tries.get(client_order_id, 0)
            if order.state in CANCELABLE and tries < _MAX_CANCELS:
                self._tries[client_order_id] = tries + 1
                self._parts.orders.cancel(order, self._cause)
        return self._open_orders()

    def _open_orders(self) -> list[Order]:
        found = self._parts.orders.open_orders(self._scope.strategy, self._scope.symbol)
        return [order for order in found if order.client_order_id not in self._parts.closing]

    def _report(self) -> FlattenReport:
        lines = tuple(position.line() for position in self._positions.values())
        open_orders = self._parts.orders.open_orders(self._scope.strategy, self._scope.symbol)
        return FlattenReport(
            strategy=self._scope.strategy,
            symbol=self._scope.symbol,
            canceled=tuple(name for name, order in self._covered.items() if order.state is OrderState.CANCELED),
            lines=lines,
            left_open=tuple(map(OrderView.of, open_orders)),
            is_flat=not open_orders and not any(line.after for line in lines),
        )
