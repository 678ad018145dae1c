"""Where a replay gets its market events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

from quantai.events import MarketEvent

Wanted = Callable[[str], bool]


class MarketDataSource(ABC):
    """Market events of one or many instruments, in order of `ts_init`, stable among equals."""

    @abstractmethod
    def range_ns(self) -> tuple[int, int]:
        """The `ts_init` of the first event and a bound on the last, both nanoseconds UTC: for clocks and progress bars.

        Raises `StoreError` where there is nothing to replay.
        """

    @abstractmethod
    def batches(self, is_wanted: Wanted) -> Iterator[Sequence[MarketEvent]]:
        """The events whose topics `is_wanted` says are subscribed, a slice (about 1,024) at a time; nothing else is
        built.
        """

    @abstractmethod
    def describe(self) -> str:
        """One line for people: what is replayed."""
