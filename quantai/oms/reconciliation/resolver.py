"""Asks a venue what became of an order, until it proves something.

A question that is not answered proves nothing. «Not known» counts if two reads agree, `settle` apart, the first of them
after the order must have arrived. Everything is decided when an answer is applied, against the order as it is then: if
anything happened to it since the question, the answer is thrown away. Nothing is ever sent again but cancels.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from quantai.core.clock import Clock
from quantai.core.enums import OrderState
from quantai.core.errors import QuantAIError, VenueError
from quantai.exchanges.execution import CancelOrder, ExecType, OrderStatus
from quantai.oms.adoption import venue_names
from quantai.oms.models import Order
from quantai.oms.order_manager import OrderManager
from quantai.oms.reconciliation.asking import Backoff, VenueQueries
from quantai.oms.reconciliation.comparing import AWAITING, is_at_venue, is_unchanged, owed, report_of, version
from quantai.oms.reconciliation.corrector import Corrector
from quantai.oms.reconciliation.doubts import Denial, Doubt
from quantai.oms.reconciliation.fills import Fills
from quantai.oms.reconciliation.settings import Settings
from quantai.oms.soundness import is_sound_status

logger = logging.getLogger(__name__)


class Resolver:
    """Resolves the orders of one venue. `send_cancel` gives a cancel to its connector."""

    def __init__(
        self,
        queries: VenueQueries,
        fills: Fills,
        orders: OrderManager,
        clock: Clock,
        corrector: Corrector,
        settings: Settings,
        send_cancel: Callable[[CancelOrder], None],
    ) -> None:
        self.venue = queries.venue
        self.counts = dict.fromkeys(("asked", "resolved", "cancels_resent"), 0)
        self._queries = queries
        self._fills = fills
        self._orders = orders
        self._clock = clock
        self._corrector = corrector
        self._settings = settings
        self._send_cancel = send_cancel
        self._backoff = Backoff(settings, f"{self.venue} orders")
        self._since: dict[str, tuple[OrderState, int]] = {}
        self._doubts: dict[str, Doubt] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiters: list[asyncio.Future[None]] = []
        self._is_asking = False
        orders.inbox.on_doubt[self.venue] = self._on_doubt

    @property
    def unproven(self) -> list[str]:
        """What is not proven yet, a line each."""
        return [
            f"order {client_order_id} is {doubt.order.state}{f' ({doubt.error})' if doubt.error else ''}"
            for client_order_id, doubt in self._doubts.items()
            if not doubt.is_proven
        ]

    async def settle(self) -> None:
        """Wait until nothing is unproven."""
        while self.unproven:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    async def stop(self) -> None:
        """Ask no more."""
        self._is_asking = False
        for doubt in list(self._doubts.values()):
            self._drop(doubt)
        self._wake()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def suspect(self, order: Order) -> None:
        """Ask for `order`, of which something is wrong."""
        now_ns = self._clock.now_ns()
        if order.client_order_id not in self._doubts:
            self._begin(order, None, now_ns)
        self._ask_due(now_ns)

    def _on_doubt(self, order: Order) -> None:
        """A report says that something of `order` is missing here."""
        if self._is_asking:
            self.suspect(order)

    def doubt_all(self) -> None:
        """Begin: ask at once for every order that waits for an answer, as who was to get it is gone."""
        self._is_asking = True
        now_ns = self._clock.now_ns()
        for order in self._awaiting():
            self._doubt(order, now_ns)
        self._ask_due(now_ns)

    def hurry(self) -> None:
        """Ask now what would be asked later: the venue can be reached again."""
        now_ns = self._clock.now_ns()
        for doubt in self._doubts.values():
            doubt.due_ns, doubt.tries = now_ns, 0
        self._ask_due(now_ns)

    def scan(self, now_ns: int) -> None:
        """Ask for the orders that have waited for an answer for too long, and for those that are to be asked again."""
        since: dict[str, tuple[OrderState, int]] = {}
        for order in self._awaiting():
            state, since_ns = self._since.get(order.client_order_id, (None, now_ns))
            if state is not owed(order):
                since_ns = now_ns
            if order.state is OrderState.UNKNOWN or now_ns - since_ns >= self._settings.answer_timeout_ns:
                self._doubt(order, since_ns)
            since[order.client_order_id] = (owed(order), since_ns)
        self._since = since
        self._ask_due(now_ns)

    def _awaiting(self) -> list[Order]:
        return [
            order
            for order in self._orders.cache.open_orders()
            if order.state in AWAITING and is_at_venue(order, self.venue)
        ]

    def _doubt(self, order: Order, since_ns: int) -> None:
        known = self._doubts.get(order.client_order_id)
        if known is not None and known.state in (None, owed(order)):
            return
        now_ns = self._clock.now_ns()
        if order.state is OrderState.PENDING_NEW:
            report = report_of(order, ExecType.UNKNOWN, now_ns, reason="the venue did not answer in time")
            self._orders.apply(self.venue, report)
        self._begin(order, owed(order), since_ns + self._settings.answer_timeout_ns)

    def _begin(self, order: Order, state: OrderState | None, arrived_ns: int) -> None:
        """The order stays in memory: were it forgotten, what happens to it would happen to another object."""
        held = self._orders.cache.hold(order)
        self._doubts[order.client_order_id] = Doubt(held, state, arrived_ns, self._clock.now_ns())

    def _drop(self, doubt: Doubt) -> None:
        self._doubts.pop(doubt.order.client_order_id, None)
        self._orders.cache.let_go(doubt.order)

    def _ask_due(self, now_ns: int) -> None:
        """Start asking, a few at a time; forget those that were answered meanwhile."""
        answered = [doubt for doubt in self._doubts.values() if doubt.state not in (None, owed(doubt.order))]
        for doubt in answered:
            self._drop(doubt)
        if answered:
            self._wake()
        for doubt in self._doubts.values():
            if len(self._tasks) >= self._settings.max_queries:
                break
            if doubt.due_ns <= now_ns and not doubt.is_asked:
                doubt.is_asked = True
                task = asyncio.get_running_loop().create_task(self._ask(doubt))
                self._tasks.add(task)
                task.add_done_callback(self._on_asked)

    def _on_asked(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._ask_due(self._clock.now_ns())

    async def _ask(self, doubt: Doubt) -> None:
        try:
            await self._question(doubt)
        except Exception as error:
            if not isinstance(error, QuantAIError):
                logger.exception("%s: order %s could not be resolved", self.venue, doubt.order.client_order_id)
            doubt.error = str(error)
            self._ask_later(doubt)
        finally:
            doubt.is_asked = False

    async def _question(self, doubt: Doubt) -> None:
        order, asked_ns, before = doubt.order, self._clock.now_ns(), version(doubt.order)
        if doubt.state is None and order.state in AWAITING:  # a command was sent meanwhile: that is another question
            self._finish(doubt)
            return
        client_order_id, venue_order_id = venue_names(order)
        self.counts["asked"] += 1
        status = await self._queries.ask(
            lambda account: account.find_order(order.symbol, client_order_id, venue_order_id)
        )
        if status is not None and not is_sound_status(status):
            self._corrector.refuse_answer(order, status)
            raise VenueError(f"{self.venue} says numbers that no order has: {status}")
        doubt.error = ""
        if version(order) != before:
            self._ask_anew(doubt)
        elif status is None:
            await self._take_absence(doubt, asked_ns, before)
        elif status.filled_quantity > order.filled_quantity and not await self._fill_gap(doubt, status):
            self._ask_anew(doubt)
        else:
            self._take_answer(doubt, status, asked_ns)

    def _ask_anew(self, doubt: Doubt) -> None:
        """What is known does not count any more."""
        doubt.denial = Denial.NONE
        self._ask_later(doubt)

    def _ask_later(self, doubt: Doubt) -> None:
        doubt.due_ns = self._clock.now_ns() + self._backoff.delay_ns(doubt.tries)
        doubt.tries += 1

    async def _fill_gap(self, doubt: Doubt, status: OrderStatus) -> bool:
        """Whether the answer still holds: fills that are fetched change the order, so that it must be asked for again;
        those that cannot be had, after all tries, are inferred.
        """
        if doubt.gaps >= self._settings.fill_tries:
            return self._fills.infer(doubt.order, status)
        await self._catch_up(doubt)
        doubt.gaps += 1
        return False

    async def _catch_up(self, doubt: Doubt) -> None:
        """Fetch what the order traded. A fill ends the state that waited for an answer, but answers nothing."""
        await self._fills.catch_up(doubt.order)
        if doubt.order.state is not doubt.state:
            doubt.state = None

    async def _take_absence(self, doubt: Doubt, asked_ns: int, before: tuple[object, ...]) -> None:
        """The venue does not know the order. Before it is closed, what it traded is booked."""
        order = doubt.order
        if order.is_open:
            if not self._is_denied_twice(doubt, Denial.NOT_KNOWN, asked_ns):
                return
            await self._catch_up(doubt)
            if version(order) != before:
                self._ask_anew(doubt)
                return
            self._corrector.close(order, self._clock.now_ns())
        self._finish(doubt)

    def _take_answer(self, doubt: Doubt, status: OrderStatus, asked_ns: int) -> None:
        """Make the order what the venue says; what may be so for a moment only must be said twice."""
        order = doubt.order
        if status.state.is_open and not order.is_open:
            if self._is_denied_twice(doubt, Denial.NOT_CLOSED, asked_ns):
                self._corrector.reopen(order, status)
                self._finish(doubt)
        elif is_unchanged(order, status):
            if self._is_denied_twice(doubt, Denial.NOT_CHANGED, asked_ns):
                self._corrector.refuse_change(order, status)
                self._finish(doubt)
        else:
            self._corrector.correct(order, status)
            if order.state is OrderState.PENDING_CANCEL:
                self._cancel_again(doubt)
            else:
                self._finish(doubt)

    def _is_denied_twice(self, doubt: Doubt, denial: Denial, asked_ns: int) -> bool:
        return doubt.is_denied_twice(denial, asked_ns, self._clock.now_ns(), self._settings.settle_ns)

    def _cancel_again(self, doubt: Doubt) -> None:
        """The order rests: the cancel was lost, or is late. Sending it twice does no harm."""
        order = doubt.order
        client_order_id, venue_order_id = venue_names(order)
        doubt.is_proven, doubt.denial, doubt.state = True, Denial.NONE, owed(order)
        self._ask_later(doubt)
        self.counts["cancels_resent"] += 1
        try:
            self._send_cancel(CancelOrder(client_order_id, order.symbol, venue_order_id))
        except Exception:
            logger.exception("%s: the cancel of %s could not be sent again", self.venue, order.client_order_id)
        self._wake()

    def _finish(self, doubt: Doubt) -> None:
        self.counts["resolved"] += 1
        self._drop(doubt)
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
