"""Base and field types of everything that is declared in YAML: strict about keys, units and numbers."""

from __future__ import annotations

import re
from decimal import Decimal, DecimalException
from fractions import Fraction
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from quantai.core.identifiers import NAME_PATTERN
from quantai.core.numbers import MAX_MAGNITUDE

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_DURATION_PART = re.compile(rf"\s*{_NUMBER}\s*(ns|us|ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+\s*")
_RATE = re.compile(rf"(-?){_NUMBER}\s*(%|bps)")
_MAX_DURATION_NS = 100 * 366 * _UNITS_NS["d"]


class Section(BaseModel):
    """A part of the configuration: nothing extra, nothing coerced out of a boolean, no NaN, no infinity, no absurd
    number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_odd_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        _check(value, cls.model_fields[str(info.field_name)].annotation)
        return value


def refuse_odd_number(value: Any) -> Any:
    """`value` as it is. Raises `ValueError` for a boolean, a NaN, an infinity or an absurdly large number, also as
    text.
    """
    if isinstance(value, bool):
        raise ValueError(f"must not be a boolean (got {str(value).lower()})")
    if isinstance(value, str):
        if not value.isascii():
            raise ValueError("must be written with the digits 0 to 9")
        try:
            value_as_number = Decimal(value)
        except DecimalException:
            return value  # for the field's own type to judge
    elif isinstance(value, int | float | Decimal):
        value_as_number = Decimal(value)
    else:
        return value
    if not (value_as_number.is_finite() and value_as_number.copy_abs() <= MAX_MAGNITUDE):
        raise ValueError(f"must be a finite number of at most {MAX_MAGNITUDE:.0e} in magnitude")
    return value


def _check(value: Any, annotation: Any) -> None:
    """Every number in `value`, a field of type `annotation`, but for those in sections and types that check their
    own.
    """
    if isinstance(value, dict | list | tuple):
        if not _mentions(annotation, BaseModel, BeforeValidator):
            for item in value.values() if isinstance(value, dict) else value:
                _check(item, get_args(annotation)[1] if get_origin(annotation) is dict else annotation)
    elif isinstance(value, bool):
        if not _mentions(annotation, bool):
            refuse_odd_number(value)
    elif not isinstance(value, str) or (_mentions(annotation, int, float, Decimal) and not _mentions(annotation, str)):
        refuse_odd_number(value)


def _mentions(annotation: Any, *wanted: type) -> bool:
    """Whether a value of type `annotation` may be, or hold, one of `wanted`."""
    if annotation is Any or isinstance(annotation, wanted):  # an instance is a value in a Literal
        return True
    if isinstance(annotation, type) and issubclass(annotation, wanted):
        return True
    return any(_mentions(part, *wanted) for part in get_args(annotation))


def parse_duration(value: Any) -> int:
    """Nanoseconds of a text such as `250ms`, `1.5s` or `1h30m`. Raises `ValueError` without a unit or out of range."""
    if not isinstance(value, str):
        raise ValueError("a duration needs a unit, such as 500ms, 1s, 5m, 1h or 1d")
    if not _DURATION.fullmatch(value):
        raise ValueError("a duration is a number and one of ns, us, ms, s, m, h, d, such as 500ms or 1h30m")
    total = sum(Fraction(number) * _UNITS_NS[unit] for number, unit in _DURATION_PART.findall(value))
    if total > _MAX_DURATION_NS:
        raise ValueError("a duration must be at most 100 years")
    if total != int(total):
        raise ValueError("a duration must be a whole number of nanoseconds")
    return int(total)


def parse_rate(value: Any) -> Any:
    """A fraction from `10bps`, `0.1%` or a plain number; what is none of them goes on to fail as a number."""
    if isinstance(value, str) and (match := _RATE.fullmatch(value.strip())):
        return Decimal(match[1] + match[2]) / (100 if match[3] == "%" else 10_000)
    return value


def duration_text(duration_ns: int) -> str:
    """`duration_ns` as it is written in YAML, in its largest whole unit."""
    for unit, size in reversed(_UNITS_NS.items()):
        if duration_ns and duration_ns % size == 0:
            return f"{duration_ns // size}{unit}"
    return f"{duration_ns}ns"


Name = Annotated[str, Field(pattern=NAME_PATTERN)]
"""A name of a venue, strategy, instrument...: small letters, digits and `_`."""

Duration = Annotated[int, BeforeValidator(parse_duration), Field(json_schema_extra={"format": "duration"})]
"""A length of time with its unit in the text; nanoseconds in the program."""

PositiveDuration = Annotated[Duration, Field(gt=0)]

Rate = Annotated[
    Decimal,
    BeforeValidator(refuse_odd_number),
    BeforeValidator(parse_rate),
    Field(gt=-1, lt=1, json_schema_extra={"format": "rate"}),  # last, so that a complaint shows the text as written
]
"""A fraction: `0.001`, `0.1%` or `10bps`."""

Positive = Annotated[Decimal, Field(gt=0, le=MAX_MAGNITUDE), BeforeValidator(refuse_odd_number)]
NonNegative = Annotated[Decimal, Field(ge=0, le=MAX_MAGNITUDE), BeforeValidator(refuse_odd_number)]
