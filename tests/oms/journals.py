"""Journals for tests: one whose commits a test lets happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quantai.core.account import AccountChange
from quantai.core.errors import StoreError
from quantai.events import Event, OrderEvent
from quantai.oms.journal import Journal, JournalledEvent, Note, Recovered, Written
from quantai.oms.models import Order


class WaitingJournal(Journal):
    """Durable as far as it says. `commit` makes what waits durable, `refuse` tells that it is not."""

    counts: Mapping[str, int] = {}
    trouble = ""

    def __init__(self) -> None:
        self.available = True
        self.error: StoreError | None = None
        self.events: list[Event] = []
        self.accounts: list[AccountChange] = []
        self.notes: list[Note] = []
        self.settings: dict[str, str] = {}
        self.stored: dict[str, Order] = {}
        self.by_venue_id: dict[tuple[str, str], Order] = {}
        self.asked: list[str] = []
        self._waiting: list[Written] = []

    @property
    def is_available(self) -> bool:
        return self.available

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def commit(self) -> None:
        self._answer(True)

    def refuse(self) -> None:
        self._answer(False)

    def _answer(self, is_durable: bool) -> None:
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then(is_durable)

    async def start(self) -> Recovered:
        return Recovered()

    async def close(self) -> None:
        pass

    def append(
        self, order: Order, event: OrderEvent, account: AccountChange | None = None, then: Written | None = None
    ) -> None:
        self.events.append(event)
        if account is not None:
            self.accounts.append(account)
        if then is not None:
            self._waiting.append(then)

    def book(self, event: Event, account: AccountChange) -> None:
        self.events.append(event)
        self.accounts.append(account)

    def note(self, note: Note) -> None:
        self.notes.append(note)

    def put(self, key: str, value: str, then: Written | None = None) -> None:
        self.settings[key] = value
        if then is not None:
            self._waiting.append(then)

    async def find(self, client_order_id: str) -> Order | None:
        self.asked.append(client_order_id)
        if self.error is not None:
            raise self.error
        return self.stored.get(client_order_id)

    async def find_by_venue_id(self, venue: str, venue_order_id: str) -> Order | None:
        self.asked.append(f"{venue}:{venue_order_id}")
        return self.by_venue_id.get((venue, venue_order_id))

    async def children(self, client_order_id: str, limit: int) -> Sequence[Order]:
        self.asked.append(f"children of {client_order_id}")
        if self.error is not None:
            raise self.error
        return [order for order in self.stored.values() if order.parent_order_id == client_order_id][-limit:]

    async def story(self, client_order_id: str) -> Sequence[JournalledEvent]:
        return ()
