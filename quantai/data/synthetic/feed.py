"""The feed of one instrument: fair price, quotes, takers and silences put together, a window at a time."""

from __future__ import annotations

import numpy as np

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.core.errors import ConfigError
from quantai.data.synthetic.book_shape import SWEEP_LEVELS, BookShape, level_gap
from quantai.data.synthetic.book_side import BookSide
from quantai.data.synthetic.fair_value import FairValue
from quantai.data.synthetic.flow import OrderFlow
from quantai.data.synthetic.funding import Funding
from quantai.data.synthetic.grid import Grid
from quantai.data.synthetic.matching import Matched
from quantai.data.synthetic.model import MarketModel, SyntheticInstrument
from quantai.data.synthetic.paths import WINDOW_NS, AssetPaths
from quantai.data.synthetic.quotes import QuoteMaker
from quantai.data.synthetic.randomness import Floats, Ints
from quantai.data.synthetic.silence import Silences
from quantai.data.synthetic.timeline import Latency, Timeline
from quantai.data.synthetic.window import FeedWindow, Flags, FundingRates, Marks, Samples, Trades
from quantai.instruments import InstrumentType

_NONE = np.zeros(0, np.int64)
# So that sums of ticks or lots over a window stay within 63 bits; no order and no level is larger than so many mean
# ones.
_MOST_UNITS = 2**40
_LARGEST_SIZE = 2**12


