"""When takers come, which way they go and how much they want; when makers renew their quotes.

Takers come as parent orders, a Poisson process with the intensity of the volatility, each cut into children that
follow within seconds (a cluster process, the picture of a Hawkes process by its generations). The number of children
has a power law, and children go the way of their parent: that is why the signs of trades are correlated over long
lags (Lillo, Mike and Farmer, 2005, «Theory for long memory in supply and demand»).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from quantai.core.clock import NS_PER_SECOND
from quantai.data.synthetic.fair_value import FairValue
from quantai.data.synthetic.grid import Grid
from quantai.data.synthetic.model import MarketModel, SyntheticInstrument
from quantai.data.synthetic.paths import STEPS_PER_SECOND, WINDOW_NS, mean_volatility
from quantai.data.synthetic.randomness import Ints, RandomStream, exp, exp1

_SECONDS_PER_YEAR = 365 * 86_400
# P(n children or more) = n ** -1.6, so their mean is zeta(1.6), a little less for the cut of the exponential draws.
_CHILDREN_TAIL = 1.6
_MEAN_CHILDREN = 2.2
_CHILD_DELAY_NS = 2 * NS_PER_SECOND
# A parent follows the last second's return: one standard deviation tilts its coin by this much, at most by the limit.
_TREND_TILT = 0.3
_TILT_LIMIT = 0.45
_SIZE_DEVIATION = 1.3
_REACTION_NS = NS_PER_SECOND // 40


@dataclass(frozen=True)
class Orders:
    """Taker orders of one window in order of time: ns into the window, whether they buy, lots."""

    times: Ints
    is_buy: NDArray[np.bool_]
    lots: Ints


class OrderFlow:
    """Taker orders and quote renewals of one instrument."""

    def __init__(self, seed: int, synthetic: SyntheticInstrument, model: MarketModel, lot: Grid) -> None:
        instrument = synthetic.instrument
        self._parents = RandomStream(seed, "parents", instrument.venue, instrument.symbol)
        self._children = RandomStream(seed, "children", instrument.venue, instrument.symbol)
        self._sizes = RandomStream(seed, "sizes", instrument.venue, instrument.symbol)
        self._renewals = RandomStream(seed, "renewals", instrument.venue, instrument.symbol)
        usual = mean_volatility(model)
        self._parent_rate = (synthetic.trades_per_second or model.trades_per_second) / _MEAN_CHILDREN / usual
        self._quote_rate = (synthetic.quotes_per_second or model.quotes_per_second) / usual
        volatility = synthetic.volatility or model.volatility
        self._per_second = volatility / sqrt(_SECONDS_PER_YEAR)
        self.mean_lots = mean_trade_size(synthetic, model) / lot.step
        self._size_scale = self.mean_lots * exp1(-0.5 * _SIZE_DEVIATION**2)
        self._least_lots = max(1, int(instrument.min_quantity / instrument.lot_size))
        self._waiting: tuple[Ints, NDArray[np.bool_]] = (np.zeros(0, np.int64), np.zeros(0, np.bool_))

    def takers(self, fair: FairValue) -> Orders:
        """The taker orders of the window that `fair` is at."""
        times, is_buy = self._cluster(fair)
        order = np.argsort(times, kind="stable")
        times, is_buy = times[order], is_buy[order]
        split = int(np.searchsorted(times, WINDOW_NS))
        self._waiting = times[split:] - WINDOW_NS, is_buy[split:]
        sizes = exp(self._sizes.normal(split) * _SIZE_DEVIATION) * self._size_scale
        lots = np.maximum(np.rint(sizes).astype(np.int64), self._least_lots)
        return Orders(times[:split], is_buy[:split], lots)

    def _cluster(self, fair: FairValue) -> tuple[Ints, NDArray[np.bool_]]:
        parents = self._parents.arrivals(fair.volatility * self._parent_rate, NS_PER_SECOND)
        surprise = fair.trend(parents) / (self._per_second * fair.volatility[parents // NS_PER_SECOND])
        chance = 0.5 + np.clip(surprise * _TREND_TILT, -_TILT_LIMIT, _TILT_LIMIT)
        is_buy = self._parents.uniform(len(parents)) < chance
        count = exp(self._children.exponential(len(parents)) / _CHILDREN_TAIL).astype(np.int64) - 1
        delays = (self._children.exponential(int(count.sum())) * _CHILD_DELAY_NS).astype(np.int64)
        waiting_times, waiting_is_buy = self._waiting
        times = np.concatenate([waiting_times, parents, np.repeat(parents, count) + delays])
        return times, np.concatenate([waiting_is_buy, is_buy, np.repeat(is_buy, count)])

    def renewals(self, fair: FairValue, takers: Ints) -> Ints:
        """When quotes are renewed: now and then, and soon after every taker."""
        own = self._renewals.arrivals(fair.volatility * self._quote_rate, NS_PER_SECOND)
        reactions = takers + 1 + (self._renewals.exponential(len(takers)) * _REACTION_NS).astype(np.int64)
        times = np.concatenate([own, reactions[reactions < WINDOW_NS]])
        times.sort()
        return times


def mean_trade_size(synthetic: SyntheticInstrument, model: MarketModel) -> float:
    """The mean taker order in base currency or contracts, the model's notional where the instrument says nothing."""
    if synthetic.mean_trade_size is not None:
        return synthetic.mean_trade_size
    instrument = synthetic.instrument
    value = float(instrument.multiplier) * (1.0 if instrument.inverse else synthetic.start_price)
    return model.mean_trade_notional / value


def step_deviation(volatility: float) -> float:
    """The standard deviation of the return of one step at a yearly `volatility`."""
    return volatility / sqrt(_SECONDS_PER_YEAR * STEPS_PER_SECOND)
