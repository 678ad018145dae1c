"""Down-sampling keeps what an eye would miss."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.simulation.report.sampling import evenly, extremes


def test_a_short_series_is_drawn_whole() -> None:
    assert extremes(np.arange(10.0), 10).tolist() == list(range(10))


def test_a_single_spike_in_a_million_points_is_kept() -> None:
    values = np.zeros(1_000_000)
    values[123_457], values[876_543] = 1.0, -1.0
    rows = extremes(values, 100)
    assert {0, 123_457, 876_543, 999_999} <= set(rows.tolist())
    assert len(rows) <= 100


def test_undefined_stretches_do_not_hide_extremes() -> None:
    values = np.full(1_000, np.nan)
    values[[501, 502]] = [3.0, -3.0]
    assert {501, 502} <= set(extremes(values, 50).tolist())


@settings(max_examples=50)
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300), st.integers(4, 60))
def test_extremes_are_bounded_sorted_and_span_the_same_range(values: list[float], limit: int) -> None:
    series = np.array(values)
    rows = extremes(series, limit)
    assert len(rows) <= max(limit, 1)
    assert (np.diff(rows) > 0).all()
    assert (rows[0], rows[-1]) == (0, len(series) - 1)
    assert (series[rows].min(), series[rows].max()) == (series.min(), series.max())


def test_evenly_keeps_both_ends_and_the_limit() -> None:
    rows = np.arange(100, 1_100)
    chosen = evenly(rows, 7)
    assert (len(chosen), chosen[0], chosen[-1]) == (7, 100, 1_099)
    assert evenly(rows[:5], 7).tolist() == rows[:5].tolist()
