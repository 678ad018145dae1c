"""What may stand in YAML: units, numbers, booleans."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from quantai.core.params import Duration, NonNegative, Positive, Rate, Section, duration_text, parse_duration


class Sample(Section):
    """One of everything."""

    count: int = 1
    ratio: float = 1.0
    flag: bool = False
    amount: Positive = Decimal(1)
    held: dict[str, NonNegative] = {}
    wait: Duration = 0
    fee: Rate = Decimal(0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250us", 250_000),
        ("5ms", 5_000_000),
        ("1.5s", 1_500_000_000),
        ("1h30m", 5_400_000_000_000),
        ("2d", 172_800_000_000_000),
        ("10ns", 10),
        ("0s", 0),
        ("1 m", 60_000_000_000),
    ],
)
def test_durations_have_units(text: str, expected: int) -> None:
    assert Sample(wait=text).wait == expected


@pytest.mark.parametrize("bad", [5, 5.0, "5", "s", "5 sec", "-1s", "1m1", "1e3s", "", "9999999d", True, None])
def test_what_is_no_duration_is_refused(bad: Any) -> None:
    with pytest.raises(ValidationError, match="wait"):
        Sample(wait=bad)


@given(st.integers(1, 10**18))
def test_a_duration_reads_back_from_its_text(duration_ns: int) -> None:
    assert parse_duration(duration_text(duration_ns)) == duration_ns


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10bps", "0.001"), ("0.1%", "0.001"), ("-2 bps", "-0.0002"), (0.001, "0.001"), ("0.001", "0.001")],
)
def test_rates_are_fractions_percents_or_basis_points(text: Any, expected: str) -> None:
    assert Sample(fee=text).fee == Decimal(expected)


@pytest.mark.parametrize("bad", ["150%", "-1", "x", "2 pips", True, "nan", float("nan")])
def test_what_is_no_rate_is_refused(bad: Any) -> None:
    with pytest.raises(ValidationError, match="fee"):
        Sample(fee=bad)


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("count", True),
        ("count", 2.5),
        ("count", 10**16),
        ("ratio", float("nan")),
        ("ratio", float("inf")),
        ("ratio", "nan"),
        ("ratio", True),
        ("amount", 0),
        ("amount", -1),
        ("amount", "nan"),
        ("amount", "Infinity"),
        ("amount", 1e30),
        ("amount", "1e400"),
        ("amount", True),
        ("held", {"BTC": True}),
        ("held", {"BTC": -1}),
        ("held", {"BTC": 1e300}),
        ("flag", 2),
        ("unknown", 1),
    ],
)
def test_odd_values_are_refused_at_their_key(key: str, bad: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        Sample(**{key: bad})
    assert caught.value.errors()[0]["loc"][0] == key


def test_a_decimal_is_exactly_what_was_written() -> None:
    sample = Sample(amount=0.1, held={"BTC": "0.30"})
    assert sample.amount == Decimal("0.1")
    assert sample.held["BTC"] == Decimal("0.3")


def test_a_section_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Sample().count = 5  # type: ignore[misc]
