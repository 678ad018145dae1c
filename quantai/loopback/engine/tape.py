"""What traded: trades, trades of one taker taken together, and bars, all bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from quantai.core.clock import NS_PER_SECOND
from quantai.core.numbers import ZERO

_MOST_TRADES = 20_000
_MOST_BARS = 20_000
_MINUTE_NS = 60 * NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade."""

    id: int
    price: Decimal
    quantity: Decimal
    is_buyer_maker: bool
    ts_ns: int
    buyer_id: int = 0
    seller_id: int = 0

    @property
    def quote(self) -> Decimal:
        """What it was worth."""
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Trades of one taker at one price."""

    id: int
    price: Decimal
    quantity: Decimal
    first_id: int
    last_id: int
    is_buyer_maker: bool
    ts_ns: int


@dataclass(slots=True)
class Bar:
    """Open, high, low, close and volumes of an interval."""

    start_ns: int
    interval_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    quote_volume: Decimal = ZERO
    taker_volume: Decimal = ZERO
    taker_quote_volume: Decimal = ZERO
    count: int = 0
    first_id: int = -1
    last_id: int = -1

    @property
    def end_ns(self) -> int:
        """When the next bar begins."""
        return self.start_ns + self.interval_ns

    def add(self, bar: Bar) -> None:
        """Take in a later bar."""
        self.high, self.low, self.close = max(self.high, bar.high), min(self.low, bar.low), bar.close
        self.volume += bar.volume
        self.quote_volume += bar.quote_volume
        self.taker_volume += bar.taker_volume
        self.taker_quote_volume += bar.taker_quote_volume
        self.count += bar.count
        self.first_id = self.first_id if self.first_id >= 0 else bar.first_id
        self.last_id = max(self.last_id, bar.last_id)


class Tape:
    """The history of one market. `last` is the price of the last trade."""

    def __init__(self) -> None:
        self.trades: deque[Trade] = deque(maxlen=_MOST_TRADES)
        self.aggregates: deque[Aggregate] = deque(maxlen=_MOST_TRADES)
        self._seconds: deque[Bar] = deque(maxlen=_MOST_BARS)
        self._minutes: deque[Bar] = deque(maxlen=_MOST_BARS)
        self._next_id = 1
        self._next_aggregate_id = 1
        self.last: Decimal | None = None

    def next_id(self) -> int:
        """A trade id that was never used."""
        self._next_id += 1
        return self._next_id - 1

    def add(self, trades: list[Trade]) -> list[Aggregate]:
        """Keep the trades of one taker; what they are taken together."""
        for trade in trades:
            self.trades.append(trade)
            self._count(trade)
        self.last = trades[-1].price
        aggregates = [self._aggregate(group) for group in _same_price(trades)]
        self.aggregates.extend(aggregates)
        return aggregates

    def bars(self, interval_ns: int, start_ns: int, end_ns: int) -> list[Bar]:
        """Bars that start in `start_ns` to `end_ns`, oldest first, made of the finest kept; without gaps."""
        source = self._seconds if interval_ns < _MINUTE_NS else self._minutes
        first_ns = start_ns - start_ns % interval_ns
        bars: list[Bar] = []
        for fine in _from(source, first_ns):
            start = fine.start_ns - fine.start_ns % interval_ns
            if bars and bars[-1].start_ns == start:
                bars[-1].add(fine)
            elif start <= end_ns:
                _fill_gap(bars, start, interval_ns)
                bars.append(Bar(start, interval_ns, fine.open, fine.high, fine.low, fine.close))
                bars[-1].add(fine)
        return [bar for bar in bars if bar.start_ns >= start_ns]

    def _count(self, trade: Trade) -> None:
        taken = ZERO if trade.is_buyer_maker else trade.quantity
        for bars, interval_ns in ((self._seconds, NS_PER_SECOND), (self._minutes, _MINUTE_NS)):
            price, start_ns = trade.price, trade.ts_ns - trade.ts_ns % interval_ns
            figures = (trade.quantity, trade.quote, taken, taken * price, 1, trade.id, trade.id)
            bar = Bar(start_ns, interval_ns, price, price, price, price, *figures)
            if bars and bars[-1].start_ns >= start_ns:
                bars[-1].add(bar)
            else:
                bars.append(bar)

    def _aggregate(self, trades: list[Trade]) -> Aggregate:
        first, last = trades[0], trades[-1]
        quantity = sum((trade.quantity for trade in trades), ZERO)
        self._next_aggregate_id += 1
        number = self._next_aggregate_id - 1
        return Aggregate(number, first.price, quantity, first.id, last.id, first.is_buyer_maker, last.ts_ns)


def _from(bars: deque[Bar], start_ns: int) -> list[Bar]:
    """The bars that start at `start_ns` or later, and one before them, whose close gaps stand at."""
    found: list[Bar] = []
    for bar in reversed(bars):
        found.append(bar)
        if bar.start_ns < start_ns:
            break
    return found[::-1]


def _same_price(trades: list[Trade]) -> Iterable[list[Trade]]:
    group: list[Trade] = []
    for trade in trades:
        if group and group[0].price != trade.price:
            yield group
            group = []
        group.append(trade)
    yield group


def _fill_gap(bars: list[Bar], start_ns: int, interval_ns: int) -> None:
    """Bars without trades stand at the last close."""
    while bars and bars[-1].end_ns < start_ns and len(bars) < _MOST_BARS:
        close = bars[-1].close
        bars.append(Bar(bars[-1].end_ns, interval_ns, close, close, close, close))
