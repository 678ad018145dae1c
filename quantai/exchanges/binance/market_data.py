"""Binance's market data: the wanted topics as streams, decoded, whole where they can be and marked where not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence

from quantai.core.errors import StartupError, VenueError
from quantai.events import BarEvent, Event
from quantai.exchanges.base import EventSink, ExchangeContext, MarketDataConnector
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.decoder import BinanceDecoder
from quantai.exchanges.binance.dialect import BinanceStreamDialect
from quantai.exchanges.binance.history import BinanceHistory
from quantai.exchanges.binance.missed_trades import MissedTrades
from quantai.exchanges.binance.product import CONNECTS
from quantai.exchanges.binance.rest_data import RestData
from quantai.exchanges.binance.stream_handler import DecoderCounts, Output
from quantai.exchanges.binance.streams import MarketDataSettings, Wanted, wanted
from quantai.exchanges.book_chains import Chain, PreviousChain, RangeChain
from quantai.exchanges.book_snapshots import BookSnapshots
from quantai.exchanges.book_sync import BookCounts
from quantai.exchanges.books import Books
from quantai.exchanges.quarantine import Quarantine
from quantai.exchanges.stream_gaps import StreamGaps
from quantai.exchanges.websocket.pool import StreamPool
from quantai.exchanges.websocket.raw import RawTap
from quantai.exchanges.websocket.settings import LinkSettings, PoolSettings
from quantai.exchanges.websocket.waiting import cancelled, pause

logger = logging.getLogger(__name__)

_REST = "rest"
_START_TIMEOUT_S = 60


def chain_of(*, is_futures: bool) -> Chain:
    """How updates of books are numbered."""
    return PreviousChain() if is_futures else RangeChain()


def _unheard(event: Event) -> None:
    """Nobody listens."""


def recorded_decoder(
    venue: str,
    sink: EventSink,
    unified: Callable[[str], str | None],
    *,
    is_futures: bool,
    settings: MarketDataSettings | None = None,
    publish: Callable[[Event], None] = _unheard,
) -> BinanceDecoder:
    """For frames that were recorded: it makes every event that is in them; `publish` gets the gaps of books."""
    books = Books(
        venue,
        chain_of(is_futures=is_futures),
        depth=(settings or MarketDataSettings()).book_depth,
        sink=sink,
        publish=publish,
        is_wanted=_everything,
    )
    output = Output(venue, sink, DecoderCounts(), lambda hole: None)
    return BinanceDecoder(output, is_futures=is_futures, unified=unified, book_of=books.of, is_wanted=_everything)


class BinanceMarketData(MarketDataConnector):
    """Of spot or USD-M, as `core.product` says."""

    def __init__(
        self,
        core: BinanceCore,
        context: ExchangeContext,
        settings: MarketDataSettings | None = None,
        *,
        raw: RawTap | None = None,
        quarantine: Quarantine | None = None,
        link_settings: LinkSettings | None = None,
        pool_settings: PoolSettings | None = None,
    ) -> None:
        """`raw` takes frames as they came, answers of REST too."""
        self._core = core
        self._clock = context.clock
        self._settings = settings or MarketDataSettings()
        self._history = BinanceHistory(core)
        self._raw = raw
        self._is_futures = core.product.is_futures
        self._gaps = StreamGaps(core.venue, context.clock, core.publish)
        self._rest = RestData(core, self._settings.book_depth, self._on_rest_frame)
        self._missed = MissedTrades(
            core.venue, self._rest.trades, context.clock, core.publish, max_trades=self._settings.max_missed_trades
        )
        self.counts = DecoderCounts()
        self.book_counts = BookCounts()
        self._snapshots = BookSnapshots(self._rest.book, context.clock, self.book_counts)
        self._pool = StreamPool(
            BinanceStreamDialect(core.product, core.hosts.public_ws),
            venue=core.venue,
            clock=context.clock,
            on_frame=self._on_frame,
            on_streams=self._on_streams,
            on_connection=self._gaps.connection,
            link_settings=link_settings,
            settings=pool_settings,
            connects=core.limiter,
            connect_costs={CONNECTS: 1},
            quarantine=quarantine,
            raw=raw,
        )
        self._wire(Wanted(), _unheard)
        self._first_up = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def _wire(self, wanted: Wanted, sink: EventSink) -> None:
        """Have books and handlers for what is wanted."""
        core, is_wanted = self._core, wanted.topics.__contains__
        self._wanted = wanted
        self._books = Books(
            core.venue,
            chain_of(is_futures=self._is_futures),
            depth=self._rest.depth,
            sink=sink,
            publish=core.publish,
            is_wanted=is_wanted,
            request=self._snapshots.request,
            counts=self.book_counts,
        )
        self._decoder = BinanceDecoder(
            Output(core.venue, sink, self.counts, self._missed.add),
            is_futures=self._is_futures,
            unified=core.mapper.to_unified,
            book_of=self._books.of,
            is_wanted=is_wanted,
        )

    async def start(self, topics: Sequence[str], sink: EventSink) -> None:
        """See the interface. Returns when the first stream was acknowledged, or nothing is wanted."""
        core, settings = self._core, self._settings
        self._wire(wanted(core.venue, topics, core.mapper, settings, is_futures=self._is_futures), sink)
        for symbol in sorted(self._wanted.books):
            self._books.of(symbol)
        if settings.book_interval_ns and self._wanted.books:
            self._books.publish_every(settings.book_interval_ns, self._clock)
        self._pool.set_desired(self._wanted.streams)
        jobs = [self._pool.run(), self._snapshots.run(), self._missed.run(), self._poll_open_interest()]
        self._tasks = [asyncio.create_task(job) for job in jobs]
        if self._wanted.streams:
            await self._connected()

    async def _connected(self) -> None:
        first_up = asyncio.create_task(self._first_up.wait())
        done, _ = await asyncio.wait(
            {first_up, self._tasks[0]}, timeout=_START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
        )
        await cancelled(first_up)
        if first_up not in done:
            await self.stop()
            raise StartupError(
                f"{self._core.venue}: no stream came from {self._core.hosts.public_ws} within {_START_TIMEOUT_S} s: "
                "is it reachable from here?"
            )

    async def run(self) -> None:
        """Stream until cancelled."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """See the interface."""
        await self._pool.stop()
        for task in self._tasks:
            await cancelled(task)
        self._tasks = []
        self._books.stop()
        self._gaps.stop()
        self._missed.stop()

    async def get_historical(self, symbol: str, interval_ns: int, start_ns: int, end_ns: int) -> list[BarEvent]:
        """See the interface."""
        pages = self._history.download_bars(symbol, interval_ns, start_ns, end_ns)
        return [bar async for page in pages for bar in page.events if bar.ts_event <= end_ns]

    def _on_frame(self, frame: bytes, ts_ns: int) -> None:
        self._decoder.decode(frame, ts_ns)

    def _on_rest_frame(self, frame: bytes, ts_ns: int) -> None:
        if self._raw is not None and self._raw.is_wanted(_REST):
            self._raw.record(_REST, frame, ts_ns)
        self._decoder.decode(frame, ts_ns)

    def _on_streams(self, streams: Collection[str], is_up: bool, reason: str, since_ns: int) -> None:
        """Books begin anew; what was missed is told, or of trades found out by the next one's id."""
        symbols = {stream: self._wanted.streams[stream] for stream in streams if self._wanted.streams.get(stream)}
        kept = [symbol for stream, symbol in symbols.items() if _is_kept_book(stream, symbol, self._wanted)]
        if not is_up:
            self._gaps.down(symbols, since_ns)
            for book in self._books.known(kept):
                book.down(self._clock.now_ns())
            return
        self._first_up.set()
        known = [stream for stream, symbol in symbols.items() if self._tells_missing(stream, symbol)]
        self._gaps.forget(known)
        self._gaps.up(symbols, "the stream was interrupted")
        for book in self._books.known(kept):
            book.up()

    def _tells_missing(self, stream: str, symbol: str) -> bool:
        is_trades = stream.endswith(("@trade", "@aggTrade"))
        return is_trades and self._decoder.knows_trade_ids(symbol, is_aggregate=self._is_futures)

    async def _poll_open_interest(self) -> None:
        """One symbol after another, each once in the interval; what fails waits for its next turn."""
        symbols = sorted(self._wanted.open_interest)
        if not symbols:
            await asyncio.Event().wait()
        while True:
            for symbol in symbols:
                try:
                    await self._rest.open_interest(symbol)
                except VenueError as error:
                    logger.warning("%s: no open interest of %s: %s", self._core.venue, symbol, error)
                await pause(self._clock, self._settings.open_interest_interval_ns // len(symbols))


def _everything(topic: str) -> bool:
    return True


def _is_kept_book(stream: str, symbol: str, wanted: Wanted) -> bool:
    return symbol in wanted.books and stream.split("@")[1] == "depth"
