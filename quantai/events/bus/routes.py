"""Who gets an event: resolved once per topic, then a look-up."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from operator import attrgetter
from types import FunctionType
from typing import Any

from quantai.events.base import Event
from quantai.events.bus.base import Handler, Subscription

# A daemon that met more topics than this forgets them all and resolves anew.
MAX_TOPICS = 100_000

_INSTRUMENT_FIELDS = ("venue", "symbol")


class Step:
    """One subscriber of a topic and the step after it. Following a chain is cheaper than iterating a tuple.

    `publish` is how an event is published from this step on, where that may have to wait; None where all handlers are
    plain functions, which are just called.
    """

    __slots__ = ("handler", "next", "publish", "subscription")

    def __init__(self, subscription: Subscription, following: Step | None) -> None:
        self.subscription = subscription
        self.handler = subscription.handler
        self.next = following
        self.publish: Publish | None = None


Publish = Callable[[Any, Step], Awaitable[None]]
ChoosePublish = Callable[[Step], Publish | None]


def has_coroutines(step: Step | None) -> bool:
    """Whether any subscriber from `step` on is known to make coroutines."""
    while step is not None:
        handler = step.handler
        if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__):
            return True
        step = step.next
    return False


def is_coroutine_function(handler: Handler) -> bool:
    """Whether `handler` is an `async def` and nothing around it, so that it returns a coroutine and nothing else."""
    function = getattr(handler, "__func__", handler)
    return isinstance(function, FunctionType) and bool(function.__code__.co_flags & inspect.CO_COROUTINE)


class RouteTable:
    """The first step of every topic; None where nobody subscribes.

    `by_instrument` is what a bus may look into itself, `[class][venue][symbol]`: market data are most of all events,
    and nested dictionaries the fastest of keys. A topic that is not in there must be asked for with `find`.
    """

    def __init__(self, max_topics: int = MAX_TOPICS, choose_publish: ChoosePublish | None = None) -> None:
        self.by_instrument: dict[type[Event], dict[str, dict[str, Step | None]]] = {}
        self._others: dict[type[Event], tuple[Callable[[Any], Any], dict[Any, Step | None]]] = {}
        self._subscriptions: list[Subscription] = []
        self._max_topics = max_topics
        self._choose_publish = choose_publish
        self._topics = 0

    def add(self, subscription: Subscription) -> None:
        """Count `subscription` in from now on, after all others."""
        self._subscriptions.append(subscription)
        self._forget()

    def remove(self, subscription: Subscription) -> None:
        """Count `subscription` out from now on, where it is in."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
            self._forget()

    def is_wanted(self, topic: str) -> bool:
        """Whether any subscription matches `topic`."""
        return any(subscription.matches(topic) for subscription in self._subscriptions)

    def find(self, event: Any) -> Step | None:
        """The first of the event's subscribers."""
        table, key = self._place(event)
        if key not in table:
            if self._topics >= self._max_topics:
                self._forget()
                table, key = self._place(event)
            self._topics += 1
            table[key] = self._resolve(event.topic)
        return table[key]

    def _place(self, event: Any) -> tuple[dict[Any, Step | None], Any]:
        cls = event.__class__
        if cls.topic_fields == _INSTRUMENT_FIELDS:
            return self.by_instrument.setdefault(cls, {}).setdefault(event.venue, {}), event.symbol
        if cls not in self._others:
            self._others[cls] = (attrgetter(*cls.topic_fields) if cls.topic_fields else type, {})
        key_of, table = self._others[cls]
        return table, key_of(event)

    def _resolve(self, topic: str) -> Step | None:
        step = None
        for subscription in reversed(self._subscriptions):
            if subscription.matches(topic):
                step = Step(subscription, step)
        if step is not None and self._choose_publish is not None:
            step.publish = self._choose_publish(step)
        return step

    def _forget(self) -> None:
        self.by_instrument.clear()
        self._others.clear()
        self._topics = 0
