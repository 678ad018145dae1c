"""Numbers as they stand in messages: types that refuse what makes no sense, and checks where no type can.

NaN, infinity, negative and absurd numbers never become part of an event. A msgspec decoder with `strict=False` reads a
float from its text exactly as `float(text)` does.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from quantai.core.clock import NS_PER_MS
from quantai.core.errors import NumberError, VenueError
from quantai.core.numbers import MAX_MAGNITUDE

_LARGEST = 1e15
_LATEST_MS = 9_000_000_000_000  # of the year 2255; later ones do not fit into nanoseconds

Positive = Annotated[float, Meta(gt=0, le=_LARGEST)]
NotNegative = Annotated[float, Meta(ge=0, le=_LARGEST)]
Ms = Annotated[int, Meta(ge=0, le=_LATEST_MS)]
Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Levels = tuple[tuple[Positive, NotNegative], ...]
"""Price and size of each level."""


class OddMessage(VenueError):
    """A message whose numbers make no sense together."""


def check_numbers(*numbers: Decimal) -> None:
    """Raises `NumberError` for what cannot be counted with."""
    for number in numbers:
        if not number.is_finite() or number.copy_abs() > MAX_MAGNITUDE:
            raise NumberError(f"the venue sent the number {number:.6E}")


def ts_ns(ts_ms: int) -> int:
    """Nanoseconds of a venue's milliseconds. Raises `NumberError` for a time that is none."""
    if not 0 < ts_ms <= _LATEST_MS:
        raise NumberError(f"the venue sent the time {ts_ms}")
    return ts_ms * NS_PER_MS
