"""Hands events of other processes to the local bus, and knows when they are handled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from inspect import iscoroutinefunction
from typing import Any, NamedTuple

from quantai.core.errors import BusClosed
from quantai.events.base import Event
from quantai.events.bus.base import EventBus, Handler, Subscription

Flush = Callable[[], Awaitable[object]]


class Delivered(NamedTuple):
    """How many events the local bus took (not all where it was closed); `handled`, where it is not None, is done when
    all subscribers have handled them.
    """

    published: int
    handled: asyncio.Task[None] | None


class _Mark:
    """Put into a subscriber's queue: when it comes out, all before it was handled."""

    __slots__ = ("reached",)

    def __init__(self) -> None:
        self.reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class MarkedHandler:
    """The handler of a subscriber with a queue that loses nothing; it understands marks."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def __call__(self, event: Any) -> Awaitable[Any] | None:
        if event.__class__ is _Mark:
            event.reached.set_result(None)
            return None
        return self._handler(event)


def flush_of(handler: Handler) -> Flush | None:
    """What makes safe what `handler` took: the `flush` of whose method it is; None where there is none."""
    flush = getattr(getattr(handler, "__self__", None), "flush", None)
    return flush if iscoroutinefunction(flush) else None


class Delivery:
    """Publishes on `local` what came from other processes. `marked` are the subscriptions with a `MarkedHandler`,
    `flushes` makes safe what the subscribers that have one only hold, those that left included.
    """

    def __init__(self, local: EventBus) -> None:
        self.marked: set[Subscription] = set()
        self.flushes: dict[Subscription, Flush] = {}
        self._local = local
        self.foreign: dict[int, Event] = {}
        """What is being delivered and came from other processes, by identity, which no other can have meanwhile."""
        self._redelivered: set[int] = set()

    def is_redelivered(self, event: Event) -> bool:
        """Whether a former run may have handled `event` already, while it is being delivered."""
        return id(event) in self._redelivered

    async def deliver(self, events: Sequence[Event], is_redelivered: bool = False) -> Delivered:
        """Publish `events` in order, waiting for room."""
        identities = list(map(id, events))
        self.foreign.update(zip(identities, events, strict=True))
        if is_redelivered:
            self._redelivered.update(identities)
        published, last_is_handled = 0, None
        try:
            for event in events:
                if event is events[-1] and self._local.is_busy:
                    last_is_handled = await self._after(event)
                await self._local.publish(event)
                published += 1
        except BusClosed:
            self._forget(identities)
            return Delivered(published, None)
        if last_is_handled is None and not self.marked:
            self._forget(identities)
            return Delivered(published, None)
        return Delivered(published, asyncio.create_task(self._settle(last_is_handled, identities)))

    async def _settle(self, last_is_handled: asyncio.Future[None] | None, identities: Iterable[int]) -> None:
        try:
            if last_is_handled is not None:
                await last_is_handled
            for mark in [await self._mark(subscription) for subscription in tuple(self.marked)]:
                await mark.reached
        finally:
            self._forget(identities)

    def _forget(self, identities: Iterable[int]) -> None:
        for identity in identities:
            self.foreign.pop(identity, None)
        if self._redelivered:
            self._redelivered.difference_update(identities)

    async def _after(self, event: Event) -> asyncio.Future[None]:
        """Done when `event`, which has to wait its turn, was handled: who subscribes last hears of it last."""
        handled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def last(heard: Event) -> None:
            if heard is event:
                handled.set_result(None)
                await self._local.unsubscribe(subscription)

        subscription = await self._local.subscribe(event.topic, last, name="redis bus")
        return handled

    async def _mark(self, subscription: Subscription) -> _Mark:
        mark = _Mark()
        full: Any = subscription.handler(mark)
        if full is not None:
            await full
        return mark
