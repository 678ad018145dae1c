"""Exact numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.errors import NumberError
from quantai.core.numbers import ceil_to_step, floor_to_step, is_multiple, plain, round_to_step, to_decimal

values = st.decimals("-1e9", "1e9", places=9)
steps = st.sampled_from([Decimal(text) for text in ("0.00000001", "0.01", "0.25", "0.5", "1", "10", "1E+2")])


def test_a_float_means_its_shortest_text() -> None:
    assert to_decimal(0.1) == Decimal("0.1")
    assert to_decimal("0.10") == Decimal("0.10")
    assert to_decimal(7) == Decimal(7)


@pytest.mark.parametrize("bad", [True, float("nan"), float("inf"), "nan", "abc", "", None, "1e400", 1e16, [1]])
def test_what_is_no_sound_number_is_refused_with_its_name(bad: Any) -> None:
    with pytest.raises(NumberError, match="quantity"):
        to_decimal(bad, "quantity")


@given(values, steps)
def test_rounding_lands_on_the_grid_and_nearest(value: Decimal, step: Decimal) -> None:
    low, near, high = floor_to_step(value, step), round_to_step(value, step), ceil_to_step(value, step)
    assert all(is_multiple(each, step) for each in (low, near, high))
    assert low <= value <= high
    assert high - low in (0, step)
    assert near in (low, high)
    assert abs(near - value) <= step / 2


@given(values)
def test_plain_is_the_same_number_without_exponent_or_trailing_zeros(value: Decimal) -> None:
    text = plain(value)
    assert Decimal(text) == value
    assert "E" not in text
    assert not (("." in text) and text.endswith(("0", ".")))


def test_a_number_with_too_many_digits_for_a_grid_is_refused() -> None:
    with pytest.raises(NumberError, match="too many digits"):
        round_to_step(Decimal(10) ** 15, Decimal("1e-99"))
    with pytest.raises(NumberError, match="positive step"):
        floor_to_step(Decimal(1), Decimal(0))
