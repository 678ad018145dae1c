"""Public streams: what is sent when, to those who listen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, Timer
from quantai.loopback.dialects.binance import frames
from quantai.loopback.dialects.binance.depth import DepthChannel
from quantai.loopback.dialects.binance.hub import Hub
from quantai.loopback.dialects.binance.wording import INTERVALS_NS, e8, short
from quantai.loopback.engine import Aggregate, Bar, Liquidation, Market, Trade

if TYPE_CHECKING:
    from quantai.loopback.dialects.binance.dialect import BinanceDialect

_DEPTH_TICK_NS = 50 * NS_PER_MS
_KLINE_TICK_NS = 250 * NS_PER_MS
_MARK_EVERY = 3
"""Seconds between mark prices, unless every second is asked for."""


class PublicStreams:
    """Sends market data. `hub` knows who listens."""

    def __init__(self, dialect: BinanceDialect) -> None:
        self.hub = Hub()
        self._dialect = dialect
        self._write = short if dialect.is_futures else e8
        self._channels: list[tuple[Market, list[DepthChannel]]] = []
        self._klines: dict[str, int] = {}
        self._liquidations: dict[str, Liquidation] = {}
        self._timers: list[Timer] = []

    def start(self) -> None:
        """Begin the streams that have a pace of their own."""
        is_futures = self._dialect.is_futures
        paces, default = ((100, 250, 500), 250) if is_futures else ((100, 1_000), 1_000)
        for symbol, market in self._dialect.markets():
            channels = [
                DepthChannel(market, symbol, pace, is_default=pace == default, is_futures=is_futures) for pace in paces
            ]
            self._channels.append((market, channels))
        clock = self._dialect.venue.clock
        ticks = ((_DEPTH_TICK_NS, self._flush_depth), (_KLINE_TICK_NS, self._send_klines))
        self._timers = [clock.call_every(every_ns, send) for every_ns, send in ticks]
        self._timers.append(clock.call_every(NS_PER_SECOND, self._send_tickers))

    def stop(self) -> None:
        """End them."""
        for timer in self._timers:
            timer.cancel()

    def traded(self, market: Market, trades: list[Trade], aggregates: list[Aggregate]) -> None:
        """Send trades."""
        symbol, hub, now_ns = self._symbol(market), self.hub, self._dialect.venue.now_ns()
        about: dict[str, Any] = {
            "now_ns": now_ns,
            "symbol": symbol,
            "write": self._write,
            "is_futures": self._dialect.is_futures,
        }
        if hub.is_wanted(name := f"{symbol.lower()}@trade"):
            for made in trades:
                hub.publish(name, partial(frames.trade, made=made, **about))
        if hub.is_wanted(name := f"{symbol.lower()}@aggTrade"):
            for group in aggregates:
                hub.publish(name, partial(frames.aggregate, made=group, **about))

    def quote_changed(self, market: Market) -> None:
        """Send the best bid and ask."""
        symbol, now_ns, is_futures = self._symbol(market), self._dialect.venue.now_ns(), self._dialect.is_futures
        for name in (f"{symbol.lower()}@bookTicker", "!bookTicker"):
            if self.hub.is_wanted(name):
                self.hub.publish(
                    name,
                    lambda time: frames.book_ticker(time, now_ns, symbol, market, self._write, is_futures=is_futures),
                )

    def liquidated(self, market: Market, liquidation: Liquidation) -> None:
        """Send the newest liquidation of each symbol once a second, and no other."""
        self._liquidations[self._symbol(market)] = liquidation

    def status_changed(self, market: Market) -> None:
        """Send what a contract is now."""
        now_ns, symbol = self._dialect.venue.now_ns(), self._symbol(market)
        self.hub.publish("!contractInfo", partial(frames.contract_info, now_ns=now_ns, symbol=symbol, market=market))

    def _symbol(self, market: Market) -> str:
        return self._dialect.venue_symbol(market.symbol)

    def _flush_depth(self, due_ns: int) -> None:
        now_ns = self._dialect.venue.now_ns()
        for market, channels in self._channels:
            bids, asks = market.book.take_changes()
            for channel in channels:
                channel.add(bids, asks)
                channel.flush(due_ns, now_ns, self.hub, self._write)

    def _send_klines(self, due_ns: int) -> None:
        for stream in self.hub.streams():
            symbol, _, kind = stream.partition("@kline_")
            if kind in INTERVALS_NS and (market := self._dialect.find_market(symbol.upper())) is not None:
                self._send_kline(stream, market, kind)

    def _send_kline(self, stream: str, market: Market, interval: str) -> None:
        """The bar that is open, and before it the one that is not any more."""
        interval_ns, now_ns = INTERVALS_NS[interval], self._dialect.venue.clock.now_ns()
        current_ns = now_ns - now_ns % interval_ns
        before_ns = self._klines.get(stream, current_ns)
        self._klines[stream] = current_ns
        symbol = self._symbol(market)
        for bar in market.tape.bars(interval_ns, before_ns, now_ns):
            is_over = bar.start_ns < current_ns
            about: dict[str, Any] = {"now_ns": now_ns, "symbol": symbol, "interval": interval, "write": self._write}
            self.hub.publish(stream, partial(frames.kline, bar=bar, is_over=is_over, **about))

    def _send_tickers(self, due_ns: int) -> None:
        venue, write, hub = self._dialect.venue, self._write, self.hub
        now_ns = venue.now_ns()
        for symbol, liquidation in self._liquidations.items():
            frame = partial(frames.force_order, now_ns=now_ns, symbol=symbol, made=liquidation, write=write)
            for name in (f"{symbol.lower()}@forceOrder", "!forceOrder@arr"):
                hub.publish(name, frame)
        self._liquidations.clear()
        is_third = due_ns // NS_PER_SECOND % _MARK_EVERY == 0
        for symbol, market in self._dialect.markets():
            lower = symbol.lower()
            for name in (f"{lower}@markPrice@1s", *([f"{lower}@markPrice"] if is_third else [])):
                if market.mark is not None and hub.is_wanted(name):
                    hub.publish(
                        name, partial(frames.mark_price, now_ns=now_ns, symbol=symbol, market=market, write=write)
                    )
            wanted = [name for name in (f"{lower}@ticker", f"{lower}@miniTicker") if hub.is_wanted(name)]
            bar = frames.day(market, venue.clock.now_ns()) if wanted else None
            for name in wanted:
                if bar is not None:
                    self._send_ticker(name, symbol, market, bar)

    def _send_ticker(self, name: str, symbol: str, market: Market, bar: Bar) -> None:
        now_ns, write = self._dialect.venue.now_ns(), self._write
        if name.endswith("@ticker"):
            self.hub.publish(name, lambda time: frames.ticker(time, now_ns, symbol, market, bar, write))
        else:
            self.hub.publish(name, lambda time: frames.mini_ticker(time, now_ns, symbol, bar, write))
