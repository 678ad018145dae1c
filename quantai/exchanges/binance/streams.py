"""Which of Binance's streams, or requests, have what the topics ask for.

Source: Binance Spot API, «WebSocket Streams»; USD-M and COIN-M Futures API, «WebSocket Market Streams».
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import StartupError
from quantai.exchanges.binance.intervals import FUTURES_INTERVALS, SPOT_INTERVALS
from quantai.exchanges.mapper import InstrumentMapper
from quantai.exchanges.streaming import kind_and_symbol

PARTIAL_DEPTHS = (5, 10, 20)
_SPOT_PACES = {"100ms": "@100ms", "1000ms": ""}
_FUTURES_PACES = {"100ms": "@100ms", "250ms": "", "500ms": "@500ms"}
"""How streams of books are called; the usual pace has no name."""

SPOT_CHANNELS = frozenset({"tick", "trade", "book", "book_delta", "bar"})
FUTURES_CHANNELS = SPOT_CHANNELS | {"mark_price", "funding_rate", "open_interest", "liquidation", "status"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDataSettings:
    """What is asked of Binance's market data. Lengths of time are nanoseconds."""

    book_depth: int = 500
    """Levels of each side that a snapshot is asked for: 200 symbols fit into the budget of one minute."""
    book_speed: str = "100ms"
    """Between two updates of a book: `100ms`; `1000ms` on spot, `250ms` and `500ms` on futures."""
    book_interval_ns: int = 0
    """Between two whole books of a symbol; 0: only when it is put together."""
    partial_depth: int = 0
    """5, 10 or 20: books come whole, with so many levels, where no updates are wanted. 0: they are put together."""
    bar_intervals: tuple[str, ...] = ("1m",)
    open_interest_interval_ns: int = 60 * NS_PER_SECOND
    max_missed_trades: int = 10_000
    """After an outage up to so many trades of a symbol are fetched; a gap row tells of more."""

    def __post_init__(self) -> None:
        if self.partial_depth and self.partial_depth not in PARTIAL_DEPTHS:
            raise StartupError(f"partial_depth must be 0 or one of {PARTIAL_DEPTHS}, not {self.partial_depth}")
        if self.book_depth < 5:
            raise StartupError(f"book_depth must be at least 5, not {self.book_depth}")


@dataclass(slots=True)
class Wanted:
    """What the topics come down to."""

    topics: frozenset[str] = frozenset()
    streams: dict[str, str] = field(default_factory=dict)
    """Names of streams, each with its symbol (empty for one of all symbols)."""
    books: set[str] = field(default_factory=set)
    """Symbols whose books are put together."""
    open_interest: set[str] = field(default_factory=set)
    """Symbols whose open interest is asked for."""


def wanted(
    venue: str, topics: Iterable[str], mapper: InstrumentMapper, settings: MarketDataSettings, *, is_futures: bool
) -> Wanted:
    """What to stream. Raises `UnknownInstrument` for a symbol that is not listed, `StartupError` for a channel or a bar
    that Binance does not have.
    """
    unknown = set(settings.bar_intervals).difference(FUTURES_INTERVALS if is_futures else SPOT_INTERVALS)
    if unknown:
        raise StartupError(f"{venue} has no bars of {', '.join(sorted(unknown))}: change bar_intervals")
    paces = _FUTURES_PACES if is_futures else _SPOT_PACES
    if settings.book_speed not in paces:
        raise StartupError(f"{venue} has books every {', '.join(paces)}, not every {settings.book_speed}: book_speed")
    pace = paces[settings.book_speed]
    found = Wanted(frozenset(topics))
    for topic in sorted(found.topics):
        kind, symbol = kind_and_symbol(topic, venue)
        if kind not in (FUTURES_CHANNELS if is_futures else SPOT_CHANNELS) or not symbol:
            raise StartupError(f"{venue} has no {topic}: it streams {', '.join(sorted(FUTURES_CHANNELS))}, spot less")
        name = mapper.to_venue(symbol).lower()
        has_deltas = f"market.book_delta.{venue}.{symbol}" in found.topics
        if kind == "open_interest":
            found.open_interest.add(symbol)
        elif kind == "status":
            found.streams["!contractInfo"] = ""
        elif kind == "book" and settings.partial_depth and not has_deltas:
            found.streams[f"{name}@depth{settings.partial_depth}{pace}"] = symbol
        elif kind in ("book", "book_delta"):
            found.books.add(symbol)
            found.streams[f"{name}@depth{pace}"] = symbol
        else:
            found.streams |= dict.fromkeys(_streams(name, kind, settings, is_futures=is_futures), symbol)
    return found


def _streams(name: str, kind: str, settings: MarketDataSettings, *, is_futures: bool) -> list[str]:
    if kind == "bar":
        return [f"{name}@kline_{interval}" for interval in settings.bar_intervals]
    if kind == "trade":
        return [f"{name}@aggTrade" if is_futures else f"{name}@trade"]
    return [f"{name}@{_NAMES[kind]}"]


_NAMES = {
    "tick": "bookTicker",
    "mark_price": "markPrice@1s",
    "funding_rate": "markPrice@1s",
    "liquidation": "forceOrder",
}
