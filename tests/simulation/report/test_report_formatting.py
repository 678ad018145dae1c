"""How figures read."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.simulation.report import formatting as fmt


@pytest.mark.parametrize(
    ("value", "places", "signed", "text"),
    [
        (Decimal("1234.5"), 2, False, "1,234.50"),
        (Decimal("1234.5"), 2, True, "+1,234.50"),
        (Decimal("-0.0031"), 2, True, "-0.0031"),
        (Decimal("0.004"), 2, False, "0.0040"),
        (Decimal("0.006"), 2, False, "0.01"),
        (Decimal(0), 2, True, "0.00"),
        (Decimal("-0"), 2, True, "0.00"),
        (-0.0, 2, False, "0.00"),
        (Decimal("1e-30"), 2, True, "0.000000000000000000"),
        (None, 2, True, fmt.DASH),
        (float("nan"), 2, True, fmt.DASH),
        (float("inf"), 2, True, fmt.DASH),
    ],
)
def test_money(value: Decimal | float | None, places: int, signed: bool, text: str) -> None:
    assert fmt.money(value, places, signed) == text


def test_places_follow_the_size_of_the_account() -> None:
    assert [fmt.money_places(Decimal(scale)) for scale in ("-50000", "500", "1.5", "0")] == [2, 4, 8, 8]


def test_percent_is_of_a_fraction() -> None:
    assert fmt.percent(Decimal("0.1234")) == "12.34%"
    assert fmt.percent(-0.5, signed=True) == "-50.00%"
    assert fmt.percent(None) == fmt.DASH


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 ms"),
        (999_999, "0 ms"),
        (120_000_000, "120 ms"),
        (2_005_000_000, "2 s 5 ms"),
        (3 * 86_400 * 10**9 + 4 * 3_600 * 10**9 + 59 * 10**9, "3 d 4 h"),
        (86_400 * 10**9 + 10**9, "1 d"),
        (None, fmt.DASH),
    ],
)
def test_durations_have_at_most_two_units(nanoseconds: int | None, text: str) -> None:
    assert fmt.duration(nanoseconds) == text


def test_instants_are_utc_to_the_second() -> None:
    assert fmt.instant(1_790_812_800_999_999_999) == "2026-10-01 00:00:00"
    assert fmt.instant(None) == fmt.DASH


def test_prices_have_no_exponent_and_no_trailing_zeros() -> None:
    texts = [fmt.plain_number(value) for value in (59821.5, 1e-8, 2.0, 123456789012.0, -0.25, None)]
    assert texts == ["59,821.5", "0.00000001", "2", "123,456,789,000", "-0.25", fmt.DASH]


def test_traded_notional_drops_cents_from_a_thousand_on() -> None:
    assert fmt.notional(Decimal("999.5"), 2) == "999.50"
    assert fmt.notional(Decimal("1000.4"), 2) == "1,000"


def test_long_names_are_cut_to_the_limit() -> None:
    assert fmt.shorten("abcdef", 6) == "abcdef"
    assert fmt.shorten("abcdefg", 6) == "abcde\N{HORIZONTAL ELLIPSIS}"
