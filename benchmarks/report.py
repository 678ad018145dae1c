"""The page of figures, `docs/performance.md`."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure, heading
from benchmarks.peers.comparison import Comparison

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"

_TOP = """# Performance

Written by `make bench` on {date}, on the machine below. It is a shared machine: the same code is half as fast in one
minute as in another, and the 99th percentiles see the neighbours too. So compare figures of one run only, and trust
the ratios (`x`), whose two sides were measured in turns, more than the rates. A target is what the project asks of
itself; no test fails when a figure misses it.
"""

_PEERS_HEADING = "## Peers\n"
_PEERS = f"""{_PEERS_HEADING}
Written by `make peers` on {{date}}: each library in its own environment, one after another, twice, the better of both.
In brackets: how many times better QuantAI is than that library, on the same Python. A plain handler that does nothing
stands at the end of every publish, so that the bus is what is measured. Trades are the same for all, as each library's
own objects; QuantAI's writes are synced to the disk. NautilusTrader 1 uses more than one core to read (its
processor time is longer than the time it takes), and its objects make a price when asked for it: so reading has three
lines. cryptofeed gives each trade for a plain handler to a thread.
"""


@dataclass(frozen=True)
class Part:
    """What one benchmark gave, or why it gave nothing."""

    title: str
    figures: Sequence[Figure]
    failure: str = ""


def title_of(path: Path) -> str:
    """The title of the benchmark at `path`, without importing it."""
    return heading(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))))


def report(date: str, machine: dict[str, str], parts: Sequence[Part], peers: Comparison) -> str:
    """The page."""
    sections = [_TOP.format(date=date), _machine(machine)]
    sections += [f"## {part.title}\n\n{_table(part.figures)}\n" for part in parts]
    return "\n".join([*sections, _peers(peers)])


def with_peers(page: str, peers: Comparison) -> str:
    """The page with other results of the peers, which come last."""
    return page.partition(_PEERS_HEADING)[0] + _peers(peers)


def with_parts(page: str, parts: Sequence[Part], date: str) -> str:
    """The page with these parts measured anew, each of which then says when; new ones come before the peers."""
    for part in parts:
        title = f"## {part.title}\n"
        section = f"{title}\nMeasured on {date}.\n\n{_table(part.figures)}\n\n"
        before, found, after = page.partition(title)
        if not found:
            before, _, after = page.partition(_PEERS_HEADING)
            page = f"{before}{section}{_PEERS_HEADING}{after}"
        else:
            page = f"{before}{section}## {after.partition('## ')[2]}"
    return page


def _peers(peers: Comparison) -> str:
    return "\n".join([_PEERS.format(date=peers.date), _table(peers.figures()), "", peers.markdown(), ""])


def _machine(machine: dict[str, str]) -> str:
    rows = "\n".join(f"| {name} | {value} |" for name, value in machine.items())
    return f"## Machine\n\n| | |\n|---|---|\n{rows}\n"


def _table(figures: Sequence[Figure]) -> str:
    rows = [f"| {item.what} | {item.text} | {item.target} | {item.verdict} |" for item in figures]
    return "\n".join(["| | figure | target | |", "|---|---:|---:|---|", *rows])
