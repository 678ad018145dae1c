"""What is measured of every library, and how the answer comes back. Standard library only."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

_ROUNDS = 5

NO_FRAMES = "its decoders of venues belong to its live clients and cannot be called alone"


@dataclass(frozen=True)
class Measure:
    """One line of the comparison."""

    what: str
    unit: str
    is_rate: bool = False
    """Whether more is better."""


MEASURES = {
    "call": Measure("direct call of the handler", "ns"),
    "exact": Measure("publish to one plain handler of the exact topic", "ns"),
    "wildcard": Measure("publish to one plain handler of a wildcard", "ns"),
    "coroutine": Measure("publish to one coroutine handler", "ns"),
    "write": Measure("write a list of a million trades to Parquet", "rows/s", is_rate=True),
    "read": Measure("read them to typed objects in a plain callback", "rows/s", is_rate=True),
    "read_cpu": Measure("processor time of reading them, all threads", "ns/row"),
    "look": Measure("the same, the callback takes price and size", "rows/s", is_rate=True),
    "bytes": Measure("size of these trades", "bytes/row"),
    "captured": Measure("size of captured trades", "bytes/row"),
    "spot": Measure("Binance spot frames to events, with the book kept", "frames/s", is_rate=True),
    "futures": Measure("Binance USD-M frames to events, with the book kept", "frames/s", is_rate=True),
}


@dataclass
class Peer:
    """What one library in one environment gives: `figures` by measure, and of the others why not (`without`)."""

    name: str
    version: str
    python: str = field(default_factory=platform.python_version)
    figures: dict[str, float] = field(default_factory=dict)
    without: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Name, version and Python."""
        return f"{self.name} {self.version}, Python {self.python}"

    def improve(self, again: Peer) -> None:
        """Keep the better of two measurements."""
        for key, value in again.figures.items():
            better = max if MEASURES[key].is_rate else min
            self.figures[key] = better(self.figures[key], value)

    def measure(self, name: str, run: Callable[[], int]) -> None:
        """Note the best rate of `run`, which says how many rows it did, and the processor time where that counts."""
        rates, costs_ns = [], []
        for _ in range(_ROUNDS):
            started, used = time.perf_counter(), time.process_time()
            rows = run()
            rates.append(rows / (time.perf_counter() - started))
            costs_ns.append((time.process_time() - used) / rows * 1e9)
        self.figures[name] = max(rates)
        if f"{name}_cpu" in MEASURES:
            self.figures[f"{name}_cpu"] = min(costs_ns)

    def weigh(self, name: str, folder: Path, rows: int) -> None:
        """Note the bytes a row of the Parquet files below `folder`."""
        self.figures[name] = sum(path.stat().st_size for path in folder.rglob("*.parquet")) / rows

    def emit(self) -> None:
        """Print all as the last line, which is what the runner reads."""
        print(json.dumps(asdict(self)))
