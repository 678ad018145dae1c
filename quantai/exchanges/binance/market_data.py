"""Binance's market data: the wanted topics as streams, decoded, whole where they can be and marked where not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from quantai.core.errors import VenueError
from quantai.events import Event
from quantai.exchanges.base import EventSink, ExchangeContext
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.decoder import BinanceDecoder
from quantai.exchanges.binance.dialect import BinanceStreamDialect
from quantai.exchanges.binance.history import BinanceHistory
from quantai.exchanges.binance.product import CONNECTS, Product
from quantai.exchanges.binance.rest_data import RestData
from quantai.exchanges.binance.streams import MarketDataSettings, Wanted, wanted
from quantai.exchanges.book_chains import Chain, PreviousChain, RangeChain
from quantai.exchanges.book_snapshots import BookSnapshots
from quantai.exchanges.book_sync import BookCounts, BookSync
from quantai.exchanges.books import Books
from quantai.exchanges.missed_trades import MissedTrades
from quantai.exchanges.quarantine import Quarantine
from quantai.exchanges.stream_handlers import DecoderCounts, Output
from quantai.exchanges.streaming import StreamingMarketData
from quantai.exchanges.websocket.raw import RawTap
from quantai.exchanges.websocket.settings import LinkSettings, PoolSettings
from quantai.exchanges.websocket.waiting import pause

logger = logging.getLogger(__name__)

_REST = "rest"


def chain_of(*, is_futures: bool) -> Chain:
    """How updates of books are numbered."""
    return PreviousChain() if is_futures else RangeChain()


def _unheard(event: Event) -> None:
    """Nobody listens."""


def recorded_decoder(
    venue: str,
    sink: EventSink,
    unified: Callable[[str], str | None],
    product: Product,
    *,
    settings: MarketDataSettings | None = None,
    publish: Callable[[Event], None] = _unheard,
) -> BinanceDecoder:
    """For frames that were recorded: it makes every event that is in them; `publish` gets the gaps of books."""
    books = Books(
        venue,
        chain_of(is_futures=product.is_futures),
        depth=(settings or MarketDataSettings()).book_depth,
        sink=sink,
        publish=publish,
        is_wanted=_everything,
    )
    return BinanceDecoder(
        Output(venue, sink, DecoderCounts(), lambda hole: None),
        is_futures=product.is_futures,
        unified=unified,
        book_of=books.of,
        is_wanted=_everything,
        section=product.section,
    )


class BinanceMarketData(StreamingMarketData):
    """Of one product, as `core.product` says."""

    _core: BinanceCore
    _decoder: BinanceDecoder

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
        super().__init__(
            core,
            BinanceStreamDialect(core.product, core.hosts.public_ws),
            raw=raw,
            quarantine=quarantine,
            history=BinanceHistory(core),
            connect_costs={CONNECTS: 1},
            link_settings=link_settings,
            pool_settings=pool_settings,
        )
        self._settings = settings or MarketDataSettings()
        self._is_futures = core.product.is_futures
        self._rest = RestData(core, self._settings.book_depth, partial(self.on_answer, _REST))
        self._missed = MissedTrades(
            core.venue, self._rest.trades, context.clock, core.publish, max_trades=self._settings.max_missed_trades
        )
        self.counts = DecoderCounts()
        self.book_counts = BookCounts()
        self._snapshots = BookSnapshots(self._rest.book, context.clock, self.book_counts)
        self._wanted = Wanted()
        self._books = self._make_books(_unheard)

    def _make_books(self, sink: EventSink) -> Books:
        return Books(
            self._core.venue,
            chain_of(is_futures=self._is_futures),
            depth=self._rest.depth,
            sink=sink,
            publish=self._core.publish,
            is_wanted=self._wanted.topics.__contains__,
            request=self._snapshots.request,
            counts=self.book_counts,
        )

    def streams_of(self, topics: frozenset[str]) -> Mapping[str, str]:
        """See `streams`."""
        self._wanted = wanted(self._core.venue, topics, self._core.mapper, self._settings, is_futures=self._is_futures)
        return self._wanted.streams

    def make_decoder(self, topics: frozenset[str], sink: EventSink) -> BinanceDecoder:
        """With books for what is wanted."""
        self._books = self._make_books(sink)
        for symbol in sorted(self._wanted.books):
            self._books.of(symbol)
        if self._settings.book_interval_ns and self._wanted.books:
            self._books.publish_every(self._settings.book_interval_ns, self._clock)
        return BinanceDecoder(
            Output(self._core.venue, sink, self.counts, self._missed.add),
            is_futures=self._is_futures,
            unified=self._core.mapper.to_unified,
            book_of=self._books.of,
            is_wanted=topics.__contains__,
            section=self._core.product.section,
        )

    def jobs(self) -> Iterable[Coroutine[Any, Any, None]]:
        """What is asked for over REST."""
        return self._snapshots.run(), self._missed.run(), self._poll_open_interest()

    async def stop(self) -> None:
        """See the interface."""
        await super().stop()
        self._books.stop()
        self._missed.stop()

    def fell(self, symbols: Mapping[str, str]) -> None:
        """Books begin anew."""
        for book in self._kept_books(symbols):
            book.down(self._clock.now_ns())

    def came(self, symbols: Mapping[str, str]) -> None:
        """Books begin with a snapshot."""
        for book in self._kept_books(symbols):
            book.up()

    def _kept_books(self, symbols: Mapping[str, str]) -> Iterator[BookSync]:
        """Those that are put together from these streams."""
        return self._books.known(
            [symbol for stream, symbol in symbols.items() if _is_kept_book(stream, symbol, self._wanted)]
        )

    def tells_missing(self, stream: str, symbol: str) -> bool:
        """Trades are numbered."""
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
