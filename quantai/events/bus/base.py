"""The contract of every event bus.

- Delivery is single-threaded and runs to completion: an event published while another is being handled waits its turn
  (FIFO), so every subscriber sees the same order. Subscribers of one event are called in the order they subscribed.
- `*` in a pattern matches any run of characters. One subscription gets an event once, however many of its patterns
  match.
- A handler is a plain function or a coroutine function. One that fails never stops another: its error becomes an
  `ErrorEvent` at `system.error.<name>`, a counter and a log line.
- A change of subscriptions counts from the next event on; the one being delivered goes to those who were there when it
  began.
- A handler runs in the task that publishes. Who cancels that task cancels the handler that it waits for (an error of
  that handler), nothing else: the event's other subscribers and all that waits are served from a task of the bus.
- A subscriber that does I/O asks for a bounded queue of its own and says what happens when that is full (`Overflow`).
  It is called from a task of its own; what it publishes is not delivered before it goes on.
- Nothing is published after `close` was called, but what the handlers of earlier events publish while these are
  delivered.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from quantai.core.errors import BusError
from quantai.events.base import Event
from quantai.events.topics import compile_patterns

Handler = Callable[[Any], Awaitable[Any] | None]


class Overflow(StrEnum):
    """What a full subscriber queue does with one more event.

    `BLOCK` makes delivery wait for room, so nothing is lost and everybody waits; `DROP_OLDEST` drops what waited
    longest. `CONFLATE` keeps the newest event of each topic, in the place of the first that waited; the topic that
    waited longest goes when there are more topics than places. What was dropped or replaced is counted in
    `Subscription.dropped`.
    """

    BLOCK = "block"
    DROP_OLDEST = "drop_oldest"
    CONFLATE = "conflate"


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """A subscriber's own queue: at most `size` events, and one more that makes delivery wait where `overflow` is
    `BLOCK`.
    """

    size: int = 65_536
    overflow: Overflow = Overflow.BLOCK

    def __post_init__(self) -> None:
        if self.size < 1:
            raise BusError(f"a subscriber's queue must hold at least 1 event, not {self.size}")


class Subscription:
    """One subscriber; `name` says whose it is in errors and counters.

    Raises `BusError` for patterns that can match nothing.
    """

    __slots__ = ("dropped", "errors", "handler", "matches", "name", "patterns")

    def __init__(self, patterns: str | Sequence[str], handler: Handler, name: str) -> None:
        self.patterns = (patterns,) if isinstance(patterns, str) else tuple(patterns)
        self.matches = compile_patterns(self.patterns)
        self.handler = handler
        self.name = name
        self.errors = 0
        self.dropped = 0


class EventBus(ABC):
    """Publish and subscribe; the module's docstring is the contract."""

    __slots__ = ()

    @property
    @abstractmethod
    def errors(self) -> int:
        """Errors that handlers raised so far."""

    @property
    @abstractmethod
    def overflows(self) -> int:
        """Events that were refused because too many waited."""

    @abstractmethod
    def publish(self, event: Event) -> Awaitable[None]:
        """Deliver `event` and what its handlers publish, or queue it behind the one being delivered.

        To be awaited at once; what needs no waiting may be done before.

        Where the bus is full, waits for room; inside a handler that would wait for itself, so it raises `BusOverflow`
        there. Raises `BusClosed` after `close`.
        """

    @abstractmethod
    def post(self, event: Event) -> None:
        """Publish from plain code, which cannot wait. Raises `BusOverflow` where the bus is full, `BusClosed` after
        `close`.
        """

    @abstractmethod
    def dispatch(self, event: Event) -> Awaitable[None] | None:
        """Publish without the cost of a coroutine: None when done, else what must be awaited before the next event.

        Raises as `post` does.
        """

    @abstractmethod
    async def subscribe(
        self, patterns: str | Sequence[str], handler: Handler, *, name: str = "", queue: QueuePolicy | None = None
    ) -> Subscription:
        """Call `handler` with every event whose topic matches a pattern, or any of several, from the next event on."""

    @abstractmethod
    async def unsubscribe(self, subscription: Subscription) -> None:
        """No more calls from the next event on; what waits in the subscriber's own queue is still delivered, and waited
        for.
        """

    @property
    @abstractmethod
    def is_busy(self) -> bool:
        """Whether an event is being delivered; what is published now waits behind it."""

    @abstractmethod
    def is_wanted(self, topic: str) -> bool:
        """Whether anybody subscribes to `topic`: sources ask before they build anything."""

    @abstractmethod
    async def join(self) -> None:
        """Wait until every published event is handled, queues included. Raises `BusError` inside a handler."""

    @abstractmethod
    async def close(self) -> None:
        """Take no more, and deliver what was published. Raises `BusError` inside a handler, which it would wait for."""
