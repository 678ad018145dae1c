"""A bounded queue between the bus and one subscriber that does I/O, emptied in its own task."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from quantai.events.base import Event
from quantai.events.bus.base import Handler, Overflow, QueuePolicy, Subscription

ErrorHook = Callable[[Subscription, Event, Exception], None]


class QueuedHandler:
    """Takes events as the bus's handler, gives them to `target` from a task; `on_error` hears what `target` raises."""

    def __init__(self, target: Handler, policy: QueuePolicy, on_error: ErrorHook) -> None:
        self._target = target
        self._size = policy.size
        self._on_error = on_error
        self._queue: deque[Event] = deque()
        self._newest: dict[str, Event] = {}
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False
        self.put: Callable[[Event], Awaitable[None] | None] = {
            Overflow.BLOCK: self._put_or_wait,
            Overflow.DROP_OLDEST: self._put_dropping_oldest,
            Overflow.CONFLATE: self._put_conflating,
        }[policy.overflow]

    def start(self, subscription: Subscription) -> None:
        """Begin emptying, on behalf of `subscription`, whose counters are kept."""
        self._subscription = subscription
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"bus-queue-{subscription.name}")

    def _added(self) -> None:
        self._wake.set()
        self._idle.clear()

    def _put_or_wait(self, event: Event) -> Awaitable[None] | None:
        if len(self._queue) >= self._size:
            return self._put_when_room(event)
        self._queue.append(event)
        self._added()
        return None

    async def _put_when_room(self, event: Event) -> None:
        while len(self._queue) >= self._size:
            self._room.clear()
            await self._room.wait()
        self._queue.append(event)
        self._added()

    def _put_dropping_oldest(self, event: Event) -> None:
        if len(self._queue) >= self._size:
            self._queue.popleft()
            self._subscription.dropped += 1
        self._queue.append(event)
        self._added()

    def _put_conflating(self, event: Event) -> None:
        topic = event.topic
        if self._newest.pop(topic, None) is not None:
            self._subscription.dropped += 1
        elif len(self._newest) >= self._size:
            del self._newest[next(iter(self._newest))]
            self._subscription.dropped += 1
        self._newest[topic] = event
        self._added()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue or self._newest:
                await self._handle(self._take())
                self._room.set()
            self._idle.set()
            if self._closing:
                return

    def _take(self) -> Event:
        return self._queue.popleft() if self._queue else self._newest.pop(next(iter(self._newest)))

    async def _handle(self, event: Event) -> None:
        try:
            result = self._target(event)
            if result is not None:
                await result
        except Exception as error:
            self._on_error(self._subscription, event, error)

    async def join(self) -> None:
        """Wait until the queue is empty and its last event handled."""
        await self._idle.wait()

    async def close(self) -> None:
        """Handle what is queued, then end the task."""
        self._closing = True
        self._wake.set()
        await self._task