class InstrumentFeed:
    """Makes the windows of one instrument in turn. Raises `ConfigError` where price or size do not fit the grids."""

    def __init__(
        self, seed: int, synthetic: SyntheticInstrument, model: MarketModel, start_ns: int, end_ns: int
    ) -> None:
        instrument = synthetic.instrument
        name = str(instrument)
        self.instrument = instrument
        self.price_grid = Grid(instrument.tick_size, f"tick_size of {name}")
        self.lot_grid = Grid(instrument.lot_size, f"lot_size of {name}")
        self.fair = FairValue(seed, synthetic, model)
        self._flow = OrderFlow(seed, synthetic, model, self.lot_grid)
        gap = level_gap(synthetic.start_price / self.price_grid.step)
        floor = (model.book_depth + SWEEP_LEVELS) * gap + 1
        # An ask may be twice a bid and the far end of a book farther still.
        self._most_ticks = min(_MOST_UNITS, self.price_grid.most_units // 4)
        _check_price(synthetic, self.price_grid, 2 * floor, self._most_ticks)
        _check_size(synthetic, self._flow.mean_lots, min(_MOST_UNITS, self.lot_grid.most_units // _LARGEST_SIZE))
        self._maker = QuoteMaker(
            seed, synthetic, model, tick=self.price_grid.step, floor=floor, ceiling=self._most_ticks
        )
        bids, asks = (
            BookShape(seed, name, sign, depth=model.book_depth, level_gap=gap, mean_lots=self._flow.mean_lots)
            for sign in (-1, 1)
        )
        self._bids, self._asks = BookSide(bids), BookSide(asks)
        self._latency = Latency(seed, instrument.venue, instrument.symbol, model.latency_ms)
        self._start_ns = start_ns
        expiry_ns = instrument.expiry_ns or instrument.parts.expiry_ns
        self._end_ns = end_ns if expiry_ns is None else min(end_ns, expiry_ns)
        self._sample_ns = model.book_interval_ms * NS_PER_MS
        self._samples_per_snapshot = max(1, model.snapshot_seconds * NS_PER_SECOND // self._sample_ns)
        self._mark_ns = model.mark_seconds * NS_PER_SECOND
        self._funding = Funding(start_ns) if instrument.type is InstrumentType.PERPETUAL else None
        self._silences = Silences(seed, instrument, model, start_ns, self._sample_ns)
        self._trade_count = 0

    def advance(self, paths: AssetPaths, window_ns: int) -> FeedWindow:
        """The window that begins at `window_ns`; the asset paths went there first."""
        self.fair.advance(paths)
        takers = self._flow.takers(self.fair)
        quotes = self._maker.advance(self.fair, self._flow.renewals(self.fair, takers.times), window_ns)
        samples = self._multiples(self._sample_ns, window_ns)
        marks = self._multiples(self._mark_ns, window_ns) if self._funding else _NONE
        funding = self._funding.times(window_ns) if self._funding else _NONE
        line = Timeline(quotes.times, takers.times, samples - window_ns, marks - window_ns, funding - window_ns)
        quote_rows, taker_rows, sample_rows, mark_rows, funding_rows = line.positions

        renewal = np.searchsorted(quotes.times, takers.times, side="right") - 1
        sells, buys = np.flatnonzero(~takers.is_buy), np.flatnonzero(takers.is_buy)
        rows = len(line.times)
        sold, bid = self._bids.advance(
            quotes.bid, quote_rows, renewal[sells], takers.lots[sells], taker_rows[sells], rows
        )
        bought, ask = self._asks.advance(
            quotes.ask, quote_rows, renewal[buys], takers.lots[buys], taker_rows[buys], rows
        )

        ts_event = line.times + window_ns
        audible = ts_event < self._end_ns
        resumed = samples == self._start_ns
        for begin, end in self._silences.of_window(window_ns):
            audible &= (ts_event < begin) | (ts_event >= end)
            resumed |= samples == end
        news = bid.changed() | ask.changed()
        news[sample_rows[resumed]] = True
        return FeedWindow(
            ts_event=ts_event,
            ts_init=self._latency.arrivals(ts_event),
            bid=bid,
            ask=ask,
            tick_rows=np.flatnonzero(news & audible),
            trades=self._trades(taker_rows[sells[sold.order]], sold, taker_rows[buys[bought.order]], bought, audible),
            samples=self._samples(samples, sample_rows, resumed, audible),
            marks=self._marks(line.times, mark_rows[audible[mark_rows]]),
            funding=self._funding_rates(funding, funding_rows, audible),
        )

    def _multiples(self, interval_ns: int, window_ns: int) -> Ints:
        """The times in the window that are whole multiples of `interval_ns` after the start."""
        first = window_ns + (self._start_ns - window_ns) % interval_ns
        return np.arange(first, window_ns + WINDOW_NS, interval_ns)

    def _trades(self, sell_rows: Ints, sold: Matched, buy_rows: Ints, bought: Matched, audible: Flags) -> Trades:
        rows = np.concatenate([sell_rows, buy_rows])
        order = np.argsort(rows, kind="stable")
        ids = self._trade_count + 1 + np.arange(len(rows))
        self._trade_count += len(rows)
        heard = audible[rows[order]]
        order = order[heard]
        return Trades(
            rows=rows[order],
            ticks=np.concatenate([sold.ticks, bought.ticks])[order],
            lots=np.concatenate([sold.lots, bought.lots])[order],
            is_buy=order >= len(sell_rows),
            ids=ids[heard],
        )

    def _samples(self, times: Ints, rows: Ints, resumed: Flags, audible: Flags) -> Samples:
        heard = audible[rows]
        number = (times - self._start_ns) // self._sample_ns
        whole = (number % self._samples_per_snapshot == 0) | resumed
        return Samples(rows[heard], whole[heard], number[heard] + 1)

    def _marks(self, times: Ints, rows: Ints) -> Marks:
        mark, index = self.fair.at(times[rows]), self.fair.index_at(times[rows])
        return Marks(rows, self._to_ticks(mark), self._to_ticks(index))

    def _funding_rates(self, times: Ints, rows: Ints, audible: Flags) -> FundingRates:
        if self._funding is None:
            return FundingRates(_NONE, np.zeros(0))
        heard = audible[rows]
        return FundingRates(rows[heard], self._funding.rates(times, self.fair.premium)[heard])

    def _to_ticks(self, prices: Floats) -> Ints:
        ticks: Ints = np.rint(np.clip(prices / self.price_grid.step, 1, self._most_ticks)).astype(np.int64)
        return ticks


def _check_price(synthetic: SyntheticInstrument, grid: Grid, least: int, most: int) -> None:
    ticks = synthetic.start_price / grid.step
    if not least <= ticks <= most:
        raise ConfigError(
            f"synthetic {synthetic.instrument}: start_price {synthetic.start_price} is {ticks:,.0f} ticks and must be "
            f"{least:,} to {most:,}, for all levels of a book: change start_price, tick_size or book_depth"
        )


def _check_size(synthetic: SyntheticInstrument, mean_lots: float, most: int) -> None:
    if mean_lots > most:
        raise ConfigError(
            f"synthetic {synthetic.instrument}: a mean trade is {mean_lots:,.0f} lots and must be at most {most:,}: "
            "change mean_trade_size, mean_trade_notional or lot_size"
        )
