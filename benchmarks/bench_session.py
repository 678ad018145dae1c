"""Whole sessions, from synthetic data to report: events per second of the daemon. Run: `make bench`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from quantai import daemon
from quantai.config import load_config

QUIET = ["logging.console=none", "logging.file=false", "simulation.progress=false", "simulation.report=false"]
SESSIONS = {
    "ema_cross on one stream of trades, 6 h": ["strategies=[ema_cross]", "data.duration=6h"],
    "market_maker, a quote each 2 s, 2 h": ["strategies=[market_maker]", "data.duration=2h"],
    "the demo: three strategies, 1 h": [],
}


def main() -> None:
    """Print a line a session."""
    print(f"{'session':42} {'events':>10} {'orders':>8} {'events/s':>10}")
    for name, overrides in SESSIONS.items():
        with tempfile.TemporaryDirectory() as folder:
            summary = daemon.run(load_config([*QUIET, *overrides]), Path(folder)).summary
        print(f"{name:42} {summary['events']:>10,} {summary['orders']:>8,} {summary['events_per_second']:>10,}")


if __name__ == "__main__":
    main()
