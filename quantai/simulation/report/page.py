"""One HTML page out of markup and charts: closed to the network, and the same bytes for the same content."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Literal

from plotly.offline import get_plotlyjs

from quantai.core.errors import StoreError
from quantai.simulation.report.figures import Chart
from quantai.simulation.report.markup import Markup, card, join, tag

PlotlySource = Literal["inline", "shared"]
LIBRARY_FILE = "plotly.min.js"

# Whatever a name or the library might try, the browser loads nothing and runs only the scripts of this page.
_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "style-src 'unsafe-inline'; img-src data: blob:; script-src {scripts}"
)


def chart_card(chart: Chart, subject: str = "") -> Markup:
    """The box a chart is drawn into; `subject` is what the heading says the chart is of."""
    plot = tag("div", id=chart.id, class_="plot timeline" if chart.on_timeline else "plot")
    return card(join(chart.heading, " ", subject), plot, note=chart.note, css="chart")


def choice(legend: str, names: Sequence[str], notes: Sequence[str]) -> Markup:
    """Tabs that choose the variant of the charts that have several; nothing where there is no choice."""
    if len(names) < 2:
        return Markup()
    tabs = (
        tag("label", _radio(index), tag("span", tag("b", name), " ", tag("small", note)))
        for index, (name, note) in enumerate(zip(names, notes, strict=True))
    )
    return tag("fieldset", tag("legend", legend), *tabs, class_="tabs")


def page(title: str, body: Markup, charts: Sequence[Chart], plotly_js: PlotlySource, library: str) -> bytes:
    """The whole document. With `shared`, `library` is where plotly.js lies, relative to the page."""
    guard, script = _asset("guard.js"), _asset("report.js")
    inline = [guard, script]
    if plotly_js == "inline":
        source, allowed = Markup(f"<script>{plotly_library()}</script>"), []
        inline.append(plotly_library())
    else:
        source, allowed = tag("script", src=library), ["'self'", "file:"]
    policy = _POLICY.format(scripts=" ".join([*map(_hash, inline), *allowed]))
    document = Template(_asset("page.html")).substitute(
        title=join(title),
        policy=policy,
        style=_asset("report.css"),
        guard=guard,
        body=body,
        charts=_embedded(charts),
        library=source,
        script=script,
    )
    return document.encode("utf-8", "replace")


@cache
def plotly_library() -> str:
    """The text of plotly.js as the installed `plotly` package ships it."""
    return str(get_plotlyjs())


def write_library(path: Path) -> None:
    """Put plotly.js at `path`, unless it is there already. Raises `StoreError`."""
    library = plotly_library().encode()
    try:
        if path.read_bytes() == library:
            return
    except OSError:
        pass
    write_whole(path, library)


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step, so that jobs of a sweep never read each other's halves. Raises `StoreError`."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreError(f"{path} cannot be written: {error}") from error


def _radio(index: int) -> Markup:
    checked = ' checked=""' if index == 0 else ""
    return Markup(f'<input type="radio" name="variant" value="{index}"{checked}>')


def _embedded(charts: Sequence[Chart]) -> str:
    """The charts as JSON that cannot end the element it stands in."""
    content = [{"id": chart.id, "timeline": chart.on_timeline, "variants": chart.variants} for chart in charts]
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")
