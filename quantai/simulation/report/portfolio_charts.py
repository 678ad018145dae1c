"""Charts of the whole portfolio and of its strategies: equity, drawdown, PnL over time and in total."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from itertools import cycle

import numpy as np

from quantai.simulation.report.columns import Floats
from quantai.simulation.report.figures import (
    ACCENT,
    GAIN,
    INK,
    LINE_COLOURS,
    LOSS,
    LOSS_SOFT,
    MUTED,
    ZERO_LINE,
    Chart,
    Json,
    Window,
    base_layout,
    blank,
    label,
    line,
    numbers,
    points_each,
    time_figure,
    value_axis,
)
from quantai.simulation.report.formatting import money
from quantai.simulation.report.run_data import RunData
from quantai.simulation.report.sampling import extremes
from quantai.simulation.report.statistics import drawdowns
from quantai.simulation.report.summary import most_first

MAX_LINES = len(LINE_COLOURS)
MAX_BARS = 20
HISTOGRAM_BINS = 30
SHALLOWEST = -0.01


def equity_chart(run: RunData, window: Window | None, places: int) -> Chart:
    """The portfolio's equity, with the starting equity as a dotted line where it is known."""
    curve, start = run.equity, run.summary.starting_equity
    rows = extremes(curve.equity)
    hover = f"%{{y:,.{places}f}}"
    traces = [line(curve.ts[rows], curve.equity[rows], "Equity", ACCENT, hover)] if len(rows) else []
    figure = time_figure(traces, window, 280, "No equity was sampled.")
    if traces and start is not None:
        base = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": float(start), "y1": float(start)}
        dotted = {"line": {"color": ZERO_LINE, "width": 1, "dash": "dot"}, "layer": "below"}
        figure["layout"]["shapes"] = [base | dotted]
    note = "at the start: unknown" if start is None else "dotted: at the start"
    return Chart("equity", f"Equity, {run.summary.currency}", (figure,), note)


def drawdown_chart(run: RunData, window: Window | None) -> Chart:
    """How far equity lay below its peak so far, in percent of that peak."""
    depths = -drawdowns(run.equity.equity)
    rows = extremes(depths)
    traces = []
    if np.any(np.isfinite(depths)):
        shape = {"fill": "tozeroy", "fillcolor": LOSS_SOFT}
        traces = [line(run.equity.ts[rows], depths[rows], "Drawdown", LOSS, "%{y:.2%}", **shape)]
    deepest = float(np.nanmin(depths)) if traces else 0.0
    axis: Json = {"tickformat": ".3~%", "range": [1.05 * deepest or SHALLOWEST, 0], "rangemode": "tozero", "nticks": 5}
    return Chart("drawdown", "Drawdown", (time_figure(traces, window, 150, "No drawdown to show.", **axis),))


def strategy_pnl_chart(run: RunData, window: Window | None, places: int) -> Chart | None:
    """PnL of each strategy over time; None for a single strategy, whose line is the equity's."""
    if len(run.strategies) < 2:
        return None
    colours = strategy_colours(run)
    drawn = [name for name in colours if name in run.strategies][:MAX_LINES]
    traces = []
    for name in drawn:
        curve = run.strategies[name]
        rows = extremes(curve.pnl, points_each(len(drawn)))
        traces.append(line(curve.ts[rows], curve.pnl[rows], name, colours[name], f"%{{y:,.{places}f}}"))
    note = f"the {MAX_LINES} most traded of {len(run.strategies)}" if len(run.strategies) > MAX_LINES else "after fees"
    figure = time_figure(traces, window, 220, "No PnL was sampled.")
    return Chart("strategy-pnl", f"PnL by strategy, {run.summary.currency}", (figure,), note)


