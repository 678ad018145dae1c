"""Which bars Binance has, and how long they are.

Source: Binance Spot API, «Kline/Candlestick chart intervals». Months are left out: they are no fixed length.
"""

from __future__ import annotations

from quantai.core.errors import ConfigError
from quantai.core.params import duration_text, parse_duration

FUTURES_INTERVALS = {
    text: parse_duration("7d" if text == "1w" else text)
    for text in ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w")
}
"""Name to nanoseconds."""

SPOT_INTERVALS = {"1s": parse_duration("1s"), **FUTURES_INTERVALS}


def interval_name(interval_ns: int, *, is_futures: bool) -> str:
    """Binance's name of a bar's length. Raises `ConfigError`, naming what there is."""
    intervals = FUTURES_INTERVALS if is_futures else SPOT_INTERVALS
    for name, length_ns in intervals.items():
        if length_ns == interval_ns:
            return name
    raise ConfigError(f"Binance has no bars of {duration_text(interval_ns)}; there are {', '.join(intervals)}")
