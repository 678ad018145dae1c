"""Base and field types of everything that is declared in YAML: strict about keys, units and numbers."""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, get_args

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
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|d)")
_RATE = re.compile(r"(-?\d+(?:\.\d+)?)\s*(%|bps)")
_MAX_DURATION_NS = 100 * 366 * _UNITS_NS["d"]


class Section(BaseModel):
    """A part of the configuration: nothing extra, nothing coerced out of a boolean, no NaN, no infinity, no absurd number."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_odd_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        allows_bool = info.field_name is None or _mentions(cls.model_fields[info.field_name].annotation, bool)
        return value if isinstance(value, bool) and allows_bool else refuse_odd_number(value)


def refuse_odd_number(value: Any) -> Any:
    """`value` as it is. Raises `ValueError` for a boolean, a NaN, an infinity or an absurdly large number."""
    if isinstance(value, bool):
        raise ValueError(f"must not be a boolean (got {str(value).lower()})")
    if isinstance(value, int | float) and not (isfinite(value) and abs(value) <= MAX_MAGNITUDE):
        raise ValueError(f"must be a finite number of at most {MAX_MAGNITUDE:.0e} in magnitude")
    return value


def _mentions(annotation: Any, wanted: type) -> bool:
    return annotation is wanted or annotation is Any or any(_mentions(part, wanted) for part in get_args(annotation))


def parse_duration(value: Any) -> int:
    """Nanoseconds of a text such as `250ms`, `1.5s` or `1h30m`. Raises `ValueError` without a unit or out of range."""
    if not isinstance(value, str):
        raise ValueError("a duration needs a unit, such as 500ms, 1s, 5m, 1h or 1d")
    text = value.replace(" ", "")
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("a duration is a number and one of ns, us, ms, s, m, h, d, such as 500ms or 1h30m")
    total = sum(int(Decimal(number) * _UNITS_NS[unit]) for number, unit in parts)
    if total > _MAX_DURATION_NS:
        raise ValueError("a duration must be at most 100 years")
    return total


def parse_rate(value: Any) -> Any:
    """A fraction from `10bps`, `0.1%` or a plain number; what is none of them goes on to fail as a number."""
    if isinstance(value, str) and (match := _RATE.fullmatch(value.strip())):
        return Decimal(match[1]) / (100 if match[2] == "%" else 10_000)
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

Rate = Annotated[Decimal, BeforeValidator(parse_rate), Field(gt=-1, lt=1, json_schema_extra={"format": "rate"})]
"""A fraction: `0.001`, `0.1%` or `10bps`."""

Positive = Annotated[Decimal, BeforeValidator(refuse_odd_number), Field(gt=0, le=MAX_MAGNITUDE)]
NonNegative = Annotated[Decimal, BeforeValidator(refuse_odd_number), Field(ge=0, le=MAX_MAGNITUDE)]
