"""Exact numbers: the door between what people and venues write and the `Decimal`s that money is counted in."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation

from quantai.core.errors import NumberError

Number = Decimal | int | float | str

ZERO = Decimal(0)

# Money beyond this is a mistake in a config or a decoder, not a balance; it also keeps every sum within the 28 exact
# digits of the decimal context (15 before the point, 12 after).
MAX_MAGNITUDE = Decimal(10) ** 15


def to_decimal(value: Number, name: str = "value") -> Decimal:
    """The exact `Decimal` of `value`; a float means its shortest text, so `0.1` is one tenth.

    Raises `NumberError` for booleans, NaN, infinities, texts that are no number, and magnitudes above 1e15.
    """
    if isinstance(value, bool):
        raise NumberError(f"{name} must be a number, not {value!r}")
    try:
        number = value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else value)
    except (InvalidOperation, TypeError, ValueError):
        raise NumberError(f"{name} must be a number, not {value!r}") from None
    if not number.is_finite():
        raise NumberError(f"{name} must be finite, not {value!r}")
    if abs(number) > MAX_MAGNITUDE:
        raise NumberError(f"{name} {value!r} is larger than {MAX_MAGNITUDE:,} in magnitude")
    return number


def round_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` nearest to `value` (ties to even), with the step's own number of decimals."""
    return _to_step(value, step, ROUND_HALF_EVEN)


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` not above `value`."""
    return _to_step(value, step, ROUND_FLOOR)


def ceil_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` not below `value`."""
    return _to_step(value, step, ROUND_CEILING)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether `value` lies on the grid of `step`."""
    return value % step == 0


def _to_step(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    if step <= 0:
        raise NumberError(f"a step must be positive, not {step}")
    try:
        return ((value / step).quantize(Decimal(1), rounding=rounding) * step).quantize(step)
    except InvalidOperation:
        raise NumberError(f"{value} has too many digits for a grid of {step}") from None


def plain(value: Decimal) -> str:
    """`value` without exponent and trailing zeros, as people and venues write it: `1E+3` is `1000`."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
