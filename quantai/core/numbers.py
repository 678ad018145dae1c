"""Exact numbers: the door between what people and venues write and the `Decimal`s that money is counted in."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, DecimalException, Inexact, InvalidOperation
from numbers import Integral, Real

from quantai.core.errors import NumberError

Number = Decimal | int | float | str

ZERO = Decimal(0)

# Money beyond this is a mistake in a config or a decoder, not a balance; it also keeps every sum within the 28 exact
# digits of the decimal context (15 before the point, 12 after).
MAX_MAGNITUDE = Decimal(10) ** 15

# Grids are kept in arithmetic that refuses to round.
_EXACT = Context(prec=100, traps=[InvalidOperation, Inexact])
_ROUNDING = Context(prec=100, traps=[InvalidOperation])


def to_decimal(value: Number, name: str = "value") -> Decimal:
    """The exact `Decimal` of `value`; a float means its shortest text, so `0.1` is one tenth. NumPy's numbers will do.

    Raises `NumberError` for booleans, NaN, infinities, texts that are no number, and magnitudes above 1e15.
    """
    number = _as_decimal(value)
    if number is None:
        raise NumberError(f"{name} must be a number, not {reprlib.repr(value)}")
    if not number.is_finite():
        raise NumberError(f"{name} must be finite, not {number}")
    if number.copy_abs() > MAX_MAGNITUDE:
        raise NumberError(f"{name} is larger than {MAX_MAGNITUDE:,} in magnitude: {number:.3E}")
    return number


def _as_decimal(value: object) -> Decimal | None:
    """None where `value` is no number; Unicode has digits in many scripts, a number has those of ASCII."""
    if type(value) is float:
        return Decimal(repr(value))
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            return Decimal(value) if value.isascii() else None
        except DecimalException:
            return None
    if isinstance(value, Integral):
        return Decimal(int(value))
    return Decimal(float.__repr__(float(value))) if isinstance(value, Real) else None


def round_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` nearest to `value` (ties to even), with the step's own number of decimals."""
    return _to_step(value, step, _nearest)


def truncate_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` nearest to `value` on the side of zero."""
    return _to_step(value, step, _truncated)


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` not above `value`."""
    return _to_step(value, step, _floor)


def ceil_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` not below `value`."""
    return _to_step(value, step, _ceiling)


class Grid:
    """The multiples of a positive `step`, which is looked at once: one of ten, a tenth and so on takes one operation,
    where `round_to_step` takes four.
    """

    __slots__ = ("_is_power_of_ten", "step")

    def __init__(self, step: Decimal) -> None:
        self.step = step
        self._is_power_of_ten = step.as_tuple().digits == (1,)

    def nearest(self, value: Decimal) -> Decimal:
        """As `round_to_step`."""
        return self._quantized(value, ROUND_HALF_EVEN) if self._is_power_of_ten else round_to_step(value, self.step)

    def truncated(self, value: Decimal) -> Decimal:
        """As `truncate_to_step`."""
        return self._quantized(value, ROUND_DOWN) if self._is_power_of_ten else truncate_to_step(value, self.step)

    def _quantized(self, value: Decimal, rounding: str) -> Decimal:
        try:
            found = value.quantize(self.step, rounding, _ROUNDING)
        except InvalidOperation:
            found = None
        if found is None or not found.is_finite():
            raise _off_grid(value, self.step)
        return found or found.copy_abs()  # a rest of -0.001 is no negative zero


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether `value` lies on the grid of `step`."""
    return _steps(value, step)[1] == 0


def _to_step(value: Decimal, step: Decimal, choose: Callable[[Decimal, Decimal, Decimal], int]) -> Decimal:
    whole, rest = _steps(value, step)
    return _EXACT.quantize(_EXACT.multiply(_EXACT.add(whole, choose(whole, rest, step)), step), step)


def _steps(value: Decimal, step: Decimal) -> tuple[Decimal, Decimal]:
    """How many whole steps, counted towards zero, and what is left, which has the sign of `value`."""
    if not (value.is_finite() and step.is_finite() and step > 0):
        raise _off_grid(value, step)
    try:
        return _EXACT.divmod(value, step)
    except (InvalidOperation, Inexact):
        raise _off_grid(value, step) from None


def _off_grid(value: Decimal, step: Decimal) -> NumberError:
    if value.is_finite() and step.is_finite() and step > 0:
        return NumberError(f"{value:.3E} has too many digits for a grid of {step}")
    return NumberError(f"a grid needs a finite number and a positive step, not {value} and {step}")


def _truncated(whole: Decimal, rest: Decimal, step: Decimal) -> int:
    return 0


def _floor(whole: Decimal, rest: Decimal, step: Decimal) -> int:
    return -1 if rest < 0 else 0


def _ceiling(whole: Decimal, rest: Decimal, step: Decimal) -> int:
    return 1 if rest > 0 else 0


def _nearest(whole: Decimal, rest: Decimal, step: Decimal) -> int:
    twice = _EXACT.multiply(2, rest.copy_abs())
    if twice < step or (twice == step and _EXACT.remainder(whole, Decimal(2)) == 0):
        return 0
    return 1 if rest > 0 else -1


def plain(value: Decimal) -> str:
    """`value` without exponent and trailing zeros, as people and venues write it: `1E+3` is `1000`."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
