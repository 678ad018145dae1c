"""The in-memory bus: the embedded default, and the fastest."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from types import CoroutineType
from typing import Any

from quantai.core.clock import Clock
from quantai.core.errors import BusClosed, BusError, BusOverflow
from quantai.events.base import Event
from quantai.events.bus.base import EventBus, Handler, QueuePolicy, Subscription
from quantai.events.bus.calls import AnyCoroutine, awaited, is_failure, is_waiting, message_of
from quantai.events.bus.queued import QueuedHandler
from quantai.events.bus.routes import RouteTable, Step
from quantai.events.system import ErrorEvent
from quantai.events.topics import compile_pattern

logger = logging.getLogger(__name__)


class MemoryEventBus(EventBus):
    """See `EventBus` for the contract. `queue_limit` bounds the events that wait behind the one being delivered.

    `publish` and `dispatch` each write out the look-up and the loop that `_deliver` has too: a call costs more than
    these do.
    """

    __slots__ = (
        "_awaited", "_background", "_blocked", "_busy", "_clock", "_closed", "_joining", "_more", "_queue",
        "_queue_limit", "_queued", "_routes", "_table", "errors", "overflows",
    )  # fmt: skip

    def __init__(self, clock: Clock, queue_limit: int = 65_536) -> None:
        if queue_limit < 1:
            raise BusError(f"the bus must hold at least 1 waiting event, not {queue_limit} (bus.queue_limit)")
        self._clock = clock
        self._table = RouteTable()
        self._routes = self._table.by_instrument
        self._busy = False
        self._more = False  # whether anything is queued or anybody joins: one look instead of two for every event
        self._queue: deque[Event] = deque()
        self._queue_limit = queue_limit
        self._blocked: deque[tuple[asyncio.Future[None], Event]] = deque()  # who publishes what when there is room
        self._joining: list[asyncio.Future[None]] = []
        self._awaited: AnyCoroutine | None = None  # the last handler that was waited for
        self._queued: dict[Subscription, QueuedHandler] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._closed = False
        self.errors = 0
        self.overflows = 0

    async def publish(self, event: Any) -> None:
        if self._busy:
            await self._publish_behind(event)
            return
        try:
            step = self._routes[event.__class__][event.venue][event.symbol]
        except KeyError:
            step = self._admit(event)
        self._busy = True
        while step is not None:
            try:
                handler = step.handler
                result: Any = handler(event)
                if result is not None:
                    if result.__class__ is not CoroutineType:
                        result = awaited(result)
                    self._awaited = result
                    if self._queued and self._is_in_queued_handler():
                        self._hand_over(event, step, result)
                        return
                    await result
            except BaseException as error:
                self._caught(event, step, error)
            step = step.next
        if not self._more:
            self._busy = False
        elif self._is_in_queued_handler():
            self._hand_over(event, None)
        else:
            await self._deliver(event, None)

    def post(self, event: Event) -> None:
        pending = self.dispatch(event)
        if pending is not None:
            self._spawn(pending)

    def dispatch(self, event: Any) -> Coroutine[Any, Any, None] | None:
        if self._busy:
            self._enqueue(event)
            return None
        try:
            step = self._routes[event.__class__][event.venue][event.symbol]
        except KeyError:
            step = self._admit(event)
        self._busy = True
        while True:
            while step is not None:
                try:
                    handler = step.handler
                    result: Any = handler(event)
                    if result is not None:
                        if result.__class__ is not CoroutineType:
                            result = awaited(result)
                        self._awaited = result
                        return self._deliver(event, step, result)
                except BaseException as error:
                    self._caught(event, step, error)
                step = step.next
            if not self._more:
                self._busy = False
                return None
            if not self._queue:
                self._settle()
                return None
            event, step = self._next()

    async def _deliver(self, event: Event, step: Step | None, result: Any = None) -> None:
        """Deliver `event` from `step` on, whose handler returned `result` already if that is given; then all that
        waits.
        """
        while True:
            while step is not None:
                try:
                    if result is None:
                        result = step.handler(event)
                    if result is not None:
                        if result.__class__ is not CoroutineType:
                            result = awaited(result)
                        self._awaited = result
                        await result
                except BaseException as error:
                    self._caught(event, step, error)
                step, result = step.next, None
            if not self._queue:
                self._settle()
                return
            event, step = self._next()

    def _hand_over(self, event: Event, step: Step | None, result: Any = None) -> None:
        self._awaited = rest = self._deliver(event, step, result)
        self._spawn(rest)

    def _settle(self) -> None:
        self._busy = self._more = False
        for settled in self._joining:
            if not settled.done():
                settled.set_result(None)
        self._joining.clear()

    def _next(self) -> tuple[Event, Step | None]:
        """What waited longest; the publisher that was blocked longest gets its place."""
        event = self._queue.popleft()
        while self._blocked:
            accepted, waiting = self._blocked.popleft()
            if not accepted.done():
                self._queue.append(waiting)
                accepted.set_result(None)
                break
        return event, self._table.find(event)

    def _admit(self, event: Event) -> Step | None:
        if self._closed and not self._is_inside():
            raise BusClosed(f"the bus is closed; {event.topic} was not published")
        return self._table.find(event)

    async def _publish_behind(self, event: Event) -> None:
        if len(self._queue) < self._queue_limit or self._closed or self._is_inside():
            self._enqueue(event)
            return
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._blocked.append((accepted, event))
        await accepted

    def _enqueue(self, event: Event) -> None:
        if self._closed and not self._is_inside():
            raise BusClosed(f"the bus is closed; {event.topic} was not published")
        if len(self._queue) >= self._queue_limit:
            self.overflows += 1
            raise BusOverflow(
                f"{self._queue_limit} events wait on the bus, {event.topic} was refused: "
                "a handler publishes more than is handled (bus.queue_limit)"
            )
        self._queue.append(event)
        self._more = True

    def _is_inside(self) -> bool:
        """Whether the code that asks runs inside a handler, which can wait for nothing that waits for handlers."""
        return (self._busy and not is_waiting(self._awaited)) or self._is_in_queued_handler()

    def _is_in_queued_handler(self) -> bool:
        return any(queued.is_on_stack for queued in self._queued.values())

    def _caught(self, event: Event, step: Step, error: BaseException) -> None:
        """Book a handler's failure. What is meant for its task goes on up, and delivery goes on without that task."""
        if is_failure(error):
            self._failed(step.subscription, event, error)
            return
        if isinstance(error, asyncio.CancelledError) and step.subscription not in self._queued:
            self._failed(step.subscription, event, error)
        if not isinstance(error, GeneratorExit):  # the loop is gone
            self._hand_over(event, step.next)
        raise error

    def _failed(self, subscription: Subscription, event: Event, error: BaseException) -> None:
        self.errors += 1
        subscription.errors += 1
        message = message_of(error)
        if subscription.errors <= 10 or subscription.errors % 1_000 == 0:
            logger.error(
                "%s failed on %s (error %d): %s: %s",
                subscription.name, event.topic, subscription.errors, type(error).__name__, message, exc_info=error,
            )  # fmt: skip
        if isinstance(event, ErrorEvent):
            return  # a handler of errors that fails must not feed itself
        now_ns = self._clock.now_ns()
        with suppress(BusOverflow):
            self.post(ErrorEvent(subscription.name, now_ns, now_ns, type(error).__name__, message, event.reference))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def subscribe(
        self, pattern: str, handler: Handler, *, name: str = "", queue: QueuePolicy | None = None
    ) -> Subscription:
        if self._closed:
            raise BusClosed(f"the bus is closed; {pattern!r} was not subscribed")
        name = name or getattr(handler, "__qualname__", type(handler).__name__)
        queued = QueuedHandler(handler, queue, self._failed, self._spawn) if queue else None
        subscription = Subscription(pattern, compile_pattern(pattern), queued.put if queued else handler, name)
        if queued:
            queued.subscription = subscription
            self._queued[subscription] = queued
        self._table.add(subscription)
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        self._table.remove(subscription)
        queued = self._queued.get(subscription)
        if queued:
            await queued.finish()
            self._queued.pop(subscription, None)

    @property
    def is_busy(self) -> bool:
        return self._busy

    def is_wanted(self, topic: str) -> bool:
        return self._table.is_wanted(topic)

    async def join(self) -> None:
        if self._is_inside():
            raise BusError("a handler cannot join or close the bus: that would wait for the handler itself")
        while self._busy or self._background:
            if self._background:
                await asyncio.wait(self._background)
            else:
                settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._joining.append(settled)
                self._more = True
                await settled

    async def close(self) -> None:
        if not self._is_inside():
            self._closed = True
            self._routes = {}  # every event that is not published from inside must ask for admission
        await self.join()
        self._queued.clear()
