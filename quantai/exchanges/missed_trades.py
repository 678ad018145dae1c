"""Fetches the trades that a stream did not bring, where their ids tell which, and says so where it cannot."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from quantai.core.clock import Clock
from quantai.core.errors import VenueError
from quantai.events import Event, GapEvent

logger = logging.getLogger(__name__)

_MAX_WAITING = 1_000

FetchTrades = Callable[[str, int], Awaitable[None]]


@dataclass(slots=True)
class MissingTrades:
    """A hole in the ids of an instrument's trades: from `next_id` up to, not including, `end_id`.

    Both are 0 where the venue began to count anew, so that nobody knows what is missing.
    """

    symbol: str
    next_id: int
    end_id: int
    since_ns: int
    """When the last trade before it came."""
    until_ns: int
    """When the first one after it came."""


class MissedTrades:
    """Fills holes one after another. `filled` counts those that were, `given_up` those that became gap rows."""

    def __init__(
        self, venue: str, fetch: FetchTrades, clock: Clock, publish: Callable[[Event], None], *, max_trades: int
    ) -> None:
        """`fetch(symbol, from_id)` brings the trades of a symbol from an id on, as many as a request gives, which moves
        `next_id` of the hole; it raises `VenueError`. Of a symbol at most `max_trades` are fetched at a time.
        """
        self._venue = venue
        self._fetch = fetch
        self._clock = clock
        self._publish = publish
        self._max_trades = max_trades
        self._waiting: deque[MissingTrades] = deque()
        self._wake = asyncio.Event()
        self.filled = 0
        self.given_up = 0

    def add(self, hole: MissingTrades) -> None:
        """Fill it, when its turn comes."""
        missing = hole.end_id - hole.next_id
        if 0 < missing <= self._max_trades and len(self._waiting) < _MAX_WAITING:
            self._waiting.append(hole)
            self._wake.set()
        else:
            self._give_up(hole, "trades are missing" if missing else "the venue's trade ids began anew")

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            await self._fill(self._waiting[0])
            self._waiting.popleft()

    async def _fill(self, hole: MissingTrades) -> None:
        try:
            while hole.next_id < hole.end_id:
                before = hole.next_id
                await self._fetch(hole.symbol, before)
                if hole.next_id <= before:
                    break
        except VenueError as error:
            logger.warning("%s %s: missed trades cannot be fetched: %s", self._venue, hole.symbol, error)
        except Exception:  # what one answer breaks is no reason to end every stream
            logger.exception("%s %s: missed trades cannot be fetched", self._venue, hole.symbol)
        if hole.next_id < hole.end_id:
            self._give_up(hole, "trades are missing")
        else:
            self.filled += 1

    def stop(self) -> None:
        """Say of all that is not filled that it is missing."""
        while self._waiting:
            self._give_up(self._waiting.popleft(), "trades are missing")

    def _give_up(self, hole: MissingTrades, reason: str) -> None:
        self.given_up += 1
        now_ns = self._clock.now_ns()
        lost = hole.end_id - hole.next_id
        self._publish(
            GapEvent(self._venue, now_ns, now_ns, self._venue, hole.symbol, hole.since_ns, hole.until_ns, lost, reason)
        )
