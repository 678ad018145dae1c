"""The figures on the page: each with its name, its value in words, and its definition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantai.simulation.report import statistics as stats
from quantai.simulation.report.columns import Floats
from quantai.simulation.report.formatting import DASH, count, duration, instant, money, percent, ratio
from quantai.simulation.report.round_trips import RoundTrip
from quantai.simulation.report.run_data import EquityCurve, RunData

_PERIOD_NAMES = dict(zip(stats.SAMPLING_PERIODS_NS, ("daily", "hourly", "one-minute", "one-second"), strict=True))


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the statistics: `definition` says how the value came about."""

    name: str
    value: str
    definition: str


@dataclass(frozen=True, slots=True)
class RiskFigures:
    """What sampled equity says about risk; `period_ns` is the distance of the returns behind it."""

    period_ns: int | None
    returns: int
    sharpe: float | None
    sortino: float | None
    volatility: float | None

    @property
    def basis(self) -> str:
        """How the figures were annualised, in words."""
        if self.period_ns is None:
            return "the run is too short for it"
        per_year = stats.YEAR_NS // self.period_ns
        name = _PERIOD_NAMES[self.period_ns]
        if not self.returns:
            return f"equity was not always positive, so {name} returns are undefined"
        return (
            f"{count(self.returns)} {name} returns of sampled equity, times the square root of {count(per_year)} a year"
        )


def risk_figures(curve: EquityCurve) -> RiskFigures:
    """Sharpe, Sortino and volatility of a curve, on the grid that suits its length."""
    period = stats.sampling_period(curve.ts)
    returns = None if period is None else stats.periodic_returns(curve.ts, curve.equity, period)
    if period is None or returns is None:
        return RiskFigures(period, 0, None, None, None)
    return RiskFigures(
        period,
        len(returns),
        stats.sharpe_ratio(returns, period),
        stats.sortino_ratio(returns, period),
        stats.volatility(returns, period),
    )


def closed_pnls(trips: list[RoundTrip]) -> Floats:
    """The PnL of each round trip that is closed."""
    return np.array([trip.pnl for trip in trips if trip.closed_ts is not None], np.float64)


def result_measures(run: RunData, risk: RiskFigures) -> list[Measure]:
    """What was earned, and how steadily."""
    summary = run.summary
    places = summary.places
    return [
        Measure("Total return", percent(summary.total_return, signed=True), "Ending over starting equity, less one."),
        Measure("PnL", money(summary.pnl, places, signed=True), "Realized and unrealized, after fees."),
        Measure(
            "Realized PnL",
            money(summary.realized_pnl, places, signed=True),
            "Of what was closed, as the portfolio booked it, over all strategies.",
        ),
        Measure(
            "Unrealized PnL",
            money(summary.unrealized_pnl, places, signed=True),
            "Of positions still open at the end, at the last price, over all strategies.",
        ),
        Measure("Fees", money(summary.fees, places), "All fees less rebates."),
        Measure(
            "Sharpe ratio",
            ratio(risk.sharpe),
            f"Mean over standard deviation of returns, risk-free rate 0: {risk.basis}.",
        ),
        Measure(
            "Sortino ratio",
            ratio(risk.sortino),
            f"Mean return over downside deviation, target 0: {risk.basis}.",
        ),
    ]


def risk_measures(run: RunData, risk: RiskFigures, trips: list[RoundTrip]) -> list[Measure]:
    """What was at stake."""
    drawdown = stats.worst_drawdown(run.equity.ts, run.equity.equity)
    is_real = drawdown is not None and drawdown.depth > 0
    lasted, span = DASH, DASH
    if drawdown is not None and is_real:
        lasted = duration(drawdown.duration_ns) + ("" if drawdown.is_recovered else ", not recovered")
        span = instant(drawdown.trough_ts)
    return [
        Measure(
            "Max drawdown",
            percent(run.summary.max_drawdown),
            "Deepest fall of equity from its peak, as a fraction of that peak, at every valuation of the run.",
        ),
        Measure(
            "Drawdown lasted", lasted, "The deepest drawdown of sampled equity, from its peak until it was back there."
        ),
        Measure("Drawdown trough", span, "When sampled equity was lowest in the deepest drawdown, UTC."),
        Measure("Volatility", percent(risk.volatility), f"Standard deviation of returns, annualized: {risk.basis}."),
        Measure(
            "Exposure time",
            percent(exposure(run, trips)),
            "Share of the period in which some strategy held a position.",
        ),
        Measure(
            "Turnover",
            ratio(turnover(run), "\N{MULTIPLICATION SIGN}"),
            "Traded notional, buys and sells, over mean sampled equity.",
        ),
        Measure("Maker share", percent(maker_share(run)), "Share of the fills that added liquidity."),
    ]


def trade_measures(run: RunData, trips: list[RoundTrip]) -> list[Measure]:
    """How the single trades went."""
    places = run.summary.places
    pnls = closed_pnls(trips)
    held = [trip.closed_ts - trip.opened_ts for trip in trips if trip.closed_ts is not None]
    open_trips = len(trips) - len(pnls)
    still_open = f", {count(open_trips)} open" if open_trips else ""
    currency = run.summary.currency
    return [
        Measure(
            "Trades",
            f"{count(len(pnls))}{still_open}",
            "Round trips: one strategy in one instrument from flat to flat; a turn ends one and starts the next. "
            f"Their PnL is realized PnL less the fees charged in {currency}.",
        ),
        Measure("Win rate", percent(stats.win_rate(pnls)), "Share of closed round trips that made money."),
        Measure("Profit factor", ratio(stats.profit_factor(pnls)), "What winners made over what losers lost."),
        Measure("Average win", money(stats.mean(pnls[pnls > 0]), places, signed=True), "Mean PnL of the winners."),
        Measure("Average loss", money(stats.mean(pnls[pnls < 0]), places, signed=True), "Mean PnL of the losers."),
        Measure("Expectancy", money(stats.mean(pnls), places, signed=True), "Mean PnL of a closed round trip."),
        Measure("Median holding", duration(int(np.median(held)) if held else None), "From first fill to closing fill."),
    ]


def exposure(run: RunData, trips: list[RoundTrip]) -> float | None:
    """The share of the run in which any strategy held anything."""
    window = run.window
    if window is None:
        return None
    start, end = window
    held = ((trip.opened_ts, end if trip.closed_ts is None else trip.closed_ts) for trip in trips)
    return stats.covered_share(held, start, end)


def turnover(run: RunData) -> float | None:
    """How many times the mean sampled equity was traded."""
    traded = run.summary.traded_notional
    return None if traded is None else stats.turnover(float(traded), run.equity.equity)


def maker_share(run: RunData) -> float | None:
    """The share of the fills that added liquidity."""
    return stats.mean(run.fills.liquidity.equals("maker").astype(np.float64))
