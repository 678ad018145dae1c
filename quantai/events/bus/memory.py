"""The in-memory bus: the embedded default, and the fastest."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from operator import attrgetter
from typing import Any

from quantai.core.clock import Clock
from quantai.core.errors import BusClosed, BusOverflow
from quantai.events.base import Event
from quantai.events.bus.base import EventBus, Handler, QueuePolicy, Subscription
from quantai.events.bus.queued import QueuedHandler
from quantai.events.system import ErrorEvent
from quantai.events.topics import compile_pattern

logger = logging.getLogger(__name__)

# Routes are remembered per topic; a daemon that met more topics than this forgets them all and resolves anew.
_MAX_TOPICS = 100_000

Key = Callable[[Any], Any]
Routes = dict[Any, tuple[Subscription, ...]]


class MemoryEventBus(EventBus):
    """See `EventBus` for the contract. `queue_limit` bounds the events that wait behind the one being delivered."""

    __slots__ = (
        "_background", "_busy", "_clock", "_closed", "_drainer", "_queue", "_queue_limit", "_queued",
        "_subscriptions", "_tables", "_topics", "_waiting", "errors", "overflows", "published",
    )  # fmt: skip

    def __init__(self, clock: Clock, queue_limit: int = 65_536) -> None:
        self._clock = clock
        self._queue_limit = queue_limit
        self._queue: deque[Event] = deque()
        self._busy = False
        self._closed = False
        self._subscriptions: list[Subscription] = []
        self._queued: dict[Subscription, QueuedHandler] = {}
        self._tables: dict[type[Event], tuple[Key, Routes]] = {}
        self._topics = 0
        self._background: set[asyncio.Task[None]] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._drainer: asyncio.Task[Any] | None = None
        self.published = 0
        self.errors = 0
        self.overflows = 0

    async def publish(self, event: Event) -> None:
        while self._busy and len(self._queue) >= self._queue_limit and asyncio.current_task() is not self._drainer:
            await self._room()
        pending = self.dispatch(event)
        if pending is not None:
            await pending

    def post(self, event: Event) -> None:
        pending = self.dispatch(event)
        if pending is not None:
            self._run_in_background(pending)

    def dispatch(self, event: Event) -> Awaitable[None] | None:
        if self._busy:
            self._enqueue(event)
            return None
        if self._closed:
            raise BusClosed(f"the bus is closed; {event.topic} was not published")
        self._busy = True
        try:
            while True:
                self.published += 1
                try:
                    key, routes = self._tables[event.__class__]
                    subscriptions = routes[key(event)]
                except KeyError:
                    subscriptions = self._resolve(event)
                for subscription in subscriptions:
                    try:
                        result = subscription.handler(event)
                        if result is not None:
                            return self._finish(event, subscriptions, subscription, result)
                    except Exception as error:
                        self._failed(subscription, event, error)
                if not self._queue:
                    break
                event = self._queue.popleft()
        except BaseException:
            self._busy = False
            raise
        self._busy = False
        return None

    async def _finish(
        self, event: Event, subscriptions: tuple[Subscription, ...], subscription: Subscription, result: Any
    ) -> None:
        """Go on where `dispatch` met a coroutine: the rest of this event's handlers, then what was queued meanwhile."""
        self._drainer = asyncio.current_task()
        remaining = iter(subscriptions[subscriptions.index(subscription) + 1 :])
        try:
            await self._await_one(event, subscription, result)
            await self._drain(event, remaining)
        except BaseException:
            # The publisher was cancelled; its event still belongs to the others.
            self._run_in_background(self._drain(event, remaining))
            raise

    async def _drain(self, event: Event, remaining: Iterator[Subscription]) -> None:
        while True:
            for subscription in remaining:
                await self._call_one(event, subscription)
            if not self._queue:
                break
            event = self._queue.popleft()
            self._wake_one()
            self.published += 1
            remaining = iter(self._route(event))
        self._drainer = None
        self._busy = False
        self._wake_one()

    async def _call_one(self, event: Event, subscription: Subscription) -> None:
        try:
            result = subscription.handler(event)
        except Exception as error:
            self._failed(subscription, event, error)
        else:
            await self._await_one(event, subscription, result)

    async def _await_one(self, event: Event, subscription: Subscription, result: Any) -> None:
        if result is None or not hasattr(result, "__await__"):
            return
        try:
            await result
        except Exception as error:
            self._failed(subscription, event, error)

    def _enqueue(self, event: Event) -> None:
        if len(self._queue) >= self._queue_limit:
            self.overflows += 1
            raise BusOverflow(
                f"{self._queue_limit} events wait on the bus, {event.topic} was refused: "
                "a handler publishes more than is handled (bus.queue_limit)"
            )
        self._queue.append(event)

    async def _room(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _wake_one(self) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                return

    def _run_in_background(self, pending: Awaitable[None]) -> None:
        async def run() -> None:
            await pending

        coroutine: Coroutine[Any, Any, None] = run()
        task = asyncio.get_running_loop().create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _add_table(self, cls: type[Event]) -> tuple[Key, Routes]:
        key: Key = attrgetter(*cls.topic_fields) if cls.topic_fields else type
        table = self._tables[cls] = (key, {})
        return table

    def _route(self, event: Event) -> tuple[Subscription, ...]:
        key, routes = self._tables.get(event.__class__) or self._add_table(event.__class__)
        return routes.get(key(event)) or self._resolve(event)

    def _resolve(self, event: Event) -> tuple[Subscription, ...]:
        if self._topics >= _MAX_TOPICS:
            self._forget_routes()
        self._topics += 1
        topic = event.topic
        key, routes = self._tables.get(event.__class__) or self._add_table(event.__class__)
        subscriptions = routes[key(event)] = tuple(s for s in self._subscriptions if s.matches(topic))
        return subscriptions

    def _forget_routes(self) -> None:
        self._tables.clear()
        self._topics = 0

    def _failed(self, subscription: Subscription, event: Event, error: Exception) -> None:
        self.errors += 1
        subscription.errors += 1
        if subscription.errors <= 10 or subscription.errors % 1_000 == 0:
            logger.error(
                "%s failed on %s (error %d): %s: %s",
                subscription.name, event.topic, subscription.errors, type(error).__name__, error, exc_info=error,
            )  # fmt: skip
        if isinstance(event, ErrorEvent):
            return  # a handler of errors that fails must not feed itself
        now = self._clock.now_ns()
        report = ErrorEvent(subscription.name, now, now, type(error).__name__, str(error), event.topic)
        if len(self._queue) < self._queue_limit:
            self._queue.append(report)

    async def subscribe(
        self, pattern: str, handler: Handler, *, name: str = "", queue: QueuePolicy | None = None
    ) -> Subscription:
        if self._closed:
            raise BusClosed(f"the bus is closed; {pattern!r} was not subscribed")
        name = name or getattr(handler, "__qualname__", type(handler).__name__)
        queued = QueuedHandler(handler, queue, self._queued_failed) if queue else None
        subscription = Subscription(pattern, compile_pattern(pattern), queued.put if queued else handler, name)
        if queued:
            queued.start(subscription)
            self._queued[subscription] = queued
        self._subscriptions.append(subscription)
        self._forget_routes()
        return subscription

    def _queued_failed(self, subscription: Subscription, event: Event, error: Exception) -> None:
        self._failed(subscription, event, error)
        if not self._busy and self._queue:
            self.post(self._queue.popleft())

    async def unsubscribe(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self._forget_routes()
        queued = self._queued.pop(subscription, None)
        if queued:
            await queued.close()

    @property
    def is_busy(self) -> bool:
        return self._busy

    def is_wanted(self, topic: str) -> bool:
        return any(subscription.matches(topic) for subscription in self._subscriptions)

    async def join(self) -> None:
        while self._background or self._busy or self._queue:
            await asyncio.sleep(0)
        for queued in list(self._queued.values()):
            await queued.join()

    async def close(self) -> None:
        await self.join()
        self._closed = True
        for subscription in list(self._queued):
            await self.unsubscribe(subscription)
