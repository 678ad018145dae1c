"""What drives a running daemon: a replay, or the venues."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable

from quantai.core.clock import Clock

logger = logging.getLogger(__name__)

_POLL_S = 0.01


class Feed(ABC):
    """Brings market events until it ends or is stopped. `events` counts them."""

    events: int = 0

    async def start(self) -> None:
        """Connect. Raises `StartupError`."""
        return

    @abstractmethod
    async def run(self) -> None:
        """Returns when the data ends, or after `stop`."""

    @abstractmethod
    def stop(self) -> None:
        """Make `run` return soon."""

    def toggle_pause(self) -> None:
        """Hold events back, or go on with them, where that can be: a replay can, venues cannot."""
        logger.warning("live market data cannot be paused")

    @abstractmethod
    async def settle(self, is_settled: Callable[[], bool], limit_ns: int) -> None:
        """Let time pass without market events until `is_settled`, at most `limit_ns`: for what is still under way."""

    async def close(self) -> None:
        """Disconnect."""
        return


class LiveFeed(Feed):
    """A feed that ends when it is stopped, and lives in real time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stopped = asyncio.Event()
        self.events = 0

    def stop(self) -> None:
        """Make `run` return."""
        self._stopped.set()

    async def settle(self, is_settled: Callable[[], bool], limit_ns: int) -> None:
        """Wait until `is_settled`, at most `limit_ns` of real time."""
        deadline_ns = self._clock.now_ns() + limit_ns
        while not is_settled() and self._clock.now_ns() < deadline_ns:
            await asyncio.sleep(_POLL_S)
