"""What one instrument is worth at its venue: the common price, later and with a premium of the venue's own."""

from __future__ import annotations

from math import sqrt

import numpy as np

from quantai.core.clock import NS_PER_MS
from quantai.data.synthetic.model import MarketModel, SyntheticInstrument
from quantai.data.synthetic.paths import STEP_NS, STEPS, STEPS_PER_SECOND, WINDOW_SECONDS, AssetPaths
from quantai.data.synthetic.randomness import Floats, Ints, RandomStream, autoregress, exp
from quantai.instruments import Instrument, InstrumentType

# Steps kept of the window before, so that a late venue can look back: more than the largest lag and the trend's second.
_TAIL = 2 * STEPS_PER_SECOND
_TAIL_NS = _TAIL * STEP_NS
_SHORTEST_LAG_MS = 20.0
# No price goes further than this from its start, on the log scale; the tick grid of the instrument stops it before.
_LOG_LIMIT = 20.0
# Quote currencies that have no path of their own: prices are counted in them.
_MONEY = frozenset(["USD", "USDT", "USDC", "FDUSD", "TUSD", "DAI", "EUR", "GBP", "JPY", "KRW", "TRY", "BRL"])

# Perpetuals have a second, slow premium, the demand for leverage, which the funding rate answers.
_DEMAND_SECONDS = 43_200.0
_DEMAND_BPS = 2.0
_WAY = np.arange(1, STEPS_PER_SECOND + 1) / STEPS_PER_SECOND


class FairValue:
    """The fair price of one instrument in the current window.

    A pair quoted in an asset (`ETH/BTC`) follows the ratio of the two paths, so that triangles close.
    """

    def __init__(self, seed: int, synthetic: SyntheticInstrument, model: MarketModel) -> None:
        instrument = synthetic.instrument
        self._base = instrument.base_currency
        self._quote = None if instrument.parts.quote in _MONEY else instrument.parts.quote
        self._start_price = synthetic.start_price
        self._scale = (synthetic.volatility or model.volatility) / model.volatility
        place = RandomStream(seed, "venue", instrument.venue, instrument.symbol).uniform(1)[0]
        self._lag_ns = int((_SHORTEST_LAG_MS + float(place) * model.cross_venue_lag_ms) * NS_PER_MS)
        self._premiums = [_Premium(seed, instrument, "basis", model.basis_seconds, model.basis_bps)]
        if instrument.type is InstrumentType.PERPETUAL:
            self._premiums.append(_Premium(seed, instrument, "demand", _DEMAND_SECONDS, _DEMAND_BPS))
        self._price = np.full(_TAIL + 1, self._start_price * (1.0 + sum(premium.level for premium in self._premiums)))
        self.premium = self.volatility = np.zeros(0)

    @property
    def assets(self) -> list[str]:
        """The assets whose paths make this price."""
        return [self._base] if self._quote is None else [self._base, self._quote]

    def advance(self, paths: AssetPaths) -> None:
        """The next window: `premium` is the venue's fraction over the common price at the end of every step,
        `volatility` the relative one of every second.
        """
        log_price = paths[self._base].log_price
        if self._quote is not None:
            log_price = log_price - paths[self._quote].log_price
        self.volatility = paths[self._base].volatility
        index = self._start_price * exp(np.clip(log_price * self._scale, -_LOG_LIMIT, _LOG_LIMIT))
        self.premium = self._premiums[0].advance()
        for premium in self._premiums[1:]:
            self.premium += premium.advance()
        self._price = np.concatenate([self._price[-_TAIL - 1 :], index * (1.0 + self.premium)])

    def at(self, offsets: Ints) -> Floats:
        """What the venue holds for the fair price at `offsets` ns into the window; it lags the common price."""
        return self._lookup(offsets - self._lag_ns)

    def index_at(self, offsets: Ints) -> Floats:
        """The common price behind `at`: what is left without the venue's premium."""
        return self.at(offsets) / (1.0 + self.premium[offsets // STEP_NS])

    def trend(self, offsets: Ints) -> Floats:
        """The return of the last second at `offsets`, lag left out: what the fastest takers know."""
        return self._lookup(offsets) / self._lookup(offsets - STEPS_PER_SECOND * STEP_NS) - 1.0

    def _lookup(self, offsets: Ints) -> Floats:
        position = offsets + _TAIL_NS
        index = position // STEP_NS
        before = self._price[index]
        way = (position - index * STEP_NS) / STEP_NS
        price: Floats = before + (self._price[index + 1] - before) * way
        return price


class _Premium:
    """A mean-reverting fraction (Ornstein-Uhlenbeck), drawn every second and joined by straight lines."""

    def __init__(self, seed: int, instrument: Instrument, name: str, seconds: float, bps: float) -> None:
        self._draws = RandomStream(seed, name, instrument.venue, instrument.symbol)
        self._persistence = 1.0 - 1.0 / (1.0 + seconds)
        self._shock = bps * 1e-4 * sqrt(1.0 - self._persistence * self._persistence)
        self.level = float(self._draws.normal(1)[0]) * bps * 1e-4

    def advance(self) -> Floats:
        """The fraction at the end of every step of the next window."""
        after = autoregress(self._draws.normal(WINDOW_SECONDS) * self._shock, self._persistence, self.level)
        before = np.concatenate([[self.level], after[:-1]])
        self.level = float(after[-1])
        fraction: Floats = before[:, None] + (after - before)[:, None] * _WAY
        return fraction.reshape(STEPS)
