"""The last that was seen of each market: what risk, valuation and strategies ask for a price."""

from __future__ import annotations

from decimal import Decimal

from quantai.core.errors import NumberError
from quantai.core.numbers import to_decimal
from quantai.events import BarEvent, MarketEvent, MarkPriceEvent, TickEvent, TradeEvent

Key = tuple[str, str]


class MarketView:
    """Remembers the newest tick, trade, bar and mark price of each instrument; `update` is its handler on the bus."""

    def __init__(self) -> None:
        self._last: dict[type[MarketEvent], dict[Key, MarketEvent]] = {
            cls: {} for cls in (TickEvent, TradeEvent, BarEvent, MarkPriceEvent)
        }

    def update(self, event: MarketEvent) -> None:
        """Remember `event`; of a type nobody asks for it is a mistake in the wiring, and a `KeyError`."""
        self._last[event.__class__][event.venue, event.symbol] = event

    def tick(self, venue: str, symbol: str) -> TickEvent | None:
        """The newest best bid and ask."""
        tick = self._last[TickEvent].get((venue, symbol))
        return tick if isinstance(tick, TickEvent) else None

    def trade(self, venue: str, symbol: str) -> TradeEvent | None:
        """The newest trade."""
        trade = self._last[TradeEvent].get((venue, symbol))
        return trade if isinstance(trade, TradeEvent) else None

    def price(self, venue: str, symbol: str) -> Decimal | None:
        """What the instrument is worth now: the mark price, else the middle of the quote, the last trade, the last
        close.

        None where nothing was seen yet, or what was seen is no number.
        """
        key = (venue, symbol)
        mark = self._last[MarkPriceEvent].get(key)
        if isinstance(mark, MarkPriceEvent):
            return _known(mark.mark_price)
        tick = self.tick(venue, symbol)
        if tick is not None:
            bid, ask = _known(tick.bid_price), _known(tick.ask_price)
            return None if bid is None or ask is None else (bid + ask) / 2
        trade = self.trade(venue, symbol)
        if trade is not None:
            return _known(trade.price)
        bar = self._last[BarEvent].get(key)
        return _known(bar.close) if isinstance(bar, BarEvent) else None

    def seen_ns(self, venue: str, symbol: str) -> int | None:
        """`ts_init` of the newest event of the instrument, None where there was none."""
        times = [table[venue, symbol].ts_init for table in self._last.values() if (venue, symbol) in table]
        return max(times, default=None)


def _known(price: float) -> Decimal | None:
    try:
        return to_decimal(price)
    except NumberError:
        return None
