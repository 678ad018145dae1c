"""When a feed is silent: the market goes on, but nobody tells us."""

from __future__ import annotations

from quantai.core.clock import NS_PER_SECOND
from quantai.data.synthetic.model import MarketModel
from quantai.data.synthetic.paths import WINDOW_NS
from quantai.data.synthetic.randomness import RandomStream
from quantai.instruments import Instrument

_DAY_NS = 86_400 * NS_PER_SECOND
# No gap is shorter than this share of the mean.
_SHORTEST = 0.2


class Silences:
    """The gaps of one instrument's feed; each ends at a book sample, a multiple of `interval_ns` after `start_ns`."""

    def __init__(self, seed: int, instrument: Instrument, model: MarketModel, start_ns: int, interval_ns: int) -> None:
        self._draws = RandomStream(seed, "silences", instrument.venue, instrument.symbol)
        self._mean_ns = int(model.gap_seconds * NS_PER_SECOND)
        self._spacing_ns = int(_DAY_NS / model.gaps_per_day) if model.gaps_per_day else 0
        self._start_ns, self._interval_ns = start_ns, interval_ns
        self._gap = self._after(start_ns + interval_ns)

    def of_window(self, window_ns: int) -> list[tuple[int, int]]:
        """The gaps that touch the window from `window_ns`, as `(first ns, first ns after)`; windows come in order."""
        gaps: list[tuple[int, int]] = []
        while self._spacing_ns and self._gap[0] < window_ns + WINDOW_NS:
            if self._gap[1] >= window_ns:
                gaps.append(self._gap)
            if self._gap[1] >= window_ns + WINDOW_NS:
                break
            self._gap = self._after(self._gap[1] + self._interval_ns)
        return gaps

    def _after(self, from_ns: int) -> tuple[int, int]:
        wait, length = self._draws.exponential(2).tolist()
        begin = from_ns + int(wait * self._spacing_ns)
        end = begin + int((_SHORTEST + (1.0 - _SHORTEST) * length) * self._mean_ns)
        samples = -(-(end - self._start_ns) // self._interval_ns)
        return begin, self._start_ns + samples * self._interval_ns
