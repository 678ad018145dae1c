"""How Binance writes numbers, times, states and intervals."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.core.numbers import plain
from quantai.loopback.engine import Status

TimeOf = Callable[[int], int]

_MINUTE_NS = 60 * NS_PER_SECOND
_DAY_NS = 1_440 * _MINUTE_NS
INTERVALS_NS = {
    "1s": NS_PER_SECOND,
    **{f"{n}m": n * _MINUTE_NS for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * 60 * _MINUTE_NS for n in (1, 2, 4, 6, 8, 12)},
    **{f"{n}d": n * _DAY_NS for n in (1, 3)},
    "1w": 7 * _DAY_NS,
}
"""Kline intervals. Months, which are not all of one length, are left out."""

STATUSES = {
    Status.WAITING: "NEW",
    Status.NEW: "NEW",
    Status.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    Status.FILLED: "FILLED",
    Status.CANCELED: "CANCELED",
    Status.EXPIRED: "EXPIRED",
    Status.EXPIRED_IN_MATCH: "EXPIRED_IN_MATCH",
}


def e8(value: Decimal) -> str:
    """A number as spot writes it, with eight decimals."""
    return f"{value:.8f}"


def short(value: Decimal) -> str:
    """A number as futures write it."""
    return plain(value)


def to_ms(ts_ns: int) -> int:
    """Milliseconds, the usual unit."""
    return ts_ns // NS_PER_MS


def to_us(ts_ns: int) -> int:
    """Microseconds, which spot gives to those who ask."""
    return ts_ns // 1_000
