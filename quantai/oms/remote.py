"""The OMS as strategies see it where another daemon executes: requests go out on the bus, order events come back.

- An order's state is what its events say. What is not answered in time is `UNKNOWN`, never rejected, and asked again
  until it is answered: the other side carries a request out once, and denies what has become too old.
- Fills are booked before strategies see them: this subscribes before they do.
- Where events may have been missed, at the start too, the other side is asked for everything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from quantai.core.clock import NS_PER_SECOND, Clock, Timer
from quantai.core.enums import OrderState
from quantai.core.errors import OrderError, StartupError, UnknownInstrument
from quantai.core.identifiers import ClientOrderIds
from quantai.events import (
    Event,
    FillEvent,
    OrderDeniedEvent,
    OrderEvent,
    OrderStateEvent,
    OrderUnknownEvent,
    StateEvent,
)
from quantai.events.bus import EventBus
from quantai.instruments import InstrumentCatalogue
from quantai.oms import gateway
from quantai.oms.awaited import AwaitedAnswers
from quantai.oms.cache import OrderCache
from quantai.oms.mirror import adopt, adopt_state, follow, order_of
from quantai.oms.mirrored_fills import Books, MirroredFills
from quantai.oms.models import Order, OrderRequest
from quantai.oms.orders import changed, new_order
from quantai.oms.requests import Requests
from quantai.oms.snapshot import Snapshot, SnapshotReader
from quantai.oms.state_machine import AMENDABLE, CANCELABLE

logger = logging.getLogger(__name__)

COMPONENT = "remote orders"


class RemoteOrders:
    """The orders of `strategies`. Implements `Orders`.

    `session` names this run and must be greater, as text, than that of any run before. `execution` says who executes,
    `simulated` or `venues`, once that is known.
    """

    def __init__(
        self,
        *,
        bus: EventBus,
        clock: Clock,
        catalogue: InstrumentCatalogue,
        books: Books,
        strategies: Collection[str],
        session: str,
        ids: ClientOrderIds,
        answer_timeout_ns: int,
        heartbeat_ns: int,
        max_closed: int = 100_000,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._catalogue = catalogue
        self._books = books
        self._strategies = frozenset(strategies)
        self._session = session
        self._heartbeat_ns = heartbeat_ns
        self._requests = Requests(bus, clock, session)
        self._ids = ids
        self._venues = frozenset(instrument.venue for instrument in catalogue)
        self._orders = OrderCache(max_closed)
        self._awaited = AwaitedAnswers(clock, answer_timeout_ns)
        self._missed: dict[str, OrderStateEvent] = {}  # orders that traded while nobody here heard of it
        self._reader = SnapshotReader()
        self._is_synced = asyncio.Event()
        self._fills = MirroredFills(books, self._is_synced.clear)
        self._timer: Timer | None = None
        self.execution = ""
        self._counts = dict.fromkeys(("submitted", "denied", "unknown", "illegal", "repeated", "resyncs"), 0)

    @property
    def counts(self) -> Mapping[str, int]:
        """What happened so far, by name."""
        return {**self._counts, **self._fills.counts}

    async def start(self, timeout_ns: int) -> None:
        """Learn what is open and held. Raises `StartupError` where nobody answers within `timeout_ns`."""
        await self._bus.subscribe("order.*", self._on_order, name=COMPONENT)
        await self._bus.subscribe(f"state.*.{self._session}", self._on_state, name=COMPONENT)
        breaks = ("system.gap.*", f"system.started.{gateway.COMPONENT}")
        await self._bus.subscribe(breaks, lambda _: self._is_synced.clear(), name=COMPONENT)
        self._timer = self._clock.call_every(self._heartbeat_ns, self._beat)
        self._beat(self._clock.now_ns())
        try:
            async with asyncio.timeout(timeout_ns / NS_PER_SECOND):
                await self._is_synced.wait()
        except TimeoutError:
            raise StartupError(
                f"no execution daemon answered within {timeout_ns / NS_PER_SECOND:g} s: is one running, "
                "with gateway=serve, on the same Redis and with the same bus.name?"
            ) from None

    async def close(self) -> None:
        """Give no more signs of life: the other side cancels what is left open."""
        if self._timer is not None:
            self._timer.cancel()
        if left := self.open_orders():
            logger.warning("%d orders may still be open; the execution daemon will cancel them", len(left))

    def submit(self, request: OrderRequest) -> Order:
        """Ask for an order; it tells what became of it. Raises `OrderError` for what is no order."""
        order = new_order(request, "", self._clock.now_ns(), self._venues)
        order.client_order_id = self._ids.next(request.strategy)
        self._counts["submitted"] += 1
        self._orders.keep(order)
        self._awaited.expect(order.client_order_id)
        if not self._requests.submit(order, order.ts_submitted):
            order.state, order.reason = OrderState.DENIED, "NOT_SENT: the bus did not take the request"
            self._counts["denied"] += 1
            self._orders.keep(order)
        return order

    def submit_all(self, requests: Sequence[OrderRequest]) -> list[Order]:
        """Ask for several orders, one by one. Raises `OrderError` before any is asked for."""
        for request in requests:
            new_order(request, "", self._clock.now_ns(), self._venues)
        return [self.submit(request) for request in requests]

    def amend(
        self, order: Order, quantity: Decimal | None = None, price: Decimal | None = None, cause: str = ""
    ) -> None:
        """Ask for another total quantity or another limit. Raises `OrderError` where that cannot be."""
        change = changed(order, quantity, price)
        if change is None:
            return
        if order.state is not OrderState.SUSPENDED:
            if order.state not in AMENDABLE:
                raise OrderError(f"order {order.client_order_id} cannot be amended while it is {order.state}")
            order.change, order.state = change, OrderState.PENDING_REPLACE
            self._awaited.expect(order.client_order_id)
        self._requests.amend(order, change, cause)

    def find(self, client_order_id: str) -> Order | None:
        """The order of that id, open or closed, as far back as memory goes."""
        return self._orders.get(client_order_id)

    def cancel(self, order: Order, cause: str = "") -> None:
        """Ask for an order to be cancelled; one that is closed, or already being cancelled, is left as it is."""
        if order.state in CANCELABLE:
            self._expect_cancel(order)
            self._requests.cancel(order, cause)

    def cancel_all(self, strategy: str | None = None, symbol: str | None = None, cause: str = "") -> list[Order]:
        """Cancel every open order of a strategy, or of all, those included that only the other side knows of."""
        orders = self.open_orders(strategy, symbol)
        for order in orders:
            if order.state in CANCELABLE:
                self._expect_cancel(order)
        for name in sorted(self._strategies) if strategy is None else (strategy,):
            self._requests.cancel_all(name, symbol, cause)
        return orders

    def open_orders(self, strategy: str | None = None, symbol: str | None = None) -> list[Order]:
        """The orders that may still trade, oldest first."""
        return [
            order
            for order in self._orders.open_orders()
            if strategy in (None, order.strategy) and symbol in (None, order.symbol)
        ]

    def _expect_cancel(self, order: Order) -> None:
        order.state = OrderState.PENDING_CANCEL
        self._awaited.expect(order.client_order_id)

    def _beat(self, due_ns: int) -> None:
        """Give signs of life, and ask again for what was not answered."""
        now_ns = self._clock.now_ns()
        for strategy in sorted(self._strategies):
            self._requests.give_sign_of_life(strategy)
        if not self._is_synced.is_set():
            self._requests.ask_for_state()
        for client_order_id in self._awaited.due():
            self._ask_again(client_order_id, now_ns)

    def _ask_again(self, client_order_id: str, now_ns: int) -> None:
        order = self._orders.get(client_order_id)
        if order is None or not order.is_open:
            self._awaited.drop(client_order_id)
            return
        self._counts["repeated"] += 1
        if order.state is OrderState.PENDING_CANCEL:
            self._requests.cancel(order)
            return
        if order.state is OrderState.PENDING_NEW:
            order.state, order.reason = OrderState.UNKNOWN, "no answer from the execution daemon yet"
            self._counts["unknown"] += 1
            head = (order.client_order_id, order.strategy, order.venue, order.symbol, now_ns, now_ns, order.cause)
            self._requests.post(OrderUnknownEvent(*head, order.reason))
        self._requests.submit(order, now_ns)

    def _on_order(self, event: OrderEvent) -> None:
        order = self._orders.get(event.client_order_id)
        if isinstance(event, FillEvent) and not self._fills.take(event, order):
            return
        if order is None:
            return
        if isinstance(event, OrderUnknownEvent) and order.state is OrderState.UNKNOWN:
            return  # our own, or one that tells nothing new
        if not follow(order, event):
            self._counts["illegal"] += 1
            logger.warning(
                "%s on order %s in state %s: nothing changed", event.topic, event.client_order_id, order.state
            )
            return
        self._counts["denied"] += isinstance(event, OrderDeniedEvent)
        self._settle(order, event)

    def _settle(self, order: Order, event: Event) -> None:
        """Keep the order, and wait no longer for what is answered."""
        self._orders.keep(order)
        self._awaited.settle(order, event)

    def _on_state(self, event: StateEvent) -> None:
        if event.request:
            answer = self._reader.read(event)
            if answer is not None:
                self._restore(answer)
        elif isinstance(event, OrderStateEvent):
            self._on_order_state(event)

    def _on_order_state(self, state: OrderStateEvent) -> None:
        """What became of an order that was asked for again."""
        order = self._orders.get(state.client_order_id)
        if order is None:
            return
        if state.filled_quantity > order.filled_quantity:
            self._missed[order.client_order_id] = state
            self._is_synced.clear()
        adopt_state(order, state)
        self._settle(order, state)

    def _restore(self, answer: Snapshot) -> None:
        """Take the other side's word for everything; orders it did not name are asked for one by one."""
        self._counts["resyncs"] += 1
        self.execution = answer.execution
        for state in (*self._missed.values(), *answer.orders):
            self._fills.know(state.client_order_id, state.filled_quantity)
            if state.strategy in self._strategies:
                self._restore_order(state)
        self._missed.clear()
        there = {state.client_order_id for state in answer.orders}
        for order in self.open_orders():
            if order.client_order_id not in there:
                self._awaited.ask_soon(order.client_order_id)
        self._books.take_over(answer.positions, answer.balances)
        self._is_synced.set()

    def _restore_order(self, state: OrderStateEvent) -> None:
        order = self._orders.get(state.client_order_id)
        if order is None:
            try:
                order = order_of(state, self._catalogue.get(state.venue, state.symbol))
            except UnknownInstrument as error:
                logger.warning("order %s is open and not managed here: %s", state.client_order_id, error)
                return
        adopt(order, state)
        self._settle(order, state)
