"""The report of one run: `report.html` in its folder."""

from __future__ import annotations

from pathlib import Path

from quantai.simulation.report import run_tables as tables
from quantai.simulation.report import statistics as stats
from quantai.simulation.report.figures import Chart, Window
from quantai.simulation.report.formatting import count, duration, instant, money, notional, percent, ratio
from quantai.simulation.report.instrument_charts import instruments_shown, position_chart, price_chart
from quantai.simulation.report.markup import Markup, card, figure_text, join, tag
from quantai.simulation.report.measures import (
    Measure,
    RiskFigures,
    closed_pnls,
    result_measures,
    risk_figures,
    risk_measures,
    trade_measures,
)
from quantai.simulation.report.page import (
    LIBRARY_FILE,
    PlotlySource,
    chart_card,
    choice,
    page,
    write_library,
    write_whole,
)
from quantai.simulation.report.portfolio_charts import (
    bar_chart,
    drawdown_chart,
    equity_chart,
    histogram_chart,
    strategy_pnl_chart,
)
from quantai.simulation.report.round_trips import RoundTrip, round_trips
from quantai.simulation.report.run_data import RunData, load_run

REPORT_FILE = "report.html"
LONG_VALUE = 14


def write_report(folder: Path, plotly_js: PlotlySource = "inline") -> Path:
    """Write `report.html` into a run folder and return its path.

    `inline` puts plotly.js (about 5 MB) into the page, which then stands alone; `shared` keeps one copy in the parent
    folder, for sweeps. The same run data give the same bytes. Raises `StoreError` where the folder cannot be read or
    written.
    """
    folder = Path(folder)
    content = render_run(load_run(folder), plotly_js)
    if plotly_js == "shared":
        write_library(folder.resolve().parent / LIBRARY_FILE)
    target = folder / REPORT_FILE
    write_whole(target, content)
    return target


def render_run(run: RunData, plotly_js: PlotlySource = "inline") -> bytes:
    """The page of a run."""
    window = None if run.window is None else Window(*run.window)
    trips = round_trips(run.fills, run.summary.currency)
    risk = risk_figures(run.equity)
    timeline, breakdown = _portfolio_charts(run, window), _breakdown_charts(run, trips)
    instruments = instruments_shown(run)
    places = run.summary.places
    by_instrument = [price_chart(run, instruments, window, places), position_chart(run, instruments, window)]
    groups = {
        "Result": result_measures(run, risk),
        "Risk": risk_measures(run, risk, trips),
        "Trades": trade_measures(run, trips),
    }
    body = join(
        _header(run),
        _key_figures(run, risk),
        *map(chart_card, timeline),
        _instrument_cards(run, instruments, by_instrument),
        tag(
            "div",
            *(card(name, tables.measure_table(group), css="measures") for name, group in groups.items()),
            class_="columns",
        ),
        tag("div", *map(chart_card, breakdown), class_="columns charts"),
        *_table_cards(run, trips),
        _definitions([item for group in groups.values() for item in group]),
    )
    charts = [*timeline, *by_instrument, *breakdown]
    return page(f"QuantAI {run.summary.mode} report", body, charts, plotly_js, f"../{LIBRARY_FILE}")


def _portfolio_charts(run: RunData, window: Window | None) -> list[Chart]:
    places = run.summary.places
    charts = equity_chart(run, window, places), drawdown_chart(run, window), strategy_pnl_chart(run, window, places)
    return [chart for chart in charts if chart is not None]


def _breakdown_charts(run: RunData, trips: list[RoundTrip]) -> list[Chart]:
    summary, places = run.summary, run.summary.places
    strategies = {name: own.pnl for name, own in summary.strategies.items()}
    instruments = {name: own.pnl for name, own in summary.instruments.items()}
    return [
        bar_chart("by-strategy", f"PnL by strategy, {summary.currency}", strategies, places),
        bar_chart("by-instrument", f"PnL by instrument, {summary.currency}", instruments, places),
        histogram_chart(closed_pnls(trips), summary.currency),
    ]


