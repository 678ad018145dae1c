"""The figures of a run, as pure functions of arrays.

What cannot be computed (no data, a division by zero, equity that is not positive) is None, never NaN or infinite.
Times are nanoseconds UTC. A year is 365 days, since most of these markets never close.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from quantai.simulation.report.columns import Floats, Ints

SECOND_NS = 1_000_000_000
YEAR_NS = 365 * 86_400 * SECOND_NS
SAMPLING_PERIODS_NS = (86_400 * SECOND_NS, 3_600 * SECOND_NS, 60 * SECOND_NS, SECOND_NS)
ENOUGH_PERIODS = 30
MAX_SAMPLES = 1_000_000

# Returns are quotients of float64, each off by up to about 1e-16: a spread below this is rounding, not risk.
ROUNDING = 1e-14


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall from a peak: `depth` is a fraction of the peak; `end_ts` is when the peak was reached again.

    Where it was not, `is_recovered` is false and `end_ts` is the last sample.
    """

    depth: float
    peak_ts: int
    trough_ts: int
    end_ts: int
    is_recovered: bool

    @property
    def duration_ns(self) -> int:
        """From the peak until it was reached again, or until the last sample."""
        return self.end_ts - self.peak_ts


def total_return(starting_equity: float, ending_equity: float) -> float | None:
    """What one unit of the starting equity earned; None where the run did not start with positive equity."""
    return ending_equity / starting_equity - 1 if starting_equity > 0 else None


def drawdowns(equity: Floats) -> Floats:
    """How far each sample lies below the peak so far, as a fraction of it; NaN where the peak is not positive."""
    peaks = np.maximum.accumulate(equity)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(peaks > 0, (peaks - equity) / peaks, np.nan)


def worst_drawdown(ts: Ints, equity: Floats) -> Drawdown | None:
    """The deepest drawdown and its dates; None without samples or where a peak is not positive."""
    if not len(equity) or equity[0] <= 0:
        return None
    depths = drawdowns(equity)
    trough = int(np.argmax(depths))
    peak = int(np.argmax(equity[: trough + 1]))
    recoveries = np.flatnonzero(equity[trough:] >= equity[peak])
    end = trough + int(recoveries[0]) if len(recoveries) else len(equity) - 1
    return Drawdown(float(depths[trough]), int(ts[peak]), int(ts[trough]), int(ts[end]), bool(len(recoveries)))


def sampling_period(ts: Ints) -> int | None:
    """The grid for returns: the longest of day, hour, minute, second that fits 30 times into the run.

    It is never finer than the usual distance of the samples; a run with room for no two periods has none.
    """
    if len(ts) < 2:
        return None
    span, usual_gap = int(ts[-1] - ts[0]), float(np.median(np.diff(ts)))
    possible = [period for period in SAMPLING_PERIODS_NS if period >= usual_gap and 2 <= span // period <= MAX_SAMPLES]
    ample = [period for period in possible if span // period >= ENOUGH_PERIODS]
    return max(ample) if ample else min(possible, default=None)


def periodic_returns(ts: Ints, equity: Floats, period_ns: int) -> Floats | None:
    """Simple returns over a regular grid from the first sample on, each point holding the last equity known by then.

    A last part shorter than `period_ns` is left out. None where a return would start from equity that is not positive.
    """
    grid = np.arange(ts[0], ts[-1] + 1, period_ns)
    values = equity[np.searchsorted(ts, grid, side="right") - 1]
    if np.any(values[:-1] <= 0):
        return None
    return np.asarray(values[1:] / values[:-1] - 1)


def volatility(returns: Floats, period_ns: int) -> float | None:
    """Annualised sample standard deviation of returns: `std(ddof=1) * sqrt(periods in a year)`."""
    if len(returns) < 2:
        return None
    return float(np.std(returns, ddof=1)) * math.sqrt(YEAR_NS / period_ns)


def sharpe_ratio(returns: Floats, period_ns: int) -> float | None:
    """Sharpe (1994) with a risk-free rate of zero: `mean / std(ddof=1) * sqrt(periods in a year)`."""
    if len(returns) < 2:
        return None
    return _annualised(float(np.mean(returns)), float(np.std(returns, ddof=1)), period_ns)


def sortino_ratio(returns: Floats, period_ns: int) -> float | None:
    """Sortino and Price (1994) with a target of zero: the Sharpe ratio over the downside deviation alone.

    The downside deviation is the root mean square of `min(return, 0)` over all returns.
    """
    if len(returns) < 2:
        return None
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0) ** 2)))
    return _annualised(float(np.mean(returns)), downside, period_ns)


def win_rate(pnls: Floats) -> float | None:
    """The share of trades with a PnL above zero."""
    return float(np.mean(pnls > 0)) if len(pnls) else None


def profit_factor(pnls: Floats) -> float | None:
    """What the winners made over what the losers lost; None without losers."""
    lost = -float(np.sum(pnls[pnls < 0]))
    return float(np.sum(pnls[pnls > 0])) / lost if lost > 0 else None


def mean(values: Floats) -> float | None:
    """The arithmetic mean; None of nothing."""
    return float(np.mean(values)) if len(values) else None


def covered_share(intervals: Iterable[tuple[int, int]], start: int, end: int) -> float | None:
    """The share of `start` to `end` that lies in at least one interval; None where the period has no length."""
    if end <= start:
        return None
    covered, reached = 0, start
    for opened, closed in sorted(intervals):
        upto = min(closed, end)
        covered += max(0, upto - max(opened, reached))
        reached = max(reached, upto)
    return covered / (end - start)


def turnover(traded_notional: float, equity: Floats) -> float | None:
    """How many times the mean sampled equity was traded, buys and sells; None where that mean is not positive."""
    average = mean(equity)
    return traded_notional / average if average is not None and average > 0 else None


def _annualised(average: float, deviation: float, period_ns: int) -> float | None:
    return average / deviation * math.sqrt(YEAR_NS / period_ns) if deviation > ROUNDING else None
