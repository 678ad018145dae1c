"""The contract of every event bus.

- Delivery is single-threaded and runs to completion: an event published while another is being handled waits its turn (FIFO),
  so every subscriber sees the same order. Subscribers of one event are called in the order they subscribed.
- `*` in a pattern matches any run of characters. One subscription gets an event once.
- A handler is a plain function or a coroutine function. One that fails never stops another: its error becomes an
  `ErrorEvent` at `system.error.<name>`, a counter and a log line.
- A change of subscriptions counts from the next event on; the one being delivered goes to those who were there when it began.
- A subscriber that does I/O asks for a bounded queue of its own and says what happens when that is full (`Overflow`).
- Nothing is published after `close`, which first delivers what was published before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from quantai.events.base import Event

Handler = Callable[[Any], Awaitable[Any] | None]


class Overflow(StrEnum):
    """What a full subscriber queue does with one more event."""

    BLOCK = "block"
    DROP_OLDEST = "drop_oldest"
    CONFLATE = "conflate"


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """A subscriber's own queue: at most `size` events; `CONFLATE` keeps the newest event of each topic."""

    size: int = 65_536
    overflow: Overflow = Overflow.BLOCK


class Subscription:
    """One subscriber; `name` says whose it is in errors and counters."""

    __slots__ = ("dropped", "errors", "handler", "matches", "name", "pattern")

    def __init__(self, pattern: str, matches: Callable[[str], bool], handler: Handler, name: str) -> None:
        self.pattern = pattern
        self.matches = matches
        self.handler = handler
        self.name = name
        self.errors = 0
        self.dropped = 0


class EventBus(ABC):
    """Publish and subscribe; the module's docstring is the contract."""

    __slots__ = ()

    published: int
    """Events delivered so far."""
    errors: int
    """Errors that handlers raised so far."""

    @abstractmethod
    async def publish(self, event: Event) -> None:
        """Deliver `event`, or queue it behind the one being delivered. Waits where the bus is full."""

    @abstractmethod
    def post(self, event: Event) -> None:
        """Publish from plain code, which cannot wait. Raises `BusOverflow` where the bus is full."""

    @abstractmethod
    def dispatch(self, event: Event) -> Awaitable[None] | None:
        """Publish without the cost of a coroutine: None when done, else what must be awaited before the next event."""

    @abstractmethod
    async def subscribe(
        self, pattern: str, handler: Handler, *, name: str = "", queue: QueuePolicy | None = None
    ) -> Subscription:
        """Call `handler` with every event whose topic matches `pattern`, from the next event on."""

    @abstractmethod
    async def unsubscribe(self, subscription: Subscription) -> None:
        """No more calls; what waits in the subscriber's own queue is still delivered."""

    @property
    @abstractmethod
    def is_busy(self) -> bool:
        """Whether an event is being delivered; what is published now waits behind it."""

    @abstractmethod
    def is_wanted(self, topic: str) -> bool:
        """Whether anybody subscribes to `topic`: sources ask before they build anything."""

    @abstractmethod
    async def join(self) -> None:
        """Wait until every published event is handled, queues included."""

    @abstractmethod
    async def close(self) -> None:
        """Deliver what was published, then take no more."""
