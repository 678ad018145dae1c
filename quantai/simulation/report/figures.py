"""What every Plotly figure of a report shares: colours, layout, time axis. Figures are plain JSON-ready dicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from quantai.simulation.report.columns import Floats, Ints
from quantai.simulation.report.formatting import shorten
from quantai.simulation.report.sampling import MAX_POINTS

Json = dict[str, Any]

INK, MUTED, GRID, ZERO_LINE = "#1d2939", "#667085", "#eaecf0", "#98a2b3"
ACCENT = "#2563eb"
GAIN, LOSS, LOSS_SOFT = "#0e8f6e", "#d0402f", "rgba(208, 64, 47, 0.14)"
LINE_COLOURS = (
    ACCENT, "#e07b00", "#0e8f6e", "#b0307d", "#7a5af5", "#0891b2",
    "#a16207", "#d0402f", "#475467", "#4d7c0f", "#c026d3", "#1e3a8a",
)  # fmt: skip
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans", sans-serif'

POINTS_A_PAGE = 60_000
FEWEST_POINTS = 200
EMPTY_HEIGHT = 40
LEFT_MARGIN, RIGHT_MARGIN = 84, 24


@dataclass(frozen=True, slots=True)
class Window:
    """The period all time axes show, nanoseconds UTC."""

    start: int
    end: int

    @property
    def axis_range(self) -> list[float]:
        """A little more than the period, in Plotly's milliseconds, so that nothing sits on the edge."""
        margin = max((self.end - self.start) / 1e6 * 0.01, 1.0)
        return [self.start / 1e6 - margin, self.end / 1e6 + margin]


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure on the page, or one variant for each choice of the instrument selector.

    Charts `on_timeline` share their time axis and zoom together.
    """

    id: str
    heading: str
    variants: tuple[Json, ...]
    note: str = ""
    on_timeline: bool = True


def points_each(traces: int) -> int:
    """How many points each of `traces` lines may have, so that the page stays small enough to open at once."""
    return max(FEWEST_POINTS, min(MAX_POINTS, POINTS_A_PAGE // max(traces, 1)))


def label(name: str, limit: int = 28) -> str:
    """A name as Plotly should show it: shortened, and none of it taken for markup."""
    return escape(shorten(name, limit), quote=False)


def milliseconds(ts: Ints) -> list[float]:
    """Timestamps as Plotly counts them."""
    return [round(value / 1e6, 3) for value in ts.tolist()]


def numbers(values: Floats) -> list[float | None]:
    """Ten significant digits are more than a screen shows; what is undefined is a gap."""
    return [float(f"{value:.10g}") if np.isfinite(value) else None for value in values.tolist()]


def line(ts: Ints, values: Floats, name: str, colour: str, hover: str, **more: Any) -> Json:
    """A line over time. `hover` is Plotly's template for the value."""
    return {
        "type": "scatter",
        "mode": "lines" if len(ts) > 1 else "lines+markers",
        "name": label(name),
        "x": milliseconds(ts),
        "y": numbers(values),
        "line": {"color": colour, "width": 1.6},
        "hovertemplate": f"{label(name)}: {hover}<extra></extra>",
        **more,
    }


def time_figure(
    traces: Sequence[Json], window: Window | None, height: int, empty: str, legend: bool = True, **y_axis: Any
) -> Json:
    """A figure on the shared time axis; `empty` is what it says when there is nothing to draw."""
    x_axis: Json = {"type": "date", "showgrid": True, "gridcolor": GRID, "linecolor": ZERO_LINE, "ticks": "outside"}
    if window is not None:
        x_axis["range"] = window.axis_range
    layout = base_layout(height, legend=legend and len(traces) > 1)
    layout |= {"xaxis": x_axis, "yaxis": value_axis(**y_axis), "hovermode": "x"}
    if not traces:
        layout = blank(layout, empty)
    return {"data": list(traces), "layout": layout}


def base_layout(height: int, legend: bool = False) -> Json:
    """Size, margins and type; margins are fixed, so that charts below each other align to the pixel."""
    return {
        "height": height + (18 if legend else 0),
        "margin": {"l": LEFT_MARGIN, "r": RIGHT_MARGIN, "t": 28 if legend else 10, "b": 44},
        "font": {"family": FONT, "size": 12, "color": MUTED},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ZERO_LINE, "activecolor": ACCENT},
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom", "font": {"color": INK}},
        "hoverlabel": {
            "bgcolor": "#ffffff",
            "bordercolor": ZERO_LINE,
            "font": {"color": INK, "size": 12},
            "align": "left",
        },
    }


def value_axis(**more: Any) -> Json:
    """A vertical axis of figures."""
    return {
        "gridcolor": GRID,
        "zerolinecolor": ZERO_LINE,
        "zerolinewidth": 1,
        "separatethousands": True,
        "exponentformat": "SI",
        "minexponent": 6,
        "nticks": 7,
        "automargin": False,
        **more,
    }


def blank(layout: Json, text: str) -> Json:
    """The layout of a figure without data: one sentence instead of axes."""
    words = {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
        "showarrow": False,
        "font": {"size": 14},
    }
    return {
        **layout,
        "xaxis": {"visible": False},
        "yaxis": {"visible": False},
        "height": EMPTY_HEIGHT,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "annotations": [words],
    }
