"""The quotes of one instrument: where makers put bid and ask each time they renew them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quantai.core.clock import NS_PER_SECOND
from quantai.data.synthetic.fair_value import FairValue
from quantai.data.synthetic.flow import step_deviation
from quantai.data.synthetic.matching import SideQuotes
from quantai.data.synthetic.model import MarketModel, SyntheticInstrument
from quantai.data.synthetic.randomness import Ints, RandomStream

# Of all renewals, how many move the prices, and how many of the others renew the bid, the ask or both.
_REPRICE_SHARE = 0.5
_ONE_SIDE_SHARE = 0.45
# Makers see the fair price with an error, in standard deviations of a step's return.
_ERROR = 0.4
# The spread is its usual one times 0.35 + an exponential draw: often tight, seldom wide, its median 1.04.
_TIGHTEST = 0.35


@dataclass(frozen=True)
class Quotes:
    """Renewals in order of time, ns into the window; the first is the one in force when the window begins."""

    times: Ints
    bid: SideQuotes
    ask: SideQuotes


class QuoteMaker:
    """Turns fair prices into quotes on the tick grid between `floor` and `ceiling`, never crossed."""

    def __init__(
        self, seed: int, synthetic: SyntheticInstrument, model: MarketModel, *, tick: float, floor: int, ceiling: int
    ) -> None:
        instrument = synthetic.instrument
        self._draws = RandomStream(seed, "quotes", instrument.venue, instrument.symbol)
        self._tick = tick
        self._floor, self._ceiling = floor, ceiling
        self._spread = (synthetic.spread_bps or model.spread_bps) * 1e-4
        self._error = _ERROR * step_deviation(synthetic.volatility or model.volatility)
        self._last: Quotes | None = None

    def advance(self, fair: FairValue, renewals: Ints, window_ns: int) -> Quotes:
        """The quotes of a window that begins at `window_ns`, renewed at `renewals` ns into it."""
        times = renewals if self._last is not None else np.concatenate([np.zeros(1, np.int64), renewals])
        bid, ask = self._prices(fair, times)
        draw = self._draws.uniform(len(times))
        repriced = draw < _REPRICE_SHARE
        one_side = _ONE_SIDE_SHARE * (1.0 - _REPRICE_SHARE)
        keeps_bid = (draw >= _REPRICE_SHARE) & (draw < _REPRICE_SHARE + one_side)
        keeps_ask = draw >= 1.0 - one_side
        renewed = window_ns + times
        columns = [times, bid, ask, renewed, renewed, renewed]
        if self._last is not None:
            columns = [np.concatenate([last, new]) for last, new in zip(_carried(self._last), columns, strict=True)]
            repriced, keeps_bid, keeps_ask = (
                np.concatenate([[first], flags])
                for first, flags in ((True, repriced), (False, keeps_bid), (False, keeps_ask))
            )
        price_row = _latest(repriced)
        times, bid, ask, bid_version, ask_version, renewed = columns
        self._last = Quotes(
            times,
            SideQuotes(bid[price_row], bid_version[_latest(~keeps_bid)], renewed),
            SideQuotes(ask[price_row], ask_version[_latest(~keeps_ask)], renewed),
        )
        return self._last

    def _prices(self, fair: FairValue, times: Ints) -> tuple[Ints, Ints]:
        value = fair.at(times)
        volatility = fair.volatility[times // NS_PER_SECOND]
        middle = value * (1.0 + self._draws.normal(len(times)) * self._error * volatility) / self._tick
        middle = np.clip(middle, self._floor, self._ceiling)
        width = self._spread * volatility * (_TIGHTEST + self._draws.exponential(len(times)))
        spread = np.maximum(1, np.rint(width * middle).astype(np.int64))
        bid = np.maximum(np.floor(middle - 0.5 * (spread - 1)).astype(np.int64), self._floor)
        return bid, bid + np.minimum(spread, bid)


def _carried(last: Quotes) -> tuple[Ints, ...]:
    bid, ask = last.bid, last.ask
    zero = np.zeros(1, np.int64)
    return zero, bid.best[-1:], ask.best[-1:], bid.version[-1:], ask.version[-1:], bid.renewed_ns[-1:]


def _latest(flags: NDArray[np.bool_]) -> Ints:
    """For each row, the last row up to it whose flag is set (row 0 counts as set)."""
    return np.maximum.accumulate(np.where(flags, np.arange(len(flags)), 0))
