"""What a benchmark gives: figures, and a table of them.

Every `bench_*.py` has `figures() -> list[Figure]`, which measures, and `main()`, which shows them; the first words of
its docstring, up to a colon or a full stop, are its title. `python -m benchmarks.bench_bus` runs one, `make bench` all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH = 100


@dataclass(frozen=True)
class Figure:
    """One measured value; `target` says in words what it should be, `met` whether it is (None: there is no target)."""

    what: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None

    @classmethod
    def at_most(cls, what: str, value: float, unit: str, limit: float) -> Figure:
        """A figure that should not be above `limit`."""
        return cls(what, value, unit, f"≤ {number(limit)}", value <= limit)

    @classmethod
    def at_least(cls, what: str, value: float, unit: str, limit: float) -> Figure:
        """A figure that should not be below `limit`."""
        return cls(what, value, unit, f"≥ {number(limit)}", value >= limit)

    @property
    def text(self) -> str:
        """The value with its unit."""
        return f"{number(self.value)} {self.unit}".strip()

    @property
    def verdict(self) -> str:
        """Whether the target is met, in a word; empty where there is none."""
        return {None: "", True: "met", False: "MISSED"}[self.met]


def number(value: float) -> str:
    """At least three significant digits, thousands in groups."""
    if float(value).is_integer() or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 0.1 else f"{value:.2f}"


def heading(docstring: str | None) -> str:
    """A benchmark's title: the first words of its module's docstring."""
    return re.split(r"[:.]\s", f"{docstring} ", maxsplit=1)[0].strip()


def show(title: str, figures: Sequence[Figure]) -> None:
    """Print a table that fits a terminal of 100 columns."""
    rows = [("", "figure", "target", ""), *((item.what, item.text, item.target, item.verdict) for item in figures)]
    _, *widths = (max(len(cell) for cell in column) for column in zip(*rows, strict=True))
    what_width = _WIDTH - sum(widths) - 2 * len(widths)
    print(f"\n{title}")
    for what, figure, target, verdict in rows:
        line = f"{what:{what_width}.{what_width}}  {figure:>{widths[0]}}  {target:>{widths[1]}}  {verdict}"
        print(line.rstrip())
