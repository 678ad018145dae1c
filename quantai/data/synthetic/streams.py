"""Columns of one event type of one instrument, and how they become events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat

from quantai.core.enums import Side
from quantai.data.synthetic.feed import InstrumentFeed
from quantai.data.synthetic.funding import next_funding_ns
from quantai.data.synthetic.randomness import Floats, Ints
from quantai.data.synthetic.window import FeedWindow
from quantai.events import FundingRateEvent, MarketEvent, MarkPriceEvent, TickEvent, TradeEvent

Build = Callable[[int, int], Sequence[MarketEvent]]
_SIDES = (Side.SELL, Side.BUY)


@dataclass(frozen=True)
class Stream:
    """Events still to be built: `build(first, end)` makes those rows; their `ts_init` ascends."""

    ts_init: Ints
    build: Build


def tick_stream(feed: InstrumentFeed, window: FeedWindow) -> Stream:
    """The best bid and ask wherever they changed."""
    rows, prices, lots = window.tick_rows, feed.price_grid.floats, feed.lot_grid.floats
    bid = prices(window.bid.best[rows]), lots(window.bid.lots[rows])
    ask = prices(window.ask.best[rows]), lots(window.ask.lots[rows])
    return _stream(TickEvent, feed, window, rows, *bid, *ask)


def trade_stream(feed: InstrumentFeed, window: FeedWindow) -> Stream:
    """The trades."""
    trades = window.trades
    price, size = feed.price_grid.floats(trades.ticks), feed.lot_grid.floats(trades.lots)

    def sides_and_ids(first: int, end: int) -> tuple[Iterable[Side], Iterable[str]]:
        sides = map(_SIDES.__getitem__, trades.is_buy[first:end].tolist())
        return sides, map(str, trades.ids[first:end].tolist())

    return _stream(TradeEvent, feed, window, trades.rows, price, size, more=sides_and_ids)


def mark_stream(feed: InstrumentFeed, window: FeedWindow) -> Stream:
    """The mark prices of a perpetual."""
    marks, prices = window.marks, feed.price_grid.floats
    return _stream(MarkPriceEvent, feed, window, marks.rows, prices(marks.mark), prices(marks.index))


def funding_stream(feed: InstrumentFeed, window: FeedWindow) -> Stream:
    """The funding rates of a perpetual."""
    rows, rates = window.funding.rows, window.funding.rates
    return _stream(FundingRateEvent, feed, window, rows, rates, next_funding_ns(window.ts_event[rows]))


def _stream(
    event: Callable[..., MarketEvent],
    feed: InstrumentFeed,
    window: FeedWindow,
    rows: Ints,
    *columns: Floats | Ints,
    more: Callable[[int, int], Iterable[Iterable[object]]] = lambda _first, _end: (),
) -> Stream:
    venue, symbol = repeat(feed.instrument.venue), repeat(feed.instrument.symbol)
    ts_init = window.ts_init[rows]
    columns = (window.ts_event[rows], ts_init, *columns)

    def build(first: int, end: int) -> list[MarketEvent]:
        values = (column[first:end].tolist() for column in columns)
        return list(map(event, venue, symbol, *values, *more(first, end)))

    return Stream(ts_init, build)
