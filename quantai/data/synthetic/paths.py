"""The common, efficient price of every asset: stochastic volatility, jumps, one market factor.

The price moves every `STEP_NS`. Its volatility is the exponential of a sum of Ornstein-Uhlenbeck processes that
forget over minutes, hours and days, which together decay about as slowly as volatility does in markets (a multi-scale
log-normal stochastic volatility model), times a pattern of the day.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from quantai.core.clock import NS_PER_SECOND
from quantai.data.synthetic.model import MarketModel
from quantai.data.synthetic.randomness import Floats, RandomStream, autoregress, exp, exp1

WINDOW_SECONDS = 120
WINDOW_NS = WINDOW_SECONDS * NS_PER_SECOND
STEPS_PER_SECOND = 10
STEP_NS = NS_PER_SECOND // STEPS_PER_SECOND
STEPS = WINDOW_SECONDS * STEPS_PER_SECOND
_STEPS_PER_DAY = 86_400 * STEPS_PER_SECOND
_STEPS_PER_YEAR = 365 * _STEPS_PER_DAY

# How long each part of the volatility is remembered, and its share of the variance.
_MEMORIES = ((120.0, 0.35), (3_600.0, 0.4), (86_400.0, 0.25))
# A jump raises the log volatility at once; the fastest part forgets it within minutes.
_JUMP_EXCITEMENT = 1.2
# How much of the variance of an asset's log volatility is the market's.
_MARKET_SHARE = 0.6

# Activity by hour of the day, UTC: quiet in the American night, busiest when Europe and America both trade.
_MORNING = (1.02, 0.99, 0.92, 0.86, 0.82, 0.80, 0.82, 0.90, 0.96, 0.96, 0.92, 0.92)
_AFTERNOON = (1.00, 1.16, 1.30, 1.32, 1.24, 1.14, 1.06, 1.02, 1.04, 1.02, 0.92, 0.95)
_HOURS = np.array(_MORNING + _AFTERNOON)
# Scaled to a mean square of 1, so that the pattern adds no volatility to the year.
_DAY_PATTERN = _HOURS / sqrt(float(np.cumsum(_HOURS * _HOURS)[-1]) / len(_HOURS))


def day_pattern(first_second: int) -> Floats:
    """The volatility pattern of the day for each second of a window, hours joined by straight lines."""
    seconds = (first_second + np.arange(WINDOW_SECONDS)) % 86_400
    hour = seconds // 3_600
    here, there = _DAY_PATTERN[hour], _DAY_PATTERN[(hour + 1) % 24]
    return here + (there - here) * ((seconds % 3_600) / 3_600)


class Factor:
    """One source of risk: shocks, jumps and a log volatility of its own."""

    def __init__(self, seed: int, name: str, jumps_per_day: float, jump_size: float, deviation: float) -> None:
        self._shocks = RandomStream(seed, "shocks", name)
        self._jumps = RandomStream(seed, "jumps", name)
        self._volatility = RandomStream(seed, "volatility", name)
        self._jump_chance = jumps_per_day / _STEPS_PER_DAY
        self._jump_size = jump_size
        self._parts = [(1.0 - 1.0 / seconds, deviation * sqrt(share)) for seconds, share in _MEMORIES]
        starts = self._volatility.normal(len(self._parts)).tolist()
        self._levels = [start * scale for start, (_, scale) in zip(starts, self._parts, strict=True)]
        self.shocks = self.jumps = np.zeros(0)
        self.log_volatility = np.zeros(0)

    def advance(self) -> None:
        """Draw the next window."""
        self.shocks = self._shocks.normal(STEPS)
        hit = self._jumps.uniform(STEPS) < self._jump_chance
        self.jumps = hit * self._jumps.normal(STEPS) * self._jump_size
        excitement = hit.reshape(WINDOW_SECONDS, STEPS_PER_SECOND).any(axis=1) * _JUMP_EXCITEMENT
        total = np.zeros(WINDOW_SECONDS)
        for part, (persistence, scale) in enumerate(self._parts):
            shocks = self._volatility.normal(WINDOW_SECONDS) * (scale * sqrt(1.0 - persistence * persistence))
            if part == 0:
                shocks += excitement
            values = autoregress(shocks, persistence, self._levels[part])
            self._levels[part] = float(values[-1])
            total += values
        self.log_volatility = total


class AssetPath:
    """The log price of one asset in the current window, 0 at the start of the market.

    `log_price` has `STEPS` points, the last at the end of the window; `volatility` is per second and relative: 1 is
    usual.
    """

    def __init__(self, seed: int, asset: str, model: MarketModel, market: Factor) -> None:
        self._market = market
        self._own = Factor(seed, asset, model.jumps_per_day / 2, model.jump_size, model.volatility_of_volatility)
        self._market_weight = sqrt(model.correlation)
        self._own_weight = sqrt(1.0 - model.correlation)
        self._market_share, self._own_share = sqrt(_MARKET_SHARE), sqrt(1.0 - _MARKET_SHARE)
        self._step = model.volatility / sqrt(_STEPS_PER_YEAR)
        # E[exp(2h)] = exp(2 variance) for a normal h, so this keeps the mean square of the volatility at 1.
        self._centre = model.volatility_of_volatility**2
        self._last = 0.0
        self.log_price = np.zeros(0)
        self.volatility = np.zeros(0)

    def advance(self, first_second: int) -> None:
        """The next window, which begins `first_second` seconds after 1970. The market factor went first."""
        own, market = self._own, self._market
        own.advance()
        log_volatility = self._market_share * market.log_volatility + self._own_share * own.log_volatility
        self.volatility = exp(log_volatility - self._centre) * day_pattern(first_second)
        step = np.repeat(self.volatility, STEPS_PER_SECOND) * self._step
        moves = step * (self._market_weight * market.shocks + self._own_weight * own.shocks)
        moves += market.jumps + own.jumps - 0.5 * step * step
        moves[0] += self._last
        self.log_price = np.cumsum(moves)
        self._last = float(self.log_price[-1])


class AssetPaths:
    """The paths of some assets. Which others are there changes none of them."""

    def __init__(self, seed: int, assets: list[str], model: MarketModel) -> None:
        self._market = Factor(
            seed, "market factor", model.jumps_per_day / 2, model.jump_size, model.volatility_of_volatility
        )
        self._paths = {asset: AssetPath(seed, asset, model, self._market) for asset in assets}

    def advance(self, first_second: int) -> None:
        """Move every path to the window that begins `first_second` seconds after 1970."""
        self._market.advance()
        for path in self._paths.values():
            path.advance(first_second)

    def __getitem__(self, asset: str) -> AssetPath:
        return self._paths[asset]


def mean_volatility(model: MarketModel) -> float:
    """The mean of `AssetPath.volatility`, below 1 because its mean square is 1."""
    return exp1(-0.5 * model.volatility_of_volatility**2)
