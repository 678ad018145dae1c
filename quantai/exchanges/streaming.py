"""Market data that comes over streams: kept subscribed, decoded, with rows in the gap ledger for what did not come."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from quantai.core.errors import StartupError
from quantai.events import BarEvent
from quantai.exchanges.base import EventSink, MarketDataConnector
from quantai.exchanges.core import VenueCore
from quantai.exchanges.history import History
from quantai.exchanges.quarantine import Quarantine
from quantai.exchanges.stream_gaps import StreamGaps
from quantai.exchanges.websocket.decoding import FrameDecoder
from quantai.exchanges.websocket.dialect import StreamDialect
from quantai.exchanges.websocket.pool import StreamPool
from quantai.exchanges.websocket.raw import RawTap
from quantai.exchanges.websocket.settings import LinkSettings, PoolSettings
from quantai.exchanges.websocket.waiting import cancelled

_START_TIMEOUT_S = 60


def kind_and_symbol(topic: str, venue: str) -> tuple[str, str]:
    """`market.trade.binance.BTC/USDT` -> `trade`, `BTC/USDT`; no symbol where it is another venue's."""
    kind, _, symbol = topic.removeprefix("market.").partition(f".{venue}.")
    return kind, symbol


class StreamingMarketData(MarketDataConnector):
    """Subclass it with what a venue's topics are called there (`streams_of`) and what reads its frames
    (`make_decoder`); the rest may stay as it is.
    """

    def __init__(
        self,
        core: VenueCore,
        dialect: StreamDialect,
        *,
        raw: RawTap | None = None,
        quarantine: Quarantine | None = None,
        history: History | None = None,
        connect_costs: Mapping[str, int] | None = None,
        link_settings: LinkSettings | None = None,
        pool_settings: PoolSettings | None = None,
    ) -> None:
        """`raw` takes frames as they came, `quarantine` those that cannot be read. `connect_costs` is what a connection
        takes from the budgets of `core.limiter`. Without `history` there are no bars of the past.
        """
        self._core = core
        self._clock = core.clock
        self._dialect = dialect
        self._raw = raw
        self._history = history
        self._gaps = StreamGaps(core.venue, core.clock, core.publish)
        self._streams: Mapping[str, str] = {}
        self._pool = StreamPool(
            dialect,
            venue=core.venue,
            clock=core.clock,
            on_frame=self._on_frame,
            on_streams=self._on_streams,
            on_connection=self._gaps.connection,
            link_settings=link_settings,
            settings=pool_settings,
            connects=core.limiter if connect_costs else None,
            connect_costs=connect_costs,
            quarantine=quarantine,
            raw=raw,
        )
        self._first_up = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @abstractmethod
    def streams_of(self, topics: frozenset[str]) -> Mapping[str, str]:
        """The venue's streams that have what the topics ask for, each with its symbol (empty for one of all symbols).

        Raises `StartupError` for a topic that the venue does not have, `UnknownInstrument` for a symbol.
        """

    @abstractmethod
    def make_decoder(self, topics: frozenset[str], sink: EventSink) -> FrameDecoder:
        """What makes events of frames, of these topics only."""

    def jobs(self) -> Iterable[Coroutine[Any, Any, None]]:
        """What is to be done while it streams, besides streaming; cancelled at the end."""
        return ()

    def fell(self, symbols: Mapping[str, str]) -> None:
        """These streams, each with its symbol, come no more: nothing that is known from them can be trusted."""

    def came(self, symbols: Mapping[str, str]) -> None:
        """They come, or come again."""

    def tells_missing(self, stream: str, symbol: str) -> bool:
        """Whether what was missed on the stream will be known from what comes next, so that nobody need tell now."""
        return False

    async def start(self, topics: Sequence[str], sink: EventSink) -> None:
        """See the interface. Returns when the first stream was acknowledged, or nothing is wanted."""
        wanted = frozenset(topics)
        self._streams = self.streams_of(wanted)
        self._decoder = self.make_decoder(wanted, sink)
        self._gaps.wait_for({stream: symbol for stream, symbol in self._streams.items() if symbol})
        self._pool.set_desired(self._streams)
        self._tasks = [asyncio.create_task(job) for job in (self._pool.run(), *self.jobs())]
        if self._streams:
            await self._connected()

    async def _connected(self) -> None:
        first_up = asyncio.create_task(self._first_up.wait())
        done, _ = await asyncio.wait(
            {first_up, self._tasks[0]}, timeout=_START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
        )
        await cancelled(first_up)
        if first_up not in done:
            await self.stop()
            route = self._dialect.route(min(self._streams))
            raise StartupError(
                f"{self._core.venue}: no stream came from {self._dialect.url(route)} within {_START_TIMEOUT_S} s: "
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
        self._gaps.stop()

    async def get_historical(self, symbol: str, interval_ns: int, start_ns: int, end_ns: int) -> list[BarEvent]:
        """See the interface."""
        if self._history is None:
            return []
        pages = self._history.download_bars(symbol, interval_ns, start_ns, end_ns)
        return [bar async for page in pages for bar in page.events if bar.ts_event <= end_ns]

    def _on_frame(self, frame: bytes, ts_ns: int) -> None:
        self._decoder.decode(frame, ts_ns)

    def on_answer(self, source: str, frame: bytes, ts_ns: int) -> None:
        """Decode what was asked for besides the streams, as a frame of the connection `source` that the decoder knows;
        it is recorded as theirs are.
        """
        if self._raw is not None and self._raw.is_wanted(source):
            self._raw.record(source, frame, ts_ns)
        self._decoder.decode(frame, ts_ns)

    def _on_streams(self, streams: Collection[str], is_up: bool, reason: str, since_ns: int) -> None:
        """What was missed is told, or of trades found out by the next one's id."""
        symbols = {stream: self._streams[stream] for stream in streams if self._streams.get(stream)}
        if not is_up:
            self._gaps.down(symbols, since_ns)
            self.fell(symbols)
            return
        self._first_up.set()
        self._gaps.forget([stream for stream, symbol in symbols.items() if self.tells_missing(stream, symbol)])
        self._gaps.up(symbols, "the stream did not come")
        self.came(symbols)
