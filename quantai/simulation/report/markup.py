"""HTML, safe by default: every text is escaped unless it is `Markup` already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A table column. Numbers are set right, texts stay on one line, names may be of any length and wrap."""

    heading: str
    kind: Literal["number", "text", "name"] = "number"


Row = Sequence[str]


def tag(name: str, *children: str, **attributes: str) -> Markup:
    """An element. `class_` and `aria_label` become the attributes `class` and `aria-label`."""
    opening = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{opening}>{join(*children)}</{name}>")


def join(*children: str) -> Markup:
    """Children one after the other."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))


def figure_text(text: str) -> Markup:
    """A number as set in print, with a real minus sign, coloured by its sign when it carries one."""
    css = {"+": "gain", "-": "loss"}.get(text[:1], "plain")
    return tag("span", text.replace("-", "\N{MINUS SIGN}") if css == "loss" else text, class_=css)


def table(
    columns: Sequence[Column], rows: Sequence[Row], total: Row | None = None, empty: str = "Nothing here."
) -> Markup:
    """A table with one line per row and perhaps a total; `empty` stands for a table without rows."""
    if not rows:
        return tag("p", empty, class_="empty")
    head = tag("tr", *(tag("th", column.heading, scope="col", class_=column.kind) for column in columns))
    parts = [tag("thead", head), tag("tbody", *(_row(columns, row) for row in rows))]
    if total is not None:
        parts.append(tag("tfoot", _row(columns, total)))
    return tag("div", tag("table", *parts), class_="scroll")


def card(heading: str, *children: str, note: str = "", css: str = "") -> Markup:
    """A titled box."""
    title = tag("h2", heading, *([tag("small", note)] if note else []))
    return tag("section", title, *children, class_=f"card {css}".strip())


def _row(columns: Sequence[Column], row: Row) -> Markup:
    cells = (
        tag(
            "td",
            figure_text(text) if column.kind == "number" and not isinstance(text, Markup) else text,
            class_=column.kind,
        )
        for column, text in zip(columns, row, strict=True)
    )
    return tag("tr", *cells)
