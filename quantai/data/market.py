"""The last that was seen of each market: what risk, valuation and strategies ask for a price."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from functools import lru_cache

from quantai.core.numbers import MAX_MAGNITUDE
from quantai.events import BarEvent, MarketEvent, MarkPriceEvent, TickEvent, TradeEvent

Key = tuple[str, str]
Quotes = tuple[Decimal | None, Decimal | None]

_HALF = Decimal("0.5")
_LARGEST = float(MAX_MAGNITUDE)

# In the order in which they are asked for a price.
_PLACES: dict[type[MarketEvent], int] = {MarkPriceEvent: 0, TickEvent: 1, TradeEvent: 2, BarEvent: 3}


class Seen:
    """The newest events of one instrument, and the exact prices in them: each is made once an event, when asked for.

    `last` has the newest mark price, tick, trade and bar, None where there was none yet.
    """

    __slots__ = ("_price", "_priced", "_quoted", "_quotes", "last")

    def __init__(self) -> None:
        self.last: list[MarketEvent | None] = [None] * len(_PLACES)
        self._priced: MarketEvent | None = None
        self._price: Decimal | None = None
        self._quoted: MarketEvent | None = None
        self._quotes: Quotes = (None, None)

    @property
    def source(self) -> MarketEvent | None:
        """The event that says what the instrument is worth."""
        mark, tick, trade, bar = self.last
        return mark or tick or trade or bar

    def price(self) -> Decimal | None:
        """What the instrument is worth: the mark price, else the middle of the quote, the last trade, the last close.

        None where nothing was seen yet, or what was seen is no number.
        """
        mark, tick, trade, bar = self.last
        source = mark or tick or trade or bar
        if source is not self._priced:
            self._price, self._priced = self._price_in(source), source
        return self._price

    def quotes(self) -> Quotes:
        """Best bid and ask; None for what is no number, or where there was no tick."""
        tick = self.last[1]
        if tick is not self._quoted and isinstance(tick, TickEvent):
            self._quotes = _known(tick.bid_price), _known(tick.ask_price)
            self._quoted = tick
        return self._quotes

    def newest_ns(self) -> int:
        """`ts_init` of the newest event; 0 where there was none."""
        mark, tick, trade, bar = self.last
        newest_ns = 0 if tick is None else tick.ts_init
        if mark is not None and mark.ts_init > newest_ns:
            newest_ns = mark.ts_init
        if trade is not None and trade.ts_init > newest_ns:
            newest_ns = trade.ts_init
        return newest_ns if bar is None else max(bar.ts_init, newest_ns)

    def _price_in(self, source: MarketEvent | None) -> Decimal | None:
        if isinstance(source, TickEvent):
            bid, ask = self.quotes()
            return None if bid is None or ask is None else (bid + ask) * _HALF
        if isinstance(source, MarkPriceEvent):
            return _known(source.mark_price)
        if isinstance(source, TradeEvent):
            return _known(source.price)
        return _known(source.close) if isinstance(source, BarEvent) else None


class MarketView:
    """Remembers the newest tick, trade, bar and mark price of each instrument; `update` is its handler on the bus."""

    def __init__(self) -> None:
        self._seen: defaultdict[Key, Seen] = defaultdict(Seen)

    def update(self, event: MarketEvent) -> None:
        """Remember `event`; of a type nobody asks for it is a mistake in the wiring, and a `KeyError`."""
        self._seen[event.venue, event.symbol].last[_PLACES[event.__class__]] = event

    def seen(self, venue: str, symbol: str) -> Seen:
        """What was seen of an instrument: the same object always, kept up to date."""
        return self._seen[venue, symbol]

    def tick(self, venue: str, symbol: str) -> TickEvent | None:
        """The newest best bid and ask."""
        seen = self._seen.get((venue, symbol))
        tick = seen.last[1] if seen is not None else None
        return tick if isinstance(tick, TickEvent) else None

    def trade(self, venue: str, symbol: str) -> TradeEvent | None:
        """The newest trade."""
        seen = self._seen.get((venue, symbol))
        trade = seen.last[2] if seen is not None else None
        return trade if isinstance(trade, TradeEvent) else None

    def price(self, venue: str, symbol: str) -> Decimal | None:
        """What the instrument is worth now: the mark price, else the middle of the quote, the last trade, the last
        close.

        None where nothing was seen yet, or what was seen is no number.
        """
        seen = self._seen.get((venue, symbol))
        return None if seen is None else seen.price()

    def seen_ns(self, venue: str, symbol: str) -> int | None:
        """`ts_init` of the newest event of the instrument, None where there was none."""
        seen = self._seen.get((venue, symbol))
        return None if seen is None or seen.source is None else seen.newest_ns()


@lru_cache(maxsize=16_384)  # a market goes back and forth between few prices
def _known(price: float) -> Decimal | None:
    """As `to_decimal`, at a third of its cost."""
    return Decimal(float.__repr__(float(price))) if -_LARGEST <= price <= _LARGEST else None
