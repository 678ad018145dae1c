"""Whole sessions: events a second of the daemon, from synthetic data to report."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.figures import Figure, heading, show
from quantai import daemon
from quantai.config import load_config

_QUIET = ["logging.console=none", "logging.file=false", "simulation.progress=false", "simulation.report=false"]
_SESSIONS = {
    "ema_cross on one stream of trades, 6 h": ["strategies=[ema_cross]", "data.duration=6h"],
    "market_maker, a quote each 2 s, 2 h": ["strategies=[market_maker]", "data.duration=2h"],
    "the demo: three strategies, 1 h": [],
}


def figures() -> list[Figure]:
    """One for each session."""
    found = []
    for name, overrides in _SESSIONS.items():
        with tempfile.TemporaryDirectory() as folder:
            summary = daemon.run(load_config([*_QUIET, *overrides]), Path(folder)).summary
        what = f"{name}: {summary['events']:,} events, {summary['orders']:,} orders"
        found.append(Figure(what, summary["events_per_second"], "events/s"))
    return found


def main() -> None:
    """Show the figures."""
    show(heading(__doc__), figures())


if __name__ == "__main__":
    main()
