"""The synthetic market as a source of market events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, iso_utc
from quantai.core.errors import ConfigError
from quantai.core.params import duration_text
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

_EVER_NS = 2**63 - 1
_LATEST_NS = 2**62
_Maker = Callable[[FeedWindow], Stream]


class SyntheticMarket(MarketDataSource):
    """Ticks, trades, books, marks and funding of a market that never was, the same for the same seed.

    Everything is drawn from streams named by seed and asset, or by seed and instrument: neither which other
    instruments there are nor what is subscribed changes a path. Instruments of one base currency follow one price.
    Memory does not grow with the duration. The numbers are the same bits on every machine, for as long as NumPy keeps
    its draws, which it may change between releases (NEP 19).

    `start_ns` and `duration_ns` bound `ts_event`. Raises `ConfigError` for what is out of range, naming the instrument.
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
        if start_ns < 0 or duration_ns <= 0 or self._end_ns > _LATEST_NS:
            raise ConfigError(f"a synthetic market cannot start at {start_ns} and last {duration_ns} ns")
        names = [str(synthetic.instrument) for synthetic in self._instruments]
        if not names:
            raise ConfigError("a synthetic market needs at least one instrument")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigError(f"a synthetic market can have each instrument once; given twice: {', '.join(twice)}")
        for synthetic in self._instruments:
            self._feed(synthetic)  # refuses now what could not be made later

    def range_ns(self) -> tuple[int, int]:
        """The `ts_init` of the first event of all, and a time by which the last one has arrived."""
        first = next(self.batches(lambda _topic: True))[0].ts_init
        slowest_ns = int(self._model.latency_ms * EXPONENTIAL_LIMIT * NS_PER_MS)
        return first, self._end_ns + slowest_ns + NS_PER_MS

    def batches(self, is_wanted: Wanted) -> Iterator[Sequence[MarketEvent]]:
        """The wanted events, up to 1,024 at a time; instruments of which nothing is wanted are not even simulated."""
        return self.batches_from(0, is_wanted)

    def batches_from(self, start_ns: int, is_wanted: Wanted) -> Iterator[Sequence[MarketEvent]]:
        """As `batches`; what is before `start_ns` is simulated, as the rest depends on it, but made into no events."""
        feeds = [
            (feed, makers) for feed in map(self._feed, self._instruments) if (makers := self._makers(feed, is_wanted))
        ]
        return self._batches(feeds, Merger(start_ns))

    def _batches(
        self, feeds: list[tuple[InstrumentFeed, list[_Maker]]], merger: Merger
    ) -> Iterator[Sequence[MarketEvent]]:
        assets = sorted({asset for feed, _ in feeds for asset in feed.fair.assets})
        paths = AssetPaths(self._seed, assets, self._model)
        for window_ns in range(self._start_ns, self._end_ns if feeds else self._start_ns, WINDOW_NS):
            paths.advance(window_ns // NS_PER_SECOND)
            streams: list[Stream] = []
            for feed, makers in feeds:
                window = feed.advance(paths, window_ns)
                streams += [make(window) for make in makers]
            yield from merger.merge(streams, window_ns + WINDOW_NS)
        yield from merger.merge([], _EVER_NS)

    def describe(self) -> str:
        """One line for people."""
        names = ", ".join(str(synthetic.instrument) for synthetic in self._instruments)
        length = duration_text(self._end_ns - self._start_ns)
        return f"synthetic market, seed {self._seed}: {names} from {iso_utc(self._start_ns)[:19]} for {length}"

    def _feed(self, synthetic: SyntheticInstrument) -> InstrumentFeed:
        return InstrumentFeed(self._seed, synthetic, self._model, self._start_ns, self._end_ns)

    def _makers(self, feed: InstrumentFeed, is_wanted: Wanted) -> list[_Maker]:
        """How to make each wanted stream of `feed`, in the order that equal times keep."""

        def wants(event: type[MarketEvent]) -> bool:
            return is_wanted(f"{event.topic_prefix}.{feed.instrument.venue}.{feed.instrument.symbol}")

        makers: list[_Maker] = []
        snapshots, deltas = wants(OrderBookSnapshotEvent), wants(OrderBookDeltaEvent)
        if snapshots or deltas:
            makers.append(BookPublisher(feed, self._model.book_depth, snapshots=snapshots, deltas=deltas).stream)
        for event, stream_of in _COLUMN_STREAMS.items():
            if wants(event):
                makers.append(partial(stream_of, feed))
        return makers


_COLUMN_STREAMS: dict[type[MarketEvent], Callable[[InstrumentFeed, FeedWindow], Stream]] = {
    TradeEvent: trade_stream,
    TickEvent: tick_stream,
    MarkPriceEvent: mark_stream,
    FundingRateEvent: funding_stream,
}
