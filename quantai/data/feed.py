"""What drives a running daemon: a replay, or the venues."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable

logger = logging.getLogger(__name__)


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
