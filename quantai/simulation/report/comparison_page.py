"""The page that compares several runs."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from quantai.simulation.report.comparison import ERROR_LENGTH, ComparedRun, Comparison, compare_runs, short_names
from quantai.simulation.report.figures import LINE_COLOURS, Chart, Window, line, points_each, time_figure
from quantai.simulation.report.formatting import DASH, count, money, notional, percent, ratio, shorten
from quantai.simulation.report.markup import Column, Markup, Row, card, join, table, tag
from quantai.simulation.report.measures import risk_figures
from quantai.simulation.report.page import (
    LIBRARY_FILE,
    PlotlySource,
    chart_card,
    page,
    write_library,
    write_whole,
)
from quantai.simulation.report.run_page import REPORT_FILE
from quantai.simulation.report.sampling import extremes

MAX_CURVES = 24
DASHES = ("solid", "dot")


def write_comparison(folders: list[Path], target: Path, plotly_js: PlotlySource = "inline") -> Path:
    """Compare run folders on one HTML page at `target` and return its path.

    `shared` uses the copy of plotly.js beside the page, the one that shared reports of the runs below use too. Raises
    `ConfigError` for no folders and `StoreError` where one is missing or the page cannot be written.
    """
    target = Path(target)
    content = render_comparison(compare_runs(folders), target.parent, plotly_js)
    if plotly_js == "shared":
        write_library(target.parent / LIBRARY_FILE)
    write_whole(target, content)
    return target


def render_comparison(comparison: Comparison, base: Path, plotly_js: PlotlySource = "inline") -> bytes:
    """The page; links to the runs' own reports are relative to the folder `base`."""
    finished, runs = len(comparison.finished), len(comparison.runs)
    failed = f", {count(runs - finished)} failed" if finished < runs else ""
    chart = _equity_chart(comparison)
    body = join(
        tag(
            "header",
            tag(
                "div",
                tag("p", "QuantAI comparison", class_="eyebrow"),
                tag("h1", f"{count(runs)} {'run' if runs == 1 else 'runs'}{failed}"),
                *_remarks(comparison),
            ),
        ),
        chart_card(chart),
        card(
            "Ranking",
            _ranking(comparison, base),
            note="by PnL, then by drawdown; click a heading to sort",
            css="tall sortable",
        ),
        *_failures(comparison),
    )
    return page("QuantAI comparison of runs", body, [chart], plotly_js, LIBRARY_FILE)


def _remarks(comparison: Comparison) -> list[Markup]:
    remarks = []
    if comparison.common:
        remarks.append("The same in all: " + ", ".join(f"{key}={value}" for key, value in comparison.common.items()))
    if len(comparison.currencies) > 1:
        remarks.append(
            f"The runs are counted in {', '.join(comparison.currencies)}: their PnL is not comparable as it stands."
        )
    return [tag("p", remark) for remark in remarks]


def _equity_chart(comparison: Comparison) -> Chart:
    with_curve = [run for run in comparison.finished if run.curve is not None]
    drawn = with_curve[:MAX_CURVES]
    limit = points_each(len(drawn))
    traces, times = [], []
    for number, run in enumerate(drawn):
        if run.curve is None:
            continue
        rows = extremes(run.curve.equity, limit)
        colour, dash = LINE_COLOURS[number % len(LINE_COLOURS)], DASHES[number // len(LINE_COLOURS)]
        style = {"line": {"color": colour, "width": 1.5, "dash": dash}}
        traces.append(line(run.curve.ts[rows], run.curve.equity[rows], run.label, colour, "%{y:,.6~r}", **style))
        times += run.curve.ts[[0, -1]].tolist()
    window = Window(min(times), max(times)) if times else None
    figure = time_figure(traces, window, 420, "No run has an equity curve.")
    figure["layout"]["hovermode"] = "closest"
    note = f"the best {MAX_CURVES} of {count(len(with_curve))}" if len(with_curve) > MAX_CURVES else ""
    return Chart("equity", f"Equity, {'/'.join(comparison.currencies) or DASH}", (figure,), note)


def _ranking(comparison: Comparison, base: Path) -> Markup:
    names = short_names(comparison.varied)
    columns = [Column("#"), Column("Run", "name")]
    columns += [Column(names[key], "name") for key in comparison.varied]
    columns += [Column(name) for name in ("PnL", "Return", "Max DD", "Sharpe", "Fills", "Fees", "Traded")]
    rows = [
        [
            str(rank),
            _link(run, base),
            *(shorten(run.parameters.get(key, DASH), 60) for key in comparison.varied),
            *_figures(run),
        ]
        for rank, run in enumerate(comparison.finished, 1)
    ]
    return table(columns, rows, empty="No run finished.")


def _figures(run: ComparedRun) -> Row:
    summary = run.summary
    if summary is None:
        return [DASH] * 7
    places = summary.places
    return [
        money(summary.pnl, places, signed=True),
        percent(summary.total_return, signed=True),
        percent(summary.max_drawdown),
        DASH if run.curve is None else ratio(risk_figures(run.curve).sharpe),
        count(summary.fills),
        money(summary.fees, places),
        notional(summary.traded_notional, places),
    ]


def _failures(comparison: Comparison) -> list[Markup]:
    failed = [run for run in comparison.runs if run.summary is None]
    if not failed:
        return []
    columns = [Column(name, "name") for name in ("Run", "Parameters", "Error")]
    rows = [[run.label, comparison.describe(run), shorten(run.error or "", ERROR_LENGTH)] for run in failed]
    return [card("Failed", table(columns, rows), css="tall")]


def _link(run: ComparedRun, base: Path) -> str:
    """The run's label, as a link to its own report where there is one."""
    report = run.folder / REPORT_FILE
    if not report.is_file():
        return run.label
    return tag("a", run.label, href=quote(Path(os.path.relpath(report, base)).as_posix()))
