"""Bars built from trades."""

from __future__ import annotations

from collections.abc import Callable

from quantai.core.errors import QuantAIError
from quantai.events import BarEvent, TradeEvent


class BarAggregator:
    """Builds the bars of one instrument: bar `n` holds the trades with `n * interval <= ts_init < (n + 1) * interval`.

    A bar is emitted when the first trade after its end comes, or when `close_until` says its time is over; intervals
    without trades have no bar. A trade that comes after the bar it belongs to was emitted counts for the next bar.
    """

    def __init__(self, interval_ns: int, emit: Callable[[BarEvent], None]) -> None:
        if interval_ns <= 0:
            raise QuantAIError(f"the interval of bars must be positive, not {interval_ns} ns")
        self._interval_ns = interval_ns
        self._emit = emit
        self._venue = self._symbol = ""
        self._is_open = False
        self._end_ns = 0
        self._open = self._high = self._low = self._close = self._volume = 0.0

    def update(self, trade: TradeEvent) -> None:
        """Take a trade into its bar."""
        if trade.ts_init >= self._end_ns:
            self.close_until(trade.ts_init)
        if not self._is_open:
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
        self._is_open = True
        self._venue, self._symbol = trade.venue, trade.symbol
        self._end_ns = (max(trade.ts_init, self._end_ns) // self._interval_ns + 1) * self._interval_ns
        self._open = self._high = self._low = self._close = trade.price
        self._volume = trade.size

    def close_until(self, now_ns: int) -> None:
        """Emit the current bar if it ended at or before `now_ns`."""
        if self._is_open and self._end_ns <= now_ns:
            self._is_open = False
            self._emit(
                BarEvent(
                    self._venue, self._symbol, self._end_ns, now_ns, self._interval_ns,
                    self._open, self._high, self._low, self._close, self._volume,
                )
            )  # fmt: skip
