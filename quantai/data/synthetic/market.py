"""The synthetic market as a source of market events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, iso_utc
from quantai.core.errors import ConfigError
from quantai.data.source import MarketDataSource, Wanted
from quantai.data.synthetic.book_publisher import BookPublisher
from quantai.data.synthetic.feed import InstrumentFeed
from quantai.data.synthetic.merge import Merger
from quantai.data.synthetic.model import MarketModel, SyntheticInstrument
from quantai.data.synthetic.paths import WINDOW_NS, AssetPaths
from quantai.data.synthetic.randomness import EXPONENTIAL_LIMIT
from quantai.data.synthetic.streams import Stream, funding_stream, mark_stream, tick_stream, trade_stream
from quantai.data.synthetic.window import FeedWindow
from quantai.events import (
    FundingRateEvent,
    MarketEvent,
    MarkPriceEvent,
    OrderBookDeltaEvent,
    OrderBookSnapshotEvent,
    TickEvent,
    TradeEvent,
)
from quantai.instruments import Instrument

_LAST_NS = 2**62
_StreamOf = Callable[[FeedWindow], Stream]
_SIMPLE = ((TradeEvent, trade_stream), (TickEvent, tick_stream), (MarkPriceEvent, mark_stream), (FundingRateEvent, funding_stream))


class SyntheticMarket(MarketDataSource):
    """Ticks, trades, books, marks and funding of instruments that were never traded, the same for the same seed.

    Everything is drawn from streams named by seed and asset, or seed and instrument: neither which other instruments there
    are nor what is subscribed changes a path. Instruments of one base currency follow one price. A run uses constant memory
    whatever its duration. The numbers are the same bits on every machine for one NumPy release series; NumPy itself
    promises its draws for no longer (NEP 19).

    `start_ns` and `duration_ns` bound `ts_event`. Raises `ConfigError` for arguments out of range, naming the instrument.
    """

    def __init__(
        self,
        *,
        instruments: Sequence[SyntheticInstrument],
        seed: int,
        start_ns: int,
        duration_ns: int,
        model: MarketModel | None = None,
    ) -> None:
        self._instruments = tuple(instruments)
        self._seed = seed
        self._start_ns = start_ns
        self._end_ns = start_ns + duration_ns
        self._model = model or MarketModel()
        self._check()
        for synthetic in self._instruments:
            self._feed(synthetic)
