"""The bus between processes and hosts, over Redis Streams."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from dataclasses import asdict
from uuid import uuid4

from redis.exceptions import RedisError

from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.core.errors import BusError, StartupError
from quantai.events.base import Event
from quantai.events.bus.base import EventBus, Handler, Overflow, QueuePolicy, Subscription
from quantai.events.bus.memory import MemoryEventBus
from quantai.events.bus.redis.counters import RedisCounters
from quantai.events.bus.redis.delivery import Delivery, MarkedHandler, flush_of
from quantai.events.bus.redis.inbox import Inbox
from quantai.events.bus.redis.link import COMPONENT, Link, text_of
from quantai.events.bus.redis.outbox import Outbox
from quantai.events.bus.redis.sender import Sender
from quantai.events.bus.redis.settings import RedisSettings
from quantai.events.bus.redis.streams import EVENTS, STREAMS, stream_of
from quantai.events.bus.redis.tasks import stop
from quantai.events.system import GapEvent
from quantai.events.topics import compile_patterns

logger = logging.getLogger(__name__)


class RedisEventBus(EventBus):
    """`local`, and beyond it every process whose bus has the same name.

    Locally the contract of `EventBus` holds whatever Redis does. What matches `settings.publish` also goes to the other
    processes, in batches and in the order of delivery here. What they publish, and `settings.receive` matches, is
    published here once anybody subscribes to its stream: each process's events in its order, all of one stream
    (see `streams`) in one order everywhere, at least once. What comes twice is skipped, but for what a killed process
    had handled last: of that, `is_redelivered` tells. Where a group resumes, an event is handled when its handlers are
    done with it; one that is a method of something with `async def flush()`, as a recorder's, when that is done too.

    Subscribe before `start` where a group resumes: what was published meanwhile comes at once.
    """

    def __init__(self, local: MemoryEventBus, settings: RedisSettings, clock: Clock) -> None:
        origin = uuid4().hex
        self._local = local
        self._settings = settings
        self._link = Link(settings, local, clock)
        self._delivery = Delivery(local)
        self._foreign = self._delivery.foreign
        self._inbox = Inbox(settings, origin, self._link, self._delivery)
        self._outboxes = {
            stream: Outbox(settings.key(stream), origin, settings.max_backlog, self._link.counters)
            for stream in STREAMS
        }
        self._outbox_of: dict[type[Event], Outbox] = {}
        self._sender = Sender(list(self._outboxes.values()), settings, self._link, self._announce)
        self._sending: asyncio.Task[None] | None = None
        self._is_forwarded = compile_patterns(settings.publish) if settings.publish else None

    @property
    def counters(self) -> RedisCounters:
        """What was counted so far."""
        return self._link.counters

    @property
    def counts(self) -> dict[str, int]:
        """The counters by name, and the backlog: for a line that people read."""
        return {**asdict(self.counters), "backlog": self.backlog}

    @property
    def backlog(self) -> int:
        """Events that Redis is not known to have."""
        return self._sender.backlog

    @property
    def is_connected(self) -> bool:
        """Whether Redis did all that it was asked last."""
        return self._sending is not None and self._link.is_up

    def is_redelivered(self, event: Event) -> bool:
        """Asked by a handler of `event`: whether a former run of this process may have handled it already."""
        return self._delivery.is_redelivered(event)

    async def start(self) -> None:
        """Connect. Raises `StartupError` where Redis cannot be used."""
        if self._sending is not None:
            raise BusError("the Redis bus was started already")
        await self._link.open()
        try:
            await self._inbox.prepare()
        except (RedisError, OSError) as error:
            await self._link.client.aclose()
            raise StartupError(
                f"the event bus cannot use the streams {self._settings.key('*')} in Redis: {text_of(error)}. "
                "Correct bus.name, or what bus.username may do"
            ) from None
        if self._settings.publish:
            await self._local.subscribe(self._settings.publish, self._forward, name=COMPONENT)
        self._sending = asyncio.create_task(self._sender.run(), name="send to Redis")
        await self._inbox.start()  # last, so that what is published in answer to others reaches them

    def _forward(self, event: Event) -> None:
        if self._foreign and id(event) in self._foreign:
            return
        cls = event.__class__
        if cls not in self._outbox_of:
            self._outbox_of[cls] = self._outboxes[stream_of(cls)]
        self._outbox_of[cls].put(event)
        self._sender.wake()

    def _announce(self, gap: GapEvent) -> None:
        """Tell here and, whatever else is published, elsewhere that events were lost."""
        if self._is_forwarded is None or not self._is_forwarded(gap.topic):
            self._outboxes[EVENTS].put(gap)
        self._link.tell(gap)

    def publish(self, event: Event) -> Awaitable[None]:
        return self._local.publish(event)

    def post(self, event: Event) -> None:
        self._local.post(event)

    def dispatch(self, event: Event) -> Awaitable[None] | None:
        return self._local.dispatch(event)

    async def subscribe(
        self, patterns: str | Sequence[str], handler: Handler, *, name: str = "", queue: QueuePolicy | None = None
    ) -> Subscription:
        name = name or getattr(handler, "__qualname__", type(handler).__name__)
        is_marked = self._settings.resume and queue is not None and queue.overflow is Overflow.BLOCK
        target = MarkedHandler(handler) if is_marked else handler
        subscription = await self._local.subscribe(patterns, target, name=name, queue=queue)
        if is_marked:
            self._delivery.marked.add(subscription)
        if self._settings.resume and (flush := flush_of(handler)) is not None:
            self._delivery.flushes[subscription] = flush
        await self._inbox.want(subscription.patterns)
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        """As the contract says. Where a group resumes and this was a recorder, no more is read: what it does not take
        any more must not count as handled.
        """
        if subscription in self._delivery.flushes:
            await self._inbox.end()
        await self._local.unsubscribe(subscription)
        self._delivery.marked.discard(subscription)

    @property
    def errors(self) -> int:
        """Errors that handlers raised so far."""
        return self._local.errors

    @property
    def overflows(self) -> int:
        """Events that the full local bus refused so far."""
        return self._local.overflows

    @property
    def is_busy(self) -> bool:
        return self._local.is_busy

    def is_wanted(self, topic: str) -> bool:
        """Whether anybody subscribes to `topic` here, or it is published to other processes, who may."""
        return self._local.is_wanted(topic)

    async def join(self) -> None:
        await self._local.join()

    async def close(self) -> None:
        """Take no more, deliver what was published, and wait until Redis has it, for at most
        `settings.close_timeout_ns`; what it does not have by then is logged and counted as dropped.
        """
        await self._local.close()
        if self._sending is None:
            return
        sending, self._sending = self._sending, None
        await stop(sending)
        for gap in self._sender.losses():
            self._outboxes[EVENTS].put(gap)
        finishing = asyncio.create_task(self._finish(), name="finish with Redis")
        try:
            await asyncio.wait([finishing], timeout=self._settings.close_timeout_ns / NS_PER_SECOND)
        finally:
            await stop(finishing)
            await self._inbox.stop()
            await self._link.client.aclose()
        unsent = sum(outbox.abandon() for outbox in self._outboxes.values())
        if unsent:
            logger.error("the Redis bus was closed before Redis answered: %d events were not sent to it", unsent)

    async def _finish(self) -> None:
        await self._sender.drain()
        await self._inbox.close()
