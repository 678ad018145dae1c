"""Market data of a venue that has a stream for each kind of event and symbol: a table says which, and what reads it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from typing import Any, ClassVar

import msgspec

from quantai.core.errors import StartupError, UnknownInstrument, VenueError
from quantai.exchanges.base import EventSink
from quantai.exchanges.core import VenueCore
from quantai.exchanges.errors import MalformedReply
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.missed_trades import MissedTrades
from quantai.exchanges.stream_decoder import Handle, StreamDecoder
from quantai.exchanges.stream_handlers import Handler, Output, TradeHandler
from quantai.exchanges.streaming import StreamingMarketData, kind_and_symbol
from quantai.exchanges.websocket.dialect import StreamDialect

_REST = "rest"
_PAST = "past "
"""Begins what frames of fetched trades say for a stream."""


class DeclaredDecoder(StreamDecoder):
    """Streams are read by what is declared for their name."""

    def __init__(
        self, output: Output, unified: Callable[[str], str | None], handlers: Collection[type[Handler]]
    ) -> None:
        """`unified` gives the symbol of a venue symbol; handlers say which streams are theirs (`Handler.stream`)."""
        super().__init__(output)
        self._unified = unified
        self._kinds = tuple(handlers)
        self._handlers: dict[str, Handler | None] = {}

    def bind(self, stream: str) -> Handle | None:
        """Its handler's `handle`, or `handle_past` for trades that were fetched."""
        handler = self._handler_of(stream.removeprefix(_PAST))
        if not stream.startswith(_PAST):
            return None if handler is None else handler.handle
        return handler.handle_past if isinstance(handler, TradeHandler) else None

    def _handler_of(self, stream: str) -> Handler | None:
        if stream not in self._handlers:
            self._handlers[stream] = self._make(stream)
        return self._handlers[stream]

    def _make(self, stream: str) -> Handler | None:
        for kind in self._kinds:
            before, _, after = kind.stream.partition("{}")
            if stream.startswith(before) and stream.endswith(after):
                symbol = self._unified(stream[len(before) : len(stream) - len(after)])
                if symbol is not None:  # else it may be the name of another kind
                    return kind(self._output, symbol)
        return None

    def knows_trade_ids(self, stream: str) -> bool:
        """Whether the next trade of the stream will tell how many were missed before it."""
        handler = self._handlers.get(stream)
        return isinstance(handler, TradeHandler) and handler.knows_ids


class DeclaredMarketData(StreamingMarketData):
    """Subclass it with `handlers`, and with `past_trades` where old trades can be asked for by id: those that a stream
    did not bring are then fetched. What cannot be had again is a row in the gap ledger.
    """

    handlers: ClassVar[Mapping[str, type[Handler]]]
    """What reads the streams of each kind of topic: `{"trade": Trades}`."""
    max_missed_trades: ClassVar[int] = 0
    """The most that are fetched of a symbol at a time; 0: `past_trades` is not to be had."""

    _decoder: DeclaredDecoder

    def __init__(self, core: VenueCore, dialect: StreamDialect, **more: Any) -> None:
        """`more` is as in `StreamingMarketData`."""
        super().__init__(core, dialect, **more)
        self.missed = MissedTrades(
            core.venue, self._fetch_trades, core.clock, core.publish, max_trades=self.max_missed_trades
        )

    def past_trades(self, venue_symbol: str, from_id: int) -> HttpRequest:
        """The question for trades from an id on, by rising id; its answer is what the handler calls `past`. Raises
        `VenueError` where there is none: then what is missing is a gap.
        """
        raise VenueError(f"{self._core.venue} cannot be asked for old trades of {venue_symbol}")

    def streams_of(self, topics: frozenset[str]) -> Mapping[str, str]:
        """See `handlers`."""
        streams = {}
        for topic in topics:
            kind, symbol = kind_and_symbol(topic, self._core.venue)
            if kind not in self.handlers:
                raise StartupError(f"{self._core.venue} has no {topic}")
            streams[self._stream(kind, symbol)] = symbol
        return streams

    def _stream(self, kind: str, symbol: str) -> str:
        return self.handlers[kind].stream.format(self._core.mapper.to_venue(symbol))

    def make_decoder(self, topics: frozenset[str], sink: EventSink) -> DeclaredDecoder:
        """With what is missing fetched."""
        output = Output(self._core.venue, sink, on_missing=self.missed.add)
        return self.decoder(output, self._core.mapper.to_unified)

    @classmethod
    def decoder(cls, output: Output, unified: Callable[[str], str | None]) -> DeclaredDecoder:
        """What reads its frames, live ones and recorded ones."""
        return DeclaredDecoder(output, unified, cls.handlers.values())

    def jobs(self) -> Iterable[Coroutine[Any, Any, None]]:
        """Missed trades are fetched."""
        return [self.missed.run()]

    async def stop(self) -> None:
        """See the interface."""
        await super().stop()
        self.missed.stop()

    def tells_missing(self, stream: str, symbol: str) -> bool:
        """Trades are numbered."""
        return self._decoder.knows_trade_ids(stream)

    async def _fetch_trades(self, symbol: str, from_id: int) -> None:
        """What is answered goes the way of the stream, and into the recording of raw frames."""
        try:
            request = self.past_trades(self._core.mapper.to_venue(symbol), from_id)
        except UnknownInstrument as error:  # no longer listed
            raise VenueError(str(error)) from None
        body = await self._core.http.call(request, msgspec.Raw)
        try:
            stream = f"{_PAST}{self._stream('trade', symbol)}".encode()
            frame = b'{"stream":"%b","data":%b}' % (stream, body)
            self.on_answer(_REST, frame, self._core.clock.now_ns())
        except Exception as error:  # as of any frame that cannot be understood
            raise MalformedReply(f"{request}: {error}") from error
