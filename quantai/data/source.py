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
        """The events whose topics `is_wanted` says are subscribed, a slice (1 to about 1,024) at a time; nothing else
        is built.

        `is_wanted` is asked now. The iterator may be advanced in a worker thread.
        """

    @abstractmethod
    def describe(self) -> str:
        """One line for people: what is replayed."""

    def batches_from(self, start_ns: int, is_wanted: Wanted) -> Iterator[Sequence[MarketEvent]]:
        """As `batches`, without the events before `start_ns` (by `ts_init`).

        A source that finds a time faster than by going through all that is before it overrides this.
        """
        return _from(start_ns, self.batches(is_wanted))


def _from(start_ns: int, batches: Iterator[Sequence[MarketEvent]]) -> Iterator[Sequence[MarketEvent]]:
    for batch in batches:
        rest = batch if batch[0].ts_init >= start_ns else [event for event in batch if event.ts_init >= start_ns]
        if rest:
            yield rest
