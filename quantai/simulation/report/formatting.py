"""How figures are written for people: the same on the page and in the terminal. What is unknown is a dash."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

DASH = "\N{EN DASH}"
MAX_PLACES = 18
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DURATION_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1))


def money_places(scale: Decimal | None) -> int:
    """How many decimals suit amounts on an account of size `scale`: cents for thousands, satoshis for a few coins.

    On one of unknown size nobody can say what is small: satoshis too.
    """
    size = 0.0 if scale is None else abs(float(scale))
    return 2 if size >= 1_000 else 4 if size >= 10 else 8


def money(value: Decimal | float | None, places: int, signed: bool = False) -> str:
    """`1,234.50`; a value that `places` would round to zero keeps two significant digits instead: `0.0031`."""
    if value is None or not math.isfinite(value):
        return DASH
    size = abs(float(value))
    if 0 < size < 0.5 * 10**-places:
        places = min(MAX_PLACES, 1 - math.floor(math.log10(size)))
    text = f"{value:{'+' if signed and value else ''},.{places}f}"
    return text.lstrip("-+") if not text.strip("-+0.,") else text


def notional(value: Decimal | None, places: int) -> str:
    """What was traded: whole units from a thousand on, where nobody counts cents."""
    return money(value, places if value is None or abs(value) < 1_000 else 0)


def percent(fraction: float | Decimal | None, signed: bool = False) -> str:
    """`0.1234` is `12.34%`."""
    return DASH if fraction is None else f"{money(float(fraction) * 100, 2, signed)}%"


def ratio(value: float | None, unit: str = "") -> str:
    """Two decimals and a unit: `1.52`, `3.10 x`."""
    return DASH if value is None else money(value, 2) + unit


def count(value: int) -> str:
    """`12,345`."""
    return f"{value:,}"


def plain_number(value: float | None) -> str:
    """Prices and quantities, up to ten significant digits, without exponent and trailing zeros: `59,821.5`."""
    if value is None:
        return DASH
    return f"{Decimal(np.format_float_positional(value, precision=10, fractional=False, trim='-')):,f}"


def duration(nanoseconds: int | None) -> str:
    """The two largest units: `3 d 4 h`, `2 min 5 s`, `120 ms`; less than a millisecond is `0 ms`."""
    if nanoseconds is None:
        return DASH
    rest, parts = nanoseconds // 1_000_000, []
    for unit, size in _DURATION_UNITS:
        amount, rest = divmod(rest, size)
        if amount:
            parts.append(f"{amount:,} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 ms"


def instant(nanoseconds: int | None) -> str:
    """`2026-11-22 09:34:12`, UTC."""
    if nanoseconds is None:
        return DASH
    return f"{EPOCH + timedelta(microseconds=nanoseconds // 1_000):%Y-%m-%d %H:%M:%S}"


def shorten(text: str, limit: int = 40) -> str:
    """`text`, or its beginning and an ellipsis where it is longer than `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