def _header(run: RunData) -> Markup:
    summary, period = run.summary, "no period"
    if run.window is not None:
        start, end = run.window
        period = f"{instant(start)} to {instant(end)} UTC ({duration(end - start)})"
    facts = {
        "Events": count(summary.events),
        "Config": tag("code", summary.config_hash[:12], title=summary.config_hash),
        "Decisions": tag("code", summary.decision_hash[:12], title=summary.decision_hash),
    }
    return tag(
        "header",
        tag(
            "div",
            tag("p", "QuantAI run report", class_="eyebrow"),
            tag("h1", summary.mode.replace("_", " ").capitalize()),
            tag("p", period),
            tag("p", summary.data),
        ),
        tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items()), class_="facts"),
    )


def _key_figures(run: RunData, risk: RiskFigures) -> Markup:
    summary, places = run.summary, run.summary.places
    drawdown = stats.worst_drawdown(run.equity.ts, run.equity.equity)
    lasted = (
        "never below its peak" if drawdown is None or not drawdown.depth else f"lasted {duration(drawdown.duration_ns)}"
    )
    start, end = (money(value, places) for value in (summary.starting_equity, summary.ending_equity))
    figures = (
        (f"PnL, {summary.currency}", money(summary.pnl, places, signed=True), f"{start} \N{RIGHTWARDS ARROW} {end}"),
        ("Return", percent(summary.total_return, signed=True), f"volatility {percent(risk.volatility)} a year"),
        ("Max drawdown", percent(summary.max_drawdown), lasted),
        ("Sharpe ratio", ratio(risk.sharpe), join("Sortino ", figure_text(ratio(risk.sortino)))),
        ("Fills", count(summary.fills), f"{count(summary.orders)} orders, {count(summary.denied)} denied"),
        (
            f"Fees, {summary.currency}",
            money(summary.fees, places),
            f"{notional(summary.traded_notional, places)} traded",
        ),
    )
    return tag("div", *(_key_figure(*figure) for figure in figures), class_="cards")


def _key_figure(name: str, value: str, note: str) -> Markup:
    size = "value long" if len(value) > LONG_VALUE else "value"
    return tag(
        "div",
        tag("span", name, class_="name"),
        tag("span", figure_text(value), class_=size),
        tag("small", note),
        class_="kpi",
    )


def _instrument_cards(run: RunData, instruments: list[str], charts: list[Chart]) -> Markup:
    fills = run.fills.instrument.counts()
    tabs = choice("Instrument", instruments, [f"{count(fills.get(name, 0))} fills" for name in instruments])
    first = tag("span", instruments[0], class_="chosen") if instruments else Markup()
    return join(tabs, *(chart_card(chart, first) for chart in charts))


def _table_cards(run: RunData, trips: list[RoundTrip]) -> list[Markup]:
    two = "columns two"
    return [
        card("Strategies", tables.strategy_table(run, trips), note=_cut(len(run.summary.strategies)), css="tall"),
        card("Instruments", tables.instrument_table(run), note=_cut(len(run.summary.instruments)), css="tall"),
        card("Best round trips", tables.trip_table(run, tables.best_trips(trips))),
        card("Worst round trips", tables.trip_table(run, tables.worst_trips(trips))),
        tag(
            "div",
            card("What became of the orders", tables.outcome_table(run)),
            card("Reasons given", tables.reason_table(run), note=f"the {tables.REASONS_SHOWN} most frequent"),
            class_=two,
        ),
    ]


def _cut(rows: int) -> str:
    return f"{tables.MAX_ROWS} of {count(rows)} are listed" if rows > tables.MAX_ROWS else ""


def _definitions(measures: list[Measure]) -> Markup:
    lines = [part for item in measures for part in (tag("dt", item.name), tag("dd", item.definition))]
    return tag("details", tag("summary", "How the figures are computed"), tag("dl", *lines))
