"""Decoding Binance: frames a second from wire bytes to events with the book kept, and what 200 symbols take.

The frames are captured ones where there are some. Every event goes to a handler that does nothing.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

from benchmarks.binance_frames import PRODUCTS, Session, made, session
from benchmarks.figures import Figure, heading, show
from benchmarks.timing import best_rate, nothing
from quantai.core.clock import NS_PER_MS
from quantai.exchanges.binance.decoder import SNAPSHOT, BinanceDecoder, rest_frame
from quantai.exchanges.book_chains import PreviousChain, RangeChain
from quantai.exchanges.books import Books
from quantai.exchanges.stream_handlers import DecoderCounts, Output

_SYMBOLS = 200
_DEPTH = 500
_FRAMES_EACH = 200
_LIMIT_MB = 50
_START_NS = 1_700_000_000_000 * NS_PER_MS
_PER_SECOND = {"spot": 114_000, "futures": 219_000}
"""Three times what cryptofeed 2.5.0 does on the machine that the requirement was written on."""


class Venue:
    """A decoder with its books, as the connector has them."""

    def __init__(self, product: str, depth: int = 1_000) -> None:
        is_futures = product == "futures"
        chain = PreviousChain() if is_futures else RangeChain()
        self.books = Books(
            "binance",
            chain,
            depth=depth,
            sink=nothing,
            publish=nothing,
            is_wanted=lambda topic: True,
            request=nothing,
        )
        self.counts = DecoderCounts()
        self.decoder = BinanceDecoder(
            Output("binance", nothing, self.counts, nothing),
            is_futures=is_futures,
            unified=str,
            book_of=self.books.of,
            is_wanted=lambda topic: True,
        )

    def synchronise(self, symbol: str, snapshot: str) -> None:
        """Give the book of a symbol its snapshot."""
        book = self.books.of(symbol)
        book.begin()
        self.decoder.decode(rest_frame(symbol, SNAPSHOT, snapshot.encode()), _START_NS)
        book.end()


def deliver(product: str, snapshot: str, frames: list[bytes]) -> int:
    """Decode all; how many. Raises `RuntimeError` where the book did not hold to the end."""
    venue = Venue(product)
    venue.synchronise("BTCUSDT", snapshot)
    decode = venue.decoder.decode
    for frame in frames:
        decode(frame, _START_NS)
    if not venue.books.of("BTCUSDT").is_valid or venue.counts.unknown:
        raise RuntimeError(f"the frames of {product} were not all decoded")
    return len(frames)


def delivering(product: str, data: Session) -> Callable[[], int]:
    """A run over all frames."""
    frames = [frame.encode() for frame in data.frames]
    return lambda: deliver(product, data.snapshot, frames)


def memory_mb(product: str, kept: list[Venue]) -> float:
    """What books and handlers of 200 symbols with quotes, trades and books take, after some frames of each.

    The venue goes to `kept`: what it lets go of, the next one could take without asking the system for it.
    """
    gc.collect()
    before = _resident_bytes()
    venue = Venue(product, _DEPTH)
    kept.append(venue)
    for number in range(_SYMBOLS):
        symbol = f"COIN{number}USDT"
        data = made(product, symbol, _FRAMES_EACH, _DEPTH)
        venue.synchronise(symbol, data.snapshot)
        for frame in data.frames:
            venue.decoder.decode(frame.encode(), _START_NS)
    gc.collect()
    return (_resident_bytes() - before) / 1e6


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def figures() -> list[Figure]:
    """Memory first, while the process is small; then the rates."""
    kept: list[Venue] = []
    found = []
    for product in PRODUCTS:
        what = f"{product}: memory of {_SYMBOLS} symbols, {_DEPTH} levels a side"
        found.append(Figure.at_most(what, memory_mb(product, kept), "MB", _LIMIT_MB))
    for product in PRODUCTS:
        rate = best_rate(delivering(product, session(product)))
        found.append(
            Figure.at_least(f"{product}: trades, quotes and the kept book", rate, "frames/s", _PER_SECOND[product])
        )
    return found


def main() -> None:
    """Show the figures."""
    show(heading(__doc__), figures())


if __name__ == "__main__":
    main()
