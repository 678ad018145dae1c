"""A journal that forgets with the process: for simulations, where everything is in the run folder afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quantai.core.account import AccountChange
from quantai.events import Event, OrderEvent
from quantai.oms.journal.base import Journal, JournalledEvent, Note, Recovered, Written
from quantai.oms.models import Order


class MemoryJournal(Journal):
    """Keeps nothing: the OMS remembers what it needs while it runs."""

    is_durable = False
    is_available = True
    counts: Mapping[str, int] = {}

    async def start(self) -> Recovered:
        return Recovered()

    async def close(self) -> None:
        """Nothing is left to be written."""

    def append(
        self, order: Order, event: OrderEvent, account: AccountChange | None = None, then: Written | None = None
    ) -> None:
        if then is not None:
            then(True)

    def book(self, event: Event, account: AccountChange) -> None:
        """Nothing is kept."""

    def note(self, note: Note) -> None:
        """Nothing is kept."""

    def put(self, key: str, value: str, then: Written | None = None) -> None:
        if then is not None:
            then(True)

    async def find(self, client_order_id: str) -> Order | None:
        return None

    async def find_by_venue_id(self, venue: str, venue_order_id: str) -> Order | None:
        return None

    async def children(self, client_order_id: str, limit: int) -> Sequence[Order]:
        return ()

    async def story(self, client_order_id: str) -> Sequence[JournalledEvent]:
        return ()
