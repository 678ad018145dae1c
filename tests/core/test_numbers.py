from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor, trunc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.errors import NumberError
from quantai.core.numbers import (
    MAX_MAGNITUDE,
    Grid,
    ceil_to_step,
    floor_to_step,
    is_multiple,
    plain,
    round_to_step,
    to_decimal,
    truncate_to_step,
)
from tests.generators import amounts, steps

any_decimal = st.decimals(min_value=-MAX_MAGNITUDE, max_value=MAX_MAGNITUDE, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0.1, "0.1"),
        (1e-7, "1E-7"),
        (5, "5"),
        ("0.10", "0.10"),
        (" 5 ", "5"),
        ("-1e3", "-1E+3"),
        (Decimal("0.30"), "0.30"),
        (np.float64(0.1), "0.1"),
        (np.float32(0.5), "0.5"),
        (np.int64(7), "7"),
        (10**15, "1000000000000000"),
        (-(10**15), "-1000000000000000"),
    ],
)
def test_a_number_is_taken_as_it_is_written(value: Any, number: str) -> None:
    assert str(to_decimal(value)) == number


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_a_float_means_its_shortest_text(value: float) -> None:
    assert float(to_decimal(value)) == value
    assert to_decimal(value) == to_decimal(repr(value))


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (True, "must be a number, not True"),
        (np.True_, "must be a number"),
        (None, "must be a number, not None"),
        ("", "must be a number, not ''"),
        ("1,5", "must be a number, not '1,5'"),
        ("0x10", "must be a number"),
        ("١٢", "must be a number"),
        pytest.param("x" * 1_000_000, r"not 'x+\.\.\.x+'", id="long"),
        ([1], "must be a number"),
        (1 + 2j, "must be a number"),
        ("nan", "must be finite, not NaN"),
        (float("nan"), "must be finite"),
        ("-Infinity", "must be finite, not -Infinity"),
        (float("inf"), "must be finite"),
        (Decimal("sNaN"), "must be finite"),
        (np.float64("nan"), "must be finite"),
        (10**15 + 1, r"larger than 1,000,000,000,000,000 in magnitude: 1\.000E\+15"),
        (-1.1e15, "larger than"),
        ("1e400", r"larger than .*: 1\.000E\+400"),
        ("1e1000001", "larger than"),
        pytest.param(10**5_000, "larger than", id="huge"),
    ],
)
def test_what_is_no_sensible_number_is_refused(value: Any, complaint: str) -> None:
    with pytest.raises(NumberError, match=complaint) as caught:
        to_decimal(value, "price of X")
    assert str(caught.value).startswith("price of X ")
    assert len(str(caught.value)) < 200


@given(value=any_decimal, step=steps)
def test_steps_are_exact(value: Decimal, step: Decimal) -> None:
    count = Fraction(value) / Fraction(step)
    size = Fraction(step)
    assert Fraction(floor_to_step(value, step)) == floor(count) * size
    assert Fraction(ceil_to_step(value, step)) == ceil(count) * size
    assert Fraction(truncate_to_step(value, step)) == trunc(count) * size
    assert Fraction(round_to_step(value, step)) == round(count) * size
    assert is_multiple(value, step) == (count.denominator == 1)


@given(value=amounts, step=steps)
def test_a_number_on_the_grid_has_the_decimals_of_the_step(value: Decimal, step: Decimal) -> None:
    for on_grid in (f(value, step) for f in (floor_to_step, ceil_to_step, round_to_step, truncate_to_step)):
        assert is_multiple(on_grid, step)
        assert on_grid.as_tuple().exponent == step.as_tuple().exponent
        assert round_to_step(on_grid, step) == on_grid


@given(value=any_decimal, step=steps | st.integers(-12, 6).map(lambda exponent: Decimal(1).scaleb(exponent)))
def test_a_grid_rounds_as_its_step_does(value: Decimal, step: Decimal) -> None:
    grid = Grid(step)
    assert str(grid.nearest(value)) == str(round_to_step(value, step))
    assert str(grid.truncated(value)) == str(truncate_to_step(value, step))


def test_more_digits_than_the_decimal_context_has_are_not_rounded_away() -> None:
    almost_one = Decimal("0." + "9" * 40)
    assert floor_to_step(almost_one, Decimal(1)) == 0
    assert round_to_step(Decimal("0.5" + "0" * 40 + "1"), Decimal(1)) == 1
    assert round_to_step(Decimal("2.5"), Decimal(1)) == 2
    assert round_to_step(Decimal("3.5"), Decimal(1)) == 4


@pytest.mark.parametrize("step", ["0", "-0.1", "NaN", "Infinity"])
@pytest.mark.parametrize("function", [floor_to_step, ceil_to_step, round_to_step, truncate_to_step, is_multiple])
def test_a_step_must_be_positive(function: Any, step: str) -> None:
    with pytest.raises(NumberError, match="positive step"):
        function(Decimal(1), Decimal(step))


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_what_is_not_finite_has_no_grid(value: str) -> None:
    with pytest.raises(NumberError, match="finite number"):
        floor_to_step(Decimal(value), Decimal(1))
    with pytest.raises(NumberError, match="finite number"):
        Grid(Decimal(1)).nearest(Decimal(value))


def test_too_many_digits_are_refused() -> None:
    with pytest.raises(NumberError, match="too many digits for a grid of 1E-90"):
        floor_to_step(Decimal("1e15"), Decimal("1e-90"))
    with pytest.raises(NumberError, match="too many digits for a grid of 1E-90"):
        Grid(Decimal("1e-90")).nearest(Decimal("1e15"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1E+3", "1000"),
        ("0.10", "0.1"),
        ("100", "100"),
        ("5.", "5"),
        ("0.000", "0"),
        ("-0.00", "0"),
        ("-1.50", "-1.5"),
        ("1E-8", "0.00000001"),
    ],
)
def test_plain_is_how_people_write(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


@given(any_decimal)
def test_plain_loses_nothing(value: Decimal) -> None:
    assert Decimal(plain(value)) == value
    assert "E" not in plain(value)
