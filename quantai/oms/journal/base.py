"""What a journal is. Everything here is called on the event loop and waits for nothing, unless it is a coroutine.

What is given to a journal is kept in the order in which it was given; a row of the order as it is after an event is
written in one transaction with the event.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

import msgspec

from quantai.core.account import AccountChange
from quantai.events import Event, OrderEvent
from quantai.oms.models import Order

Written = Callable[[bool], None]
"""Called once, on the event loop: whether what was given is durable. False means that it may, or may not, be kept."""


class NoteKind(StrEnum):
    """What is kept beside an order's events, to explain it."""

    RISK = "risk"
    """The numbers that risk compared, and the limits."""
    ROUTE = "route"
    """The scores of all candidates, and why one was chosen."""
    REPORT = "report"
    """What the venue said, as it came."""


class Note(msgspec.Struct, frozen=True, gc=False):
    """Something that explains an order. `body` is anything msgspec can encode; it is encoded off the event loop."""

    client_order_id: str
    ts_ns: int
    kind: NoteKind
    body: object


@dataclass(frozen=True, slots=True)
class JournalledEvent:
    """An event, or a note, of an order's story: `body` is its JSON as plain objects."""

    sequence: int
    ts_ns: int
    kind: str
    body: Mapping[str, object]


@dataclass(slots=True)
class Recovered:
    """What an earlier run left: all open orders with their families and the newest closed ones, in the order in which
    they were made, with their trade ids; the account as it was last; and the settings.
    """

    orders: list[Order] = field(default_factory=list)
    account: AccountChange = field(default_factory=AccountChange)
    settings: dict[str, str] = field(default_factory=dict)


class Journal(ABC):
    """Keeps orders and their events."""

    is_durable: ClassVar[bool] = True
    """Whether what it keeps survives the process."""

    @property
    @abstractmethod
    def is_available(self) -> bool:
        """Whether new orders can be kept now. While it is False they are denied; all else is kept until it can be
        written.
        """

    @property
    def trouble(self) -> str:
        """Why nothing becomes durable, where that is known; else empty."""
        return ""

    @property
    @abstractmethod
    def counts(self) -> Mapping[str, int]:
        """What happened so far, by name."""

    @abstractmethod
    async def start(self) -> Recovered:
        """Open, migrate and read what is there. Raises `StartupError` where that is not possible."""

    @abstractmethod
    async def close(self) -> None:
        """Write what waits, then close. Raises `StoreError` where something could not be written."""

    @abstractmethod
    def append(
        self, order: Order, event: OrderEvent, account: AccountChange | None = None, then: Written | None = None
    ) -> None:
        """Keep `event`, the order as it is now, and what the event made of the account, in one transaction."""

    @abstractmethod
    def book(self, event: Event, account: AccountChange) -> None:
        """Keep what `event`, which is no order's, made of the account."""

    @abstractmethod
    def note(self, note: Note) -> None:
        """Keep something that explains an order."""

    @abstractmethod
    def put(self, key: str, value: str, then: Written | None = None) -> None:
        """Keep a setting under `key`, in place of what was there."""

    @abstractmethod
    async def find(self, client_order_id: str) -> Order | None:
        """The order of that id, with its trade ids. Raises `StoreError` where the journal cannot be asked."""

    @abstractmethod
    async def find_by_venue_id(self, venue: str, venue_order_id: str) -> Order | None:
        """The order that the venue calls, or once called, so. Raises as `find`."""

    @abstractmethod
    async def children(self, client_order_id: str, limit: int) -> Sequence[Order]:
        """The newest `limit` children of an order, oldest of them first, without their trade ids. Raises as `find`."""

    @abstractmethod
    async def story(self, client_order_id: str) -> Sequence[JournalledEvent]:
        """Events and notes of an order, oldest first. Raises as `find`."""
