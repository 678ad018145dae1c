"""What drives a running daemon: a replay, or the venues."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable


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

    @abstractmethod
    async def settle(self, is_settled: Callable[[], bool], limit_ns: int) -> None:
        """Let time pass without market events until `is_settled`, at most `limit_ns`: for what is still under way."""

    async def close(self) -> None:
        """Disconnect."""
        return
