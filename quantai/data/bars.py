"""Bars built from trades."""

from __future__ import annotations

from collections.abc import Callable

from quantai.events import BarEvent, TradeEvent


class BarAggregator:
    """Builds the bars of one instrument: bar `n` holds the trades with `n * interval <= ts_init < (n + 1) * interval`.

    A bar is emitted when the first trade after its end comes, or when `close_until` says its time is over; intervals
    without trades have no bar.
    """

    def __init__(self, interval_ns: int, emit: Callable[[BarEvent], None]) -> None:
        self._interval_ns = interval_ns
        self._emit = emit
        self._venue = self._symbol = ""
        self._end_ns = 0
        self._open = self._high = self._low = self._close = self._volume = 0.0

    def update(self, trade: TradeEvent) -> None:
        """Take a trade into its bar."""
        if trade.ts_init >= self._end_ns:
            self.close_until(trade.ts_init)
            self._begin(trade)
            return
        price = trade.price
        if price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._close = price
        self._volume += trade.size

    def _begin(self, trade: TradeEvent) -> None:
        self._venue, self._symbol = trade.venue, trade.symbol
        self._end_ns = (trade.ts_init // self._interval_ns + 1) * self._interval_ns
        self._open = self._high = self._low = self._close = trade.price
        self._volume = trade.size

    def close_until(self, now_ns: int) -> None:
        """Emit the current bar if it ended at or before `now_ns`."""
        if self._end_ns and self._end_ns <= now_ns:
            end_ns, self._end_ns = self._end_ns, 0
            self._emit(
                BarEvent(
                    self._venue, self._symbol, end_ns, now_ns, self._interval_ns,
                    self._open, self._high, self._low, self._close, self._volume,
                )
            )  # fmt: skip
