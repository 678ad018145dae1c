"""What every handler of a stream has: where its events go, and which ids were there before.

Frames have their message under `data`: `{"stream": ..., "data": ...}`. Ids that go back are duplicates that a second
connection brought; ten seconds after the last good one they mean that the venue began to count anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from quantai.core.clock import NS_PER_SECOND
from quantai.events import MarketEvent
from quantai.exchanges.missed_trades import MissingTrades

T = TypeVar("T")

_LATEST_DUPLICATE_NS = 10 * NS_PER_SECOND
_MAX_HOLES = 16


class _Framed(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """Whose stream it is was known before it was decoded."""

    data: T


@cache
def decoder_of(type_: Any) -> Callable[[bytes], Any]:
    """Decodes a frame whose data are a `type_`; one for all streams of a kind."""
    return msgspec.json.Decoder(_Framed[type_], strict=False).decode


@dataclass(slots=True)
class DecoderCounts:
    """What was decoded and not given on."""

    duplicates: int = 0
    restarts: int = 0
    """Times a venue began to count anew."""
    one_sided: int = 0
    """Quotes without a bid or an ask."""
    not_market: int = 0
    """Trades that no market made: of an insurance fund, of auto-deleveraging."""
    undone: int = 0
    """Trades that the venue took back."""
    missing_trades: int = 0
    """By their ids; those that were fetched later too."""
    unknown: int = 0
    """Frames of streams that nobody asked for."""


def _unheard(hole: MissingTrades) -> None:
    """Nobody fetches what is missing."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where events of a venue go, and what happened beside them."""

    venue: str
    sink: Callable[[MarketEvent], None]
    counts: DecoderCounts = field(default_factory=DecoderCounts)
    on_missing: Callable[[MissingTrades], None] = _unheard


class Handler(ABC):
    """Base: what belongs to one stream. `handle` raises for what is no message of it."""

    __slots__ = ("_counts", "_decode", "_last_id", "_last_ns", "_output", "_sink", "_symbol", "_venue")

    stream: ClassVar[str] = ""
    """What such streams are called, `{}` where the venue's symbol stands: `trades:{}`."""
    message: ClassVar[Any] = msgspec.Raw
    """What `_decode(frame).data` is."""

    def __init__(self, output: Output, symbol: str) -> None:
        self._output = output
        self._venue, self._sink, self._counts = output.venue, output.sink, output.counts
        self._symbol = symbol
        self._decode = decoder_of(self.message)
        self._last_id = -1
        self._last_ns = 0

    @abstractmethod
    def handle(self, frame: bytes, ts_ns: int) -> None:
        """Give on the events of a frame that came at `ts_ns`."""

    def _is_duplicate(self, message_id: int, ts_ns: int) -> bool:
        """Of an id that is not above the last one."""
        if message_id == self._last_id or ts_ns - self._last_ns <= _LATEST_DUPLICATE_NS:
            self._counts.duplicates += 1
            return True
        self._counts.restarts += 1
        return False


class TradeHandler(Handler):
    """Trades whose `id`s rise by one: those that come twice are dropped, those that are missing told to `on_missing`,
    and given on when they were fetched (`handle_past`). A venue writes `emit`.
    """

    __slots__ = ("_decode_past", "_holes")

    past: ClassVar[Any]
    """A list of what trades are that were fetched."""

    def __init__(self, output: Output, symbol: str) -> None:
        super().__init__(output, symbol)
        self._decode_past = decoder_of(self.past)
        self._holes: deque[MissingTrades] = deque(maxlen=_MAX_HOLES)

    @abstractmethod
    def emit(self, trade: Any, ts_ns: int) -> None:
        """Make an event of a trade, which came at `ts_ns`, and give it to `_sink`."""

    def handle(self, frame: bytes, ts_ns: int) -> None:
        """A trade."""
        trade = self._decode(frame).data
        trade_id = trade.id
        if trade_id != self._last_id + 1 and not self._is_next(trade_id, ts_ns):
            return
        self._last_id, self._last_ns = trade_id, ts_ns
        self.emit(trade, ts_ns)

    def _is_next(self, trade_id: int, ts_ns: int) -> bool:
        if self._last_id < 0:
            return True
        if trade_id <= self._last_id:
            if self._is_duplicate(trade_id, ts_ns):
                return False
            self._output.on_missing(MissingTrades(self._symbol, 0, 0, self._last_ns, ts_ns))
            return True
        hole = MissingTrades(self._symbol, self._last_id + 1, trade_id, self._last_ns, ts_ns)
        self._counts.missing_trades += trade_id - hole.next_id
        self._holes.append(hole)
        self._output.on_missing(hole)
        return True

    def handle_past(self, frame: bytes, ts_ns: int) -> None:
        """Fetched trades, by rising id: those that fill a hole are given on."""
        for trade in self._decode_past(frame).data:
            for hole in self._holes:
                if hole.next_id <= trade.id < hole.end_id:
                    self.emit(trade, ts_ns)  # first: one that cannot be given on fills no hole
                    hole.next_id = trade.id + 1
                elif trade.id >= hole.end_id:  # the ids before it that did not come are nobody's
                    hole.next_id = hole.end_id
        while self._holes and self._holes[0].next_id == self._holes[0].end_id:
            self._holes.popleft()

    @property
    def knows_ids(self) -> bool:
        """Whether the next trade will tell how many were missed."""
        return self._last_id >= 0
