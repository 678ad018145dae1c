"""Charts of one instrument at a time: its price with entries and exits, and the positions held in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantai.simulation.report.columns import Bools, Floats, Ints
from quantai.simulation.report.figures import (
    GAIN,
    LINE_COLOURS,
    LOSS,
    MUTED,
    Chart,
    Json,
    Window,
    label,
    line,
    milliseconds,
    numbers,
    points_each,
    time_figure,
)
from quantai.simulation.report.formatting import count, money, plain_number
from quantai.simulation.report.portfolio_charts import strategy_colours
from quantai.simulation.report.round_trips import positions_before
from quantai.simulation.report.run_data import FillData, RunData
from quantai.simulation.report.sampling import evenly, extremes

MAX_INSTRUMENTS = 24
MAX_LINES = len(LINE_COLOURS)
MARKERS_A_PAGE = 12_000
MAX_MARKERS = 3_000
FEW_MARKERS = 300
HOVER = (
    "<b>%{customdata[0]}</b>  %{customdata[1]} at %{customdata[2]}<br>%{customdata[3]}<br>"
    "realized PnL %{customdata[4]}, position then %{customdata[5]}<br>%{x|%Y-%m-%d %H:%M:%S.%L}<extra></extra>"
)


@dataclass(frozen=True, slots=True)
class MarkerKind:
    """One of the four kinds of marker: which fills it shows, and how."""

    name: str
    sign: int
    is_entry: bool
    symbol: str
    colour: str


MARKER_KINDS = (
    MarkerKind("Buy, entry", 1, True, "triangle-up", GAIN),
    MarkerKind("Sell, entry", -1, True, "triangle-down", LOSS),
    MarkerKind("Buy, exit", 1, False, "triangle-up-open", GAIN),
    MarkerKind("Sell, exit", -1, False, "triangle-down-open", LOSS),
)


def instruments_shown(run: RunData) -> list[str]:
    """The instruments the selector offers, most fills first; at most `MAX_INSTRUMENTS`."""
    fills = run.fills.instrument.counts()
    return sorted(_known_instruments(run), key=lambda name: (-fills.get(name, 0), name))[:MAX_INSTRUMENTS]


def price_chart(run: RunData, instruments: list[str], window: Window | None, places: int) -> Chart:
    """Price of each instrument with a marker for every fill, or for evenly chosen ones where there are too many."""
    limit = min(MAX_MARKERS, MARKERS_A_PAGE // max(len(instruments), 1))
    before = positions_before(run.fills)
    figures = tuple(_price_figure(run, name, before, window, places, limit, len(instruments)) for name in instruments)
    fills = run.fills.instrument.counts()
    is_cut = any(fills.get(name, 0) > limit for name in instruments)
    note = "solid: opens, adds or turns; hollow: reduces or closes"
    known = len(_known_instruments(run))
    if known > len(instruments):
        note = f"{note}; the {len(instruments)} instruments with most fills of {count(known)}"
    if is_cut:
        note = f"{note}; at most {count(limit)} fills an instrument are drawn, evenly chosen"
    return Chart("price", "Price and fills", figures or (time_figure((), window, 320, "No instrument."),), note)


def position_chart(run: RunData, instruments: list[str], window: Window | None) -> Chart:
    """The signed position of each strategy in each instrument."""
    before, colours = positions_before(run.fills), strategy_colours(run)
    figures = tuple(
        _position_figure(run.fills, name, before, window, colours, len(instruments)) for name in instruments
    )
    most = max((len(_by_strategy(run.fills, name)) for name in instruments), default=0)
    note = "by strategy, signed; colours as above" if most > 1 else "signed"
    if most > MAX_LINES:
        note = f"{note}; the {MAX_LINES} most traded of up to {most} strategies"
    return Chart("position", "Position", figures or (time_figure((), window, 180, "No position was held."),), note)


def _known_instruments(run: RunData) -> set[str]:
    return {*run.fills.instrument.names, *run.prices, *run.summary.instruments}


def _price_figure(
    run: RunData, name: str, before: Floats, window: Window | None, places: int, limit: int, instruments: int
) -> Json:
    traces = []
    curve = run.prices.get(name)
    if curve is not None:
        rows = extremes(curve.price, points_each(instruments))
        style = {"line": {"color": MUTED, "width": 1.1}}
        traces.append(line(curve.ts[rows], curve.price[rows], "Price", MUTED, "%{y:,.10~r}", **style))
    rows = evenly(np.flatnonzero(run.fills.instrument.equals(name)), limit)
    is_entry = _is_entry(before[rows], run.fills.position[rows])
    size = 9 if len(rows) <= FEW_MARKERS else 6
    for kind in MARKER_KINDS:
        chosen = rows[(run.fills.sign[rows] == kind.sign) & (is_entry == kind.is_entry)]
        if len(chosen):
            traces.append(_markers(run.fills, chosen, kind, before, places, size))
    figure = time_figure(traces, window, 320, "No price was sampled and nothing was traded.")
    figure["layout"]["hovermode"] = "closest"
    return figure


def _is_entry(before: Floats, after: Floats) -> Bools:
    turns = before * after < 0
    return np.asarray((np.abs(after) > np.abs(before)) | turns)


def _markers(fills: FillData, rows: Ints, kind: MarkerKind, before: Floats, places: int, size: int) -> Json:
    details = [
        [
            _deed(int(fills.sign[row]), before[row], fills.position[row]),
            plain_number(fills.quantity[row]),
            plain_number(fills.price[row]),
            label(fills.strategy[row]),
            money(fills.realized_pnl[row], places, signed=True),
            plain_number(fills.position[row]),
        ]
        for row in rows.tolist()
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": kind.name,
        "x": milliseconds(fills.ts[rows]),
        "y": numbers(fills.price[rows]),
        "customdata": details,
        "hovertemplate": HOVER,
        "marker": {
            "symbol": kind.symbol,
            "color": kind.colour,
            "size": size,
            "line": {"width": 1.2, "color": kind.colour},
        },
    }


def _deed(sign: int, before: float, after: float) -> str:
    side = "Buy" if sign > 0 else "Sell"
    if before == 0:
        return f"{side}, opens"
    if after == 0:
        return f"{side}, closes"
    if before * after < 0:
        return f"{side}, turns"
    return f"{side}, adds" if abs(after) > abs(before) else f"{side}, reduces"


def _position_figure(
    fills: FillData, name: str, before: Floats, window: Window | None, colours: dict[str, str], instruments: int
) -> Json:
    by_strategy = _by_strategy(fills, name)
    drawn = [strategy for strategy in colours if strategy in by_strategy][:MAX_LINES]
    limit = points_each(instruments * len(drawn))
    traces = []
    for strategy in drawn:
        ts, held = _steps(fills, by_strategy[strategy], before, window)
        rows = extremes(held, limit)
        style = {"line": {"color": colours[strategy], "width": 1.4, "shape": "hv"}}
        traces.append(line(ts[rows], held[rows], strategy, colours[strategy], "%{y:,.10~r}", **style))
    return time_figure(traces, window, 180, "No position was held.", legend=False, rangemode="tozero", nticks=5)


def _by_strategy(fills: FillData, name: str) -> dict[str, Ints]:
    """The rows of each strategy that traded an instrument."""
    own = np.flatnonzero(fills.instrument.equals(name))
    codes = fills.strategy.codes[own]
    return {fills.strategy.names[code]: own[codes == code] for code in np.unique(codes).tolist()}


def _steps(fills: FillData, rows: Ints, before: Floats, window: Window | None) -> tuple[Ints, Floats]:
    """The position from the start of the window to its end, one step a fill."""
    ts, held = fills.ts[rows], fills.position[rows]
    start = min(window.start, int(ts[0])) if window else int(ts[0])
    end = max(window.end, int(ts[-1])) if window else int(ts[-1])
    return np.concatenate(([start], ts, [end])), np.concatenate(([before[rows[0]]], held, [held[-1]]))
