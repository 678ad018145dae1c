from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter, ValidationError

from quantai.core.params import (
    Duration,
    Name,
    NonNegative,
    Positive,
    PositiveDuration,
    Rate,
    Section,
    duration_text,
    parse_duration,
)

SECOND = 1_000_000_000


class Colour(StrEnum):
    RED = "red"


class Inner(Section):
    """A section in a section."""

    flag: bool = False
    size: float = 0.0


class Outer(Section):
    """One field of each kind."""

    count: int = 0
    size: float = 0.0
    amount: Decimal = Decimal(0)
    limit: Positive | None = None
    least: NonNegative = Decimal(0)
    fee: Rate = Decimal(0)
    wait: PositiveDuration = SECOND
    flag: bool = False
    name: Name = "x"
    text: str = ""
    either: int | str = 0
    secret: SecretStr = SecretStr("")
    colour: Colour = Colour.RED
    only: Literal[True, "no"] = True
    counts: list[int] = []
    sizes: dict[str, float] = {}
    flags: list[bool] = []
    fees: dict[str, Rate] = {}
    inner: Inner = Inner()
    inners: dict[str, Inner] = {}
    anything: Any = None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("count", 5),
        ("count", "5"),
        ("size", 1),
        ("size", "1e-3"),
        ("size", -1e15),
        ("amount", "0.10"),
        ("amount", 0.1),
        ("limit", None),
        ("limit", "1e15"),
        ("least", 0),
        ("flag", True),
        ("text", "nan"),
        ("text", "1e400"),
        ("text", "é٣"),
        ("either", "1e400"),
        ("secret", "99999999999999999999"),
        ("only", True),
        ("counts", [1, 2]),
        ("flags", [True, False]),
        ("sizes", {"a": 1.5}),
        ("inner", {"flag": True}),
        ("inners", {"a": {"flag": True}}),
        ("anything", {"deep": [True, float("nan")]}),
    ],
)
def test_sensible_values_are_taken(field: str, value: Any) -> None:
    assert field in Outer(**{field: value}).model_fields_set


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("colour", "blue", "'red'"),
        ("colours", "red", "Extra inputs are not permitted"),
        ("count", True, r"must not be a boolean \(got true\)"),
        ("size", False, "must not be a boolean"),
        ("amount", True, "must not be a boolean"),
        ("limit", True, "must not be a boolean"),
        ("fee", True, "must not be a boolean"),
        ("wait", True, "must not be a boolean"),
        ("counts", [1, True], "must not be a boolean"),
        ("sizes", {"a": True}, "must not be a boolean"),
        ("fees", {"a": True}, "must not be a boolean"),
        ("size", float("nan"), "finite number"),
        ("size", float("-inf"), "finite number"),
        ("size", 1.1e15, r"at most 1e\+15 in magnitude"),
        ("size", "1e300", "finite number"),
        ("size", "1e400", "finite number"),
        ("size", "nan", "finite number"),
        ("size", "١٢", "digits 0 to 9"),
        ("count", 10**400, "finite number"),
        ("count", "9" * 400, "finite number"),
        ("amount", "nan", "finite number"),
        ("amount", "1e400", "finite number"),
        ("amount", "1e1000001", "finite number"),
        ("amount", Decimal("NaN"), "finite number"),
        ("amount", "١٢", "digits 0 to 9"),
        ("limit", 0, "greater than 0"),
        ("limit", "Infinity", "finite number"),
        ("limit", "1e16", "finite number"),
        ("least", -1, "greater than or equal to 0"),
        ("least", "-nan", "finite number"),
        ("sizes", {"a": "1e300"}, "finite number"),
        ("counts", [10**400], "finite number"),
        ("fees", {"a": "nan"}, "finite number"),
        ("name", "No Name", "match pattern"),
        ("name", "name\n", "match pattern"),
        ("inner", {"size": True}, "must not be a boolean"),
        ("inners", {"a": {"size": "nan"}}, "finite number"),
        ("wait", "0s", "greater than 0"),
        ("wait", 5, "needs a unit"),
        ("flag", 2, "valid boolean"),
        ("count", 2.5, "valid integer"),
    ],
)
def test_senseless_values_are_refused_where_they_are(field: str, value: Any, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint) as caught:
        Outer(**{field: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {field}


def test_a_section_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Outer().count = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("5ns", 5),
        ("250ms", 250_000_000),
        ("1.5s", 1_500_000_000),
        ("1h30m", 5_400 * SECOND),
        ("1 h 30 m", 5_400 * SECOND),
        (" 5 us ", 5_000),
        ("0s", 0),
        ("0.000000001s", 1),
        ("36600d", 36_600 * 86_400 * SECOND),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds
    assert TypeAdapter(Duration).validate_python(text) == nanoseconds


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (5, "needs a unit"),
        (1.5, "needs a unit"),
        (None, "needs a unit"),
        ("5", "a number and one of ns, us"),
        ("", "a number and one of"),
        ("s", "a number and one of"),
        ("-5s", "a number and one of"),
        ("5 minutes", "a number and one of"),
        ("1 5s", "a number and one of"),
        ("1.s", "a number and one of"),
        ("1e3s", "a number and one of"),
        ("5S", "a number and one of"),
        ("٥s", "a number and one of"),
        ("5s!", "a number and one of"),
        ("36601d", "at most 100 years"),
        ("9" * 400 + "d", "at most 100 years"),
        ("0.5ns", "whole number of nanoseconds"),
        ("0." + "0" * 100 + "1s", "whole number of nanoseconds"),
    ],
)
def test_what_is_no_duration_is_refused(value: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_duration(value)


@given(st.integers(0, 36_600 * 86_400 * SECOND))
def test_a_duration_is_read_back_as_it_is_written(duration_ns: int) -> None:
    assert parse_duration(duration_text(duration_ns)) == duration_ns


@pytest.mark.parametrize(("duration_ns", "text"), [(0, "0ns"), (1_500_000_000, "1500ms"), (7_200 * SECOND, "2h")])
def test_a_duration_is_written_in_its_largest_whole_unit(duration_ns: int, text: str) -> None:
    assert duration_text(duration_ns) == text


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        ("0.1%", "0.001"),
        ("10bps", "0.001"),
        ("10 bps", "0.001"),
        (" -2.5 % ", "-0.025"),
        ("0.001", "0.001"),
        (0.001, "0.001"),
        (0, "0"),
        (Decimal("-0.5"), "-0.5"),
    ],
)
def test_rates(value: Any, rate: str) -> None:
    assert TypeAdapter(Rate).validate_python(value) == Decimal(rate)


@pytest.mark.parametrize(
    "value", ["100%", "-100%", "10000bps", 1, "5 percent", "%", "bps", "nan", "nan%", "1e400", "٥%", True, None, "1%%"]
)
def test_what_is_no_rate_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Rate).validate_python(value)
