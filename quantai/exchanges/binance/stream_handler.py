"""What every handler of a stream has: where its events go, and which ids were there before.

Frames are combined ones, `{"stream": ..., "data": ...}`. Times are Binance's milliseconds, as nanoseconds. Ids that go
back are duplicates that a second connection brought; ten seconds after the last good one they mean that the venue began
to count anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from quantai.core.clock import NS_PER_SECOND
from quantai.events import MarketEvent
from quantai.exchanges.binance.messages import Combined
from quantai.exchanges.missed_trades import MissingTrades

_LATEST_DUPLICATE_NS = 10 * NS_PER_SECOND


def decoder_of(type_: Any) -> Callable[[bytes], Any]:
    """Decodes a frame whose data are a `type_`; made once, for all streams of a kind."""
    return msgspec.json.Decoder(Combined[type_], strict=False).decode


@dataclass(slots=True)
class DecoderCounts:
    """What was decoded and not given on."""

    duplicates: int = 0
    restarts: int = 0
    """Times a venue began to count anew."""
    one_sided: int = 0
    """Quotes without a bid or an ask."""
    not_market: int = 0
    """Trades of the insurance fund or of auto-deleveraging."""
    undone: int = 0
    """Aggregate trades of no size."""
    missing_trades: int = 0
    """By their ids; those that were fetched later too."""
    unknown: int = 0
    """Frames of streams that nobody asked for."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where events of a venue go, and what happened beside them."""

    venue: str
    sink: Callable[[MarketEvent], None]
    counts: DecoderCounts
    on_missing: Callable[[MissingTrades], None]


class Handler:
    """Base: what belongs to one stream. `handle` raises for what is no message of it."""

    __slots__ = ("_counts", "_last_id", "_last_ns", "_output", "_sink", "_symbol", "_venue")

    def __init__(self, output: Output, symbol: str) -> None:
        self._output = output
        self._venue, self._sink, self._counts = output.venue, output.sink, output.counts
        self._symbol = symbol
        self._last_id = -1
        self._last_ns = 0

    def _is_duplicate(self, message_id: int, ts_ns: int) -> bool:
        """Of an id that is not above the last one."""
        if message_id == self._last_id or ts_ns - self._last_ns <= _LATEST_DUPLICATE_NS:
            self._counts.duplicates += 1
            return True
        self._counts.restarts += 1
        return False