def bar_chart(chart_id: str, heading: str, pnls: Mapping[str, Decimal | None], places: int) -> Chart:
    """Total PnL by name, best on top; of more than `MAX_BARS`, the best and the worst. What is unknown has no bar."""
    ranked = sorted((float(pnl), name) for name, pnl in pnls.items() if pnl is not None)
    is_cut = len(ranked) > MAX_BARS
    shown = ranked[: MAX_BARS // 2] + ranked[-MAX_BARS // 2 :] if is_cut else ranked
    layout = base_layout(64 + 40 * len(shown))
    if not shown:
        layout = blank(layout, "No PnL is known." if pnls else "Nothing was traded.")
        return Chart(chart_id, heading, ({"data": [], "layout": layout},), on_timeline=False)
    bars: Json = {
        "type": "bar",
        "orientation": "h",
        "x": numbers(np.array([value for value, _ in shown])),
        "y": list(range(len(shown))),
        "marker": {"color": [GAIN if value >= 0 else LOSS for value, _ in shown]},
        "hoverinfo": "skip",
        "width": 0.6,
    }
    names = [f"{label(name)}<br>{_coloured(value, places)}" for value, name in shown]
    ticks = {"tickmode": "array", "tickvals": bars["y"], "ticktext": names, "automargin": True}
    layout |= {
        "xaxis": value_axis(nticks=4, tickangle=0),
        "yaxis": ticks | {"showgrid": False, "zeroline": False, "tickfont": {"color": INK}, "ticklabelstandoff": 6},
    }
    layout["margin"] = layout["margin"] | {"l": 20}
    note = f"the {MAX_BARS // 2} best and worst of {len(ranked)}" if is_cut else "after fees"
    if len(ranked) < len(pnls):
        note = f"{note}; of {len(pnls) - len(ranked)} it is unknown"
    return Chart(chart_id, heading, ({"data": [bars], "layout": layout},), note, on_timeline=False)


def histogram_chart(pnls: Floats, currency: str) -> Chart:
    """How many round trips ended with which PnL; zero always lies between two bars."""
    heading, layout = f"Round trips by PnL, {currency}", base_layout(240)
    if not len(pnls):
        empty = blank(layout, "No position was opened and closed.")
        return Chart("histogram", heading, ({"data": [], "layout": empty},), on_timeline=False)
    width = (float(pnls.max() - pnls.min()) or abs(float(pnls[0])) or 1.0) / HISTOGRAM_BINS
    bins = np.floor(pnls / width).astype(np.int64)
    first = int(bins.min())
    counts = np.bincount(bins - first)
    centres: Floats = (np.arange(len(counts), dtype=np.float64) + first + 0.5) * width
    decimals = max(0, 2 - math.floor(math.log10(width)))
    bars: Json = {
        "type": "bar",
        "x": numbers(centres),
        "y": counts.tolist(),
        "width": width * 0.92,
        "marker": {"color": [GAIN if centre > 0 else LOSS for centre in centres.tolist()]},
        "hovertemplate": f"%{{y}} around %{{x:,.{min(decimals, 12)}f}}<extra></extra>",
    }
    layout |= {"xaxis": value_axis(showgrid=False, nticks=9), "yaxis": value_axis(rangemode="tozero", nticks=5)}
    layout["margin"] = layout["margin"] | {"l": 48}
    return Chart("histogram", heading, ({"data": [bars], "layout": layout},), "after fees", on_timeline=False)


def strategy_colours(run: RunData) -> dict[str, str]:
    """The colour of each strategy in all charts, the most traded first; past `MAX_LINES` they come again."""
    traded = {name: own.traded_notional for name, own in run.summary.strategies.items()}
    everyone = {*run.summary.strategies, *run.strategies, *run.fills.strategy.names}
    ranked = sorted(everyone, key=lambda name: (most_first(traded.get(name)), name))
    return dict(zip(ranked, cycle(LINE_COLOURS), strict=False))


def _coloured(value: float, places: int) -> str:
    text = money(value, places, signed=True).replace("-", "\N{MINUS SIGN}")
    colour = GAIN if value > 0 else LOSS if value < 0 else MUTED
    return f'<b style="color:{colour}">{text}</b>'
