"""The in-memory bus: the embedded default, and the fastest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from contextlib import suppress
from types import CoroutineType
from typing import Any

from quantai.core.clock import Clock
from quantai.core.errors import BusClosed, BusError, BusOverflow
from quantai.events.base import Event
from quantai.events.bus.base import EventBus, Handler, QueuePolicy, Subscription
from quantai.events.bus.calls import DONE, AnyCoroutine, awaited, is_failure, is_waiting
from quantai.events.bus.failures import tell_failure
from quantai.events.bus.queued import QueuedHandler
from quantai.events.bus.routes import Publish, RouteTable, Step, has_coroutines, is_coroutine_function
from quantai.events.bus.waiting import WaitingEvents


class MemoryEventBus(EventBus):
    """See `EventBus` for the contract. `queue_limit` bounds the events that wait behind the one being delivered.

    `publish` and `dispatch` each write out the look-up and the loop that `_deliver` has too: a call costs more than
    these do. For the same reason `publish` is no coroutine function: plain handlers are called at once, and there is
    nothing to wait for.
    """

    __slots__ = (
        "_awaited", "_background", "_busy", "_clock", "_closed", "_joining", "_more", "_queued", "_routes", "_table",
        "_waiting", "errors",
    )  # fmt: skip
    errors: int

    def __init__(self, clock: Clock, queue_limit: int = 65_536) -> None:
        self._clock = clock
        self._table = RouteTable(choose_publish=self._choose_publish)
        self._routes = self._table.by_instrument
        self._busy = False
        self._more = False  # whether anything is queued or anybody joins: one look instead of two for every event
        self._waiting = WaitingEvents(queue_limit)
        self._joining: list[asyncio.Future[None]] = []
        self._awaited: AnyCoroutine | None = None  # the last handler that was waited for
        self._queued: dict[Subscription, QueuedHandler] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._closed = False
        self.errors = 0

    def publish(self, event: Any) -> Awaitable[None]:
        try:
            step = self._routes[event.__class__][event.venue][event.symbol]
        except KeyError:
            step = self._admit(event)
        if step is not None:
            publish = step.publish
            if publish is not None:
                return publish(event, step)
        if self._busy:
            return self._publish_when_awaited(event)
        self._busy = True
        while step is not None:
            try:
                handler = step.handler
                result: Any = handler(event)
                if result is not None:
                    return self._publish_rest(event, step, result)
            except BaseException as error:
                self._caught(event, step, error)
            step = step.next
        if self._more:
            return self._publish_waiting(event)
        self._busy = False
        return DONE

    def _choose_publish(self, step: Step) -> Publish | None:
        if not has_coroutines(step):
            return None
        if step.next is None and is_coroutine_function(step.handler) and not self._queued:
            return self._publish_to_coroutine
        return self._publish_when_awaited

    async def _publish_to_coroutine(self, event: Event, step: Step) -> None:
        """As `_publish_when_awaited`, for the most frequent case."""
        if self._busy or self._closed:
            await self._publish_when_awaited(event)
            return
        self._busy = True
        try:
            handler: Any = step.handler
            self._awaited = result = handler(event)
            await result
        except BaseException as error:
            self._caught(event, step, error)
        if self._more:
            await self._deliver(event, None)
        else:
            self._busy = False

    async def _publish_when_awaited(self, event: Event, _: Step | None = None) -> None:
        """Nothing has begun before: whoever never awaits this does no harm."""
        if self._busy:
            await self._publish_behind(event)
            return
        step = self._admit(event)
        self._busy = True
        if self._is_in_queued_handler():
            self._hand_over(event, step)
        else:
            await self._deliver(event, step)

    def _publish_rest(self, event: Event, step: Step, result: Any) -> Awaitable[None]:
        if self._is_in_queued_handler():
            self._hand_over(event, step, result)
            return DONE
        return self._begun(event, step, result)

    def _publish_waiting(self, delivered: Event) -> Awaitable[None]:
        """Deliver what waits behind the event that is `delivered`."""
        if self._is_in_queued_handler():
            self._hand_over(delivered, None)
            return DONE
        return self._dispatch_waiting() or DONE

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
        while step is not None:
            try:
                handler = step.handler
                result: Any = handler(event)
                if result is not None:
                    return self._begun(event, step, result)
            except BaseException as error:
                self._caught(event, step, error)
            step = step.next
        if self._more:
            return self._dispatch_waiting()
        self._busy = False
        return None

    def _dispatch_waiting(self) -> Coroutine[Any, Any, None] | None:
        """Deliver what waits until a handler has to be waited for, or nothing waits any more."""
        while self._waiting.events:
            event, step = self._next()
            while step is not None:
                try:
                    result = step.handler(event)
                    if result is not None:
                        return self._begun(event, step, result)
                except BaseException as error:
                    self._caught(event, step, error)
                step = step.next
        self._settle()
        return None

    def _begun(self, event: Event, step: Step, result: Any) -> Coroutine[Any, Any, None]:
        """What is left of the delivery of `event`, whose handler at `step` returned `result` to be waited for."""
        if result.__class__ is not CoroutineType:
            result = awaited(result)
        self._awaited = result
        return self._deliver(event, step, result)

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
            if not self._waiting.events:
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
        event = self._waiting.popleft()
        return event, self._table.find(event)

    def _admit(self, event: Event) -> Step | None:
        if self._closed and not self._is_inside():
            raise BusClosed(f"the bus is closed; {event.topic} was not published")
        return self._table.find(event)

    async def _publish_behind(self, event: Event) -> None:
        if self._waiting.has_room or self._closed or self._is_inside():
            self._enqueue(event)
        else:
            await self._waiting.append_when_there_is_room(event)

    def _enqueue(self, event: Event) -> None:
        if self._closed and not self._is_inside():
            raise BusClosed(f"the bus is closed; {event.topic} was not published")
        self._waiting.append(event)
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
        told = tell_failure(subscription, event, error, self._clock.now_ns())
        if told is not None:
            with suppress(BusOverflow):
                self.post(told)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def subscribe(
        self, patterns: str | Sequence[str], handler: Handler, *, name: str = "", queue: QueuePolicy | None = None
    ) -> Subscription:
        if self._closed:
            raise BusClosed(f"the bus is closed; {patterns!r} was not subscribed")
        name = name or getattr(handler, "__qualname__", type(handler).__name__)
        queued = QueuedHandler(handler, queue, self._failed, self._spawn) if queue else None
        subscription = Subscription(patterns, queued.put if queued else handler, name)
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
    def overflows(self) -> int:
        return self._waiting.overflows

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
