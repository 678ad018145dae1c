"""The arithmetic below the market: portable functions, exact grids."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.errors import ConfigError
from quantai.data.synthetic.grid import Grid
from quantai.data.synthetic.randomness import RandomStream, autoregress, exp, stable_hash


@given(st.floats(-600, 600))
def test_exp_is_the_exponential(value: float) -> None:
    assert exp(np.array([value]))[0] == pytest.approx(math.exp(value), rel=1e-14)


@given(
    st.integers(1, 2**40),
    st.sampled_from(["0.1", "0.01", "0.05", "0.00000001", "1", "10", "25", "0.125", "1E-12", "5E+2"]),
)
def test_grid_floats_are_the_nearest_to_the_decimal(units: int, step: str) -> None:
    if units <= Grid(Decimal(step), "step").most_units:
        assert float(Grid(Decimal(step), "step").floats(np.array([units]))[0]) == float(units * Decimal(step))


def test_a_grid_too_fine_is_refused() -> None:
    with pytest.raises(ConfigError, match="tick_size of x 1E-23"):
        Grid(Decimal("1E-23"), "tick_size of x")


def test_autoregress_follows_its_recursion() -> None:
    assert autoregress(np.array([1.0, 0.0, 2.0]), 0.5, 4.0).tolist() == [3.0, 1.5, 2.75]


def test_streams_differ_by_name_and_by_seed() -> None:
    draws = [RandomStream(*key).uniform(3).tolist() for key in ((1, "a", "b"), (1, "ab"), (2, "a", "b"))]
    assert draws[0] != draws[1] != draws[2] != draws[0]


def test_hashes_do_not_depend_on_the_process() -> None:
    assert stable_hash(7, "binance", "BTC/USDT") == 17105807504170056074110191751941591531


def test_draws_have_the_moments_of_their_laws() -> None:
    stream = RandomStream(1, "moments")
    normal, exponential = stream.normal(100_000), stream.exponential(100_000)
    assert abs(normal.mean()) < 0.02
    assert normal.std() == pytest.approx(1, abs=0.02)
    assert exponential.mean() == pytest.approx(1, abs=0.02)


def test_arrivals_follow_the_rate_of_each_bin() -> None:
    times = RandomStream(1, "arrivals").arrivals(np.array([0.0, 5_000.0, 1_000.0]), 10)
    counts = np.bincount(times // 10, minlength=3)
    assert counts[0] == 0
    assert counts[1] == pytest.approx(5_000, rel=0.1)
    assert counts[2] == pytest.approx(1_000, rel=0.2)
    assert (np.diff(times) >= 0).all()
