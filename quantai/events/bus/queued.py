"""A bounded queue between the bus and one subscriber that does I/O, emptied in a task of its own."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from types import CoroutineType
from typing import Any

from quantai.events.base import Event
from quantai.events.bus.base import Handler, Overflow, QueuePolicy, Subscription
from quantai.events.bus.calls import AnyCoroutine, awaited, is_failure, is_waiting

ErrorHook = Callable[[Subscription, Event, BaseException], None]
Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class QueuedHandler:
    """Takes events as the bus's handler and gives them to `target` from a task, which is there while events are.

    `on_error` hears what `target` raises, `spawn` makes the task.
    """

    def __init__(self, target: Handler, policy: QueuePolicy, on_error: ErrorHook, spawn: Spawn) -> None:
        self._target = target
        self._size = policy.size
        self._on_error = on_error
        self._spawn = spawn
        self._events: OrderedDict[object, Event] = OrderedDict()
        self._number = count()
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_calling = False
        self._awaited: AnyCoroutine | None = None
        self.subscription: Subscription
        self.put: Callable[[Event], Awaitable[None] | None] = {
            Overflow.BLOCK: self._put_or_wait,
            Overflow.DROP_OLDEST: self._put_dropping_oldest,
            Overflow.CONFLATE: self._put_conflating,
        }[policy.overflow]

    @property
    def is_on_stack(self) -> bool:
        """Whether the code that asks runs inside `target`."""
        return self._is_calling and not is_waiting(self._awaited)

    def _put_or_wait(self, event: Event) -> Awaitable[None] | None:
        self._add(next(self._number), event)
        return self._until_room() if len(self._events) > self._size else None

    async def _until_room(self) -> None:
        while len(self._events) > self._size:
            self._room.clear()
            await self._room.wait()

    def _put_dropping_oldest(self, event: Event) -> None:
        if len(self._events) >= self._size:
            self._drop_oldest()
        self._add(next(self._number), event)

    def _put_conflating(self, event: Event) -> None:
        topic = event.topic
        if topic in self._events:
            self.subscription.dropped += 1
        elif len(self._events) >= self._size:
            self._drop_oldest()
        self._add(topic, event)

    def _drop_oldest(self) -> None:
        self._events.popitem(last=False)
        self.subscription.dropped += 1

    def _add(self, key: object, event: Event) -> None:
        self._events[key] = event
        if self._task is None:
            self._task = self._spawn(self._run())

    async def _run(self) -> None:
        try:
            while self._events:
                _, event = self._events.popitem(last=False)
                self._room.set()
                await self._handle(event)
            self._task = None
        except BaseException as error:
            if not isinstance(error, GeneratorExit):  # the loop is gone
                self._task = self._spawn(self._run())
            raise

    async def _handle(self, event: Event) -> None:
        self._is_calling = True
        try:
            result = self._target(event)
            if result is not None:
                self._awaited = result if isinstance(result, CoroutineType) else awaited(result)
                await self._awaited
        except BaseException as error:
            if isinstance(error, Exception | asyncio.CancelledError):
                self._on_error(self.subscription, event, error)
            if not is_failure(error):
                raise
        finally:
            self._is_calling = False

    async def finish(self) -> None:
        """Wait until the queue is empty and its last event handled; inside `target`, which cannot wait for itself, do
        not.
        """
        while self._task is not None and not self.is_on_stack:
            await asyncio.wait([self._task])
