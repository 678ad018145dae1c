"""What already happened at a venue, page by page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from quantai.core.clock import iso_utc
from quantai.events import BarEvent, TradeEvent


@dataclass(frozen=True, slots=True)
class Hole:
    """Something that a venue should have had and did not give."""

    start_ns: int
    end_ns: int
    what: str

    def __str__(self) -> str:
        return f"{self.what} between {iso_utc(self.start_ns)[:19]} and {iso_utc(self.end_ns)[:19]}"


@dataclass(frozen=True, slots=True)
class TradePage:
    """Trades in order, how far the download has come, the number of the last, and what is missing in between."""

    events: Sequence[TradeEvent]
    done_ns: int
    last_id: str
    holes: Sequence[Hole] = ()


@dataclass(frozen=True, slots=True)
class BarPage:
    """As `TradePage`, of finished bars, which have no numbers."""

    events: Sequence[BarEvent]
    done_ns: int
    holes: Sequence[Hole] = ()


class History(ABC):
    """One venue's past. All times in nanoseconds UTC; a range is `start_ns <= time < end_ns`.

    Events have the venue's time as `ts_init` too: that is when they could have been known.
    """

    @abstractmethod
    def download_trades(self, symbol: str, start_ns: int, end_ns: int, after: str = "") -> AsyncIterator[TradePage]:
        """Every trade in the range, oldest first, each once. `after` is the number of the last trade before the start,
        where it is known: then none between it and the first here is missed. Raises `VenueError`, `UnknownInstrument`.
        """

    @abstractmethod
    def download_bars(self, symbol: str, interval_ns: int, start_ns: int, end_ns: int) -> AsyncIterator[BarPage]:
        """Every bar that begins in the range and is finished, oldest first. Raises `VenueError`, `UnknownInstrument`,
        and `ConfigError` for an interval that the venue has no bars of.
        """
