"""Reports on orders that are not in memory: the journal is asked, off the event path, and then they are applied."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from quantai.core.errors import QuantAIError
from quantai.exchanges.execution import ExecutionReport
from quantai.oms.journal import Journal
from quantai.oms.models import Order

logger = logging.getLogger(__name__)

Key = tuple[str, str, str]
"""Venue, client order id, venue order id."""

Found = Callable[[str, ExecutionReport, Order | None], None]
"""Takes the venue, what it said, and the order it said it of, where the journal knows it."""


class Lookups:
    """Keeps reports in their order, at most `max_waiting` of them; what is beyond that is handed on as not found."""

    def __init__(self, journal: Journal, on_answer: Found, max_waiting: int = 10_000) -> None:
        self._journal = journal
        self._on_answer = on_answer
        self._max_waiting = max_waiting
        self._waiting: dict[Key, list[ExecutionReport]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.waiting = 0

    def ask(self, venue: str, report: ExecutionReport) -> None:
        """Find the order of `report`; the answer comes later, but for a journal that keeps nothing."""
        if not self._journal.is_durable or self.waiting >= self._max_waiting:
            self._on_answer(venue, report, None)
            return
        key = (venue, report.client_order_id, report.venue_order_id)
        self.waiting += 1
        reports = self._waiting.setdefault(key, [])
        reports.append(report)
        if len(reports) == 1:
            task = asyncio.get_running_loop().create_task(self._find(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _find(self, key: Key) -> None:
        venue, client_order_id, venue_order_id = key
        order: Order | None = None
        try:
            if client_order_id:
                order = await self._journal.find(client_order_id)
            if order is not None and order.venue != venue:
                order = None  # other venues have orders of that name, too
            if order is None and venue_order_id:
                order = await self._journal.find_by_venue_id(venue, venue_order_id)
        except QuantAIError as error:
            logger.error("%s cannot be looked up in the journal: %s", client_order_id or venue_order_id, error)
        for report in self._waiting.pop(key):
            self.waiting -= 1
            self._on_answer(venue, report, order)

    async def close(self) -> None:
        """Wait for what is being looked up."""
        await asyncio.gather(*self._tasks)
