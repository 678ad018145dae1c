"""Statistics against figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.simulation.report import statistics as stats
from quantai.simulation.report.columns import Floats, Ints

# Equity is stored with this many decimals, so what is not zero is no smaller than the last of them.
STORED_DECIMALS = 18
DAY, HOUR, MINUTE, SECOND = stats.SAMPLING_PERIODS_NS


def floats(*values: float) -> Floats:
    return np.array(values, np.float64)


def times(*values: int) -> Ints:
    return np.array(values, np.int64)


def test_total_return_is_relative_to_the_start() -> None:
    assert stats.total_return(200.0, 250.0) == 0.25
    assert stats.total_return(200.0, -50.0) == -1.25


@pytest.mark.parametrize("start", [0.0, -10.0])
def test_total_return_needs_positive_equity(start: float) -> None:
    assert stats.total_return(start, 100.0) is None


def test_drawdowns_are_fractions_of_the_peak_so_far() -> None:
    assert stats.drawdowns(floats(100, 80, 200, 150, 200)).tolist() == [0, 0.2, 0, 0.25, 0]


def test_drawdown_exceeds_one_when_equity_turns_negative() -> None:
    assert stats.drawdowns(floats(100, -20)).tolist() == [0, 1.2]


def test_drawdown_is_undefined_below_a_peak_that_is_not_positive() -> None:
    depths = stats.drawdowns(floats(-5, 0, 10, 5))
    assert np.isnan(depths[:2]).all()
    assert depths[2:].tolist() == [0, 0.5]


def test_worst_drawdown_lasts_until_its_peak_is_reached_again() -> None:
    drawdown = stats.worst_drawdown(times(0, 10, 20, 30, 40, 50), floats(100, 120, 90, 110, 120, 100))
    assert drawdown == stats.Drawdown(0.25, 10, 20, 40, True)
    assert drawdown.duration_ns == 30


def test_worst_drawdown_that_does_not_recover_lasts_until_the_last_sample() -> None:
    assert stats.worst_drawdown(times(0, 10, 20), floats(100, 50, 60)) == stats.Drawdown(0.5, 0, 10, 20, False)


def test_equity_that_never_falls_has_a_drawdown_of_zero() -> None:
    drawdown = stats.worst_drawdown(times(0, 10), floats(100, 100))
    assert drawdown is not None
    assert (drawdown.depth, drawdown.duration_ns) == (0, 0)


@pytest.mark.parametrize("equity", [[], [0.0, 10.0], [-1.0, 5.0]])
def test_worst_drawdown_is_undefined_without_a_positive_start(equity: list[float]) -> None:
    assert stats.worst_drawdown(times(*range(len(equity))), floats(*equity)) is None


@pytest.mark.parametrize(
    ("step", "samples", "period"),
    [
        (HOUR, 24 * 40, DAY),
        (MINUTE, 60 * 40, HOUR),
        (SECOND, 60 * 40, MINUTE),
        (SECOND, 40, SECOND),
        (DAY, 20, DAY),
        (SECOND // 10, 15, None),
        (DAY * 3, 20, None),
        (SECOND, 1, None),
    ],
)
def test_sampling_period_fits_the_length_and_the_density_of_the_run(
    step: int, samples: int, period: int | None
) -> None:
    assert stats.sampling_period(np.arange(samples, dtype=np.int64) * step) == period


def test_returns_carry_the_last_equity_forward_and_drop_the_last_part() -> None:
    # Points of the grid at 0, 10, 20 and 30: 100, 110 (from 8), 110, 99 (at 30); what follows 30 is no whole period.
    returns = stats.periodic_returns(times(0, 8, 30, 35), floats(100, 110, 99, 500), 10)
    assert returns is not None
    assert returns.tolist() == pytest.approx([0.1, 0, -0.1])


def test_a_last_return_may_lose_everything() -> None:
    returns = stats.periodic_returns(times(0, 10, 20), floats(100, 50, 0), 10)
    assert returns is not None
    assert returns.tolist() == [-0.5, -1]


@pytest.mark.parametrize("equity", [(100, 0, 100), (100, -1, 5), (0, 1, 2)])
def test_returns_from_equity_that_is_not_positive_are_undefined(equity: tuple[float, ...]) -> None:
    assert stats.periodic_returns(times(0, 10, 20), floats(*equity), 10) is None


def test_volatility_is_annualised_with_the_square_root_of_time() -> None:
    # Mean 0.02, squared deviations 0.0001 twice, divided by n - 1 = 1.
    assert stats.volatility(floats(0.01, 0.03), DAY) == pytest.approx(math.sqrt(0.0002) * math.sqrt(365))


def test_sharpe_ratio_by_hand() -> None:
    assert stats.sharpe_ratio(floats(0.01, 0.03), DAY) == pytest.approx(0.02 / math.sqrt(0.0002) * math.sqrt(365))


def test_sharpe_ratio_of_hourly_returns_has_8760_periods_a_year() -> None:
    hourly, daily = (stats.sharpe_ratio(floats(0.01, 0.03), period) for period in (HOUR, DAY))
    assert hourly is not None
    assert daily is not None
    assert hourly / daily == pytest.approx(math.sqrt(24))


def test_sortino_ratio_counts_losses_over_all_returns() -> None:
    # Mean 0.01; only -0.02 is a loss: root of 0.0004 / 2.
    assert stats.sortino_ratio(floats(0.04, -0.02), DAY) == pytest.approx(0.01 / math.sqrt(0.0002) * math.sqrt(365))


@pytest.mark.parametrize("returns", [(), (0.1,), (0.0, 0.0), (0.1, 0.1, 0.1)])
def test_ratios_without_spread_are_undefined(returns: tuple[float, ...]) -> None:
    assert stats.sharpe_ratio(floats(*returns), DAY) is None
    assert stats.sortino_ratio(floats(*returns), DAY) is None


def test_rounding_in_steady_growth_is_no_risk() -> None:
    equity = floats(*(100 * 1.001**step for step in range(50)))
    returns = stats.periodic_returns(np.arange(50, dtype=np.int64), equity, 1)
    assert returns is not None
    assert np.std(returns) > 0
    assert stats.sharpe_ratio(returns, DAY) is None


def test_trade_statistics_by_hand() -> None:
    pnls = floats(3, 1, 0, -2)
    assert stats.win_rate(pnls) == 0.5
    assert stats.profit_factor(pnls) == 2
    assert stats.mean(pnls) == 0.5


def test_trade_statistics_of_nothing_are_undefined() -> None:
    assert stats.win_rate(floats()) is None
    assert stats.profit_factor(floats()) is None
    assert stats.mean(floats()) is None


def test_profit_factor_without_losers_is_undefined_not_infinite() -> None:
    assert stats.profit_factor(floats(1, 2)) is None


def test_overlapping_intervals_are_covered_once() -> None:
    assert stats.covered_share([(10, 30), (20, 40), (60, 70)], 0, 100) == 0.4


def test_intervals_count_only_inside_the_period() -> None:
    assert stats.covered_share([(-50, 10), (90, 400), (500, 600)], 0, 100) == 0.2


def test_a_period_without_length_has_no_share() -> None:
    assert stats.covered_share([(0, 0)], 0, 0) is None


def test_turnover_is_in_multiples_of_mean_equity() -> None:
    assert stats.turnover(600.0, floats(100, 200)) == 4
    assert stats.turnover(600.0, floats()) is None
    assert stats.turnover(600.0, floats(-100, 50)) is None


@settings(max_examples=50)
@given(st.lists(st.floats(-1e15, 1e15).map(lambda value: round(value, STORED_DECIMALS)), max_size=30))
def test_no_statistic_is_ever_nan_or_infinite(values: list[float]) -> None:
    equity, ts = floats(*values), np.arange(len(values), dtype=np.int64) * SECOND
    drawdown = stats.worst_drawdown(ts, equity)
    results = [stats.win_rate(equity), stats.profit_factor(equity), stats.turnover(1.0, equity), stats.mean(equity)]
    results.append(drawdown.depth if drawdown else None)
    returns = stats.periodic_returns(ts, equity, SECOND) if len(values) else None
    if returns is not None:
        results += [figure(returns, SECOND) for figure in (stats.sharpe_ratio, stats.sortino_ratio, stats.volatility)]
    assert all(result is None or math.isfinite(result) for result in results)
