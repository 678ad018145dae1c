"""How venues number the updates of their order books, and how to see from the numbers that none is missing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

Continues = Callable[[int, int, int, int], bool]
"""Of the id a book is at, and an update's first, last and previous id: whether the update may be applied."""


class Chain(ABC):
    """How a venue numbers its updates: each has a `first` id, a `last` one, and the `previous` update's last."""

    @abstractmethod
    def bridges(self, book: int, first: int, last: int, previous: int) -> bool:
        """Whether this may be the first update after a snapshot that contains all up to the id `book`."""

    @abstractmethod
    def follows(self, book: int, first: int, last: int, previous: int) -> bool:
        """Whether this update may be applied to a book whose last update ended at `book`."""


class RangeChain(Chain):
    """Every id belongs to one update: the next begins where the last ended.

    Source: Binance Spot API, «How to manage a local order book correctly».
    """

    def bridges(self, book: int, first: int, last: int, previous: int) -> bool:
        return first <= book + 1 <= last

    def follows(self, book: int, first: int, last: int, previous: int) -> bool:
        return first <= book + 1


class PreviousChain(Chain):
    """Each update names the last id of the one before it; ids in between belong to nobody.

    An update that begins after the snapshot bridges too where the one before it ended within: none lies between.

    Source: Binance USD-M Futures API, «How to manage a local order book correctly».
    """

    def bridges(self, book: int, first: int, last: int, previous: int) -> bool:
        return first <= book <= last or previous <= book < first

    def follows(self, book: int, first: int, last: int, previous: int) -> bool:
        return previous == book
