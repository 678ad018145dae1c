"""Replay: events a second from Parquet through the bus, and how exactly original timing is kept.

The timing error of an event is how far its distance to the first event, in a handler, is from what was recorded.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import uvloop

from benchmarks.figures import Figure, heading, show
from benchmarks.synthetic_trades import START_NS, trade_table
from benchmarks.timing import Counter, best_rate
from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, Clock, SimulatedClock, WallClock
from quantai.data.files import FilesSource
from quantai.events import TradeEvent
from quantai.events.bus import MemoryEventBus
from quantai.events.persistence import PartWriter
from quantai.simulation.replay import Replay

_EVENTS = 1_000_000
_STREAMS = 32
_PACED_RATE = 500
_PACED_S = 5
_TARGET_MS = 2.0
_LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
_CLOCKS: dict[str, Callable[[], Clock]] = {
    "simulated": lambda: SimulatedClock(START_NS),
    "wall": WallClock,
}


def store(folder: Path, streams: int, events: int, mean_gap_ns: int) -> Path:
    """A store of trades: so many streams, events in all, and nanoseconds between two events of all."""
    for stream in range(streams):
        table = trade_table(events // streams, stream, mean_gap_ns * streams)
        PartWriter(folder).write(TradeEvent, "binance", f"C{stream}/USDT", table)
    return folder


def replay_all(path: Path) -> int:
    """As fast as possible to one plain handler; how many events."""

    async def run() -> int:
        clock, counter = SimulatedClock(START_NS), Counter()
        bus = MemoryEventBus(clock)
        await bus.subscribe("market.trade.*", counter.plain)
        await Replay(FilesSource(path), bus, clock, is_wanted=bus.is_wanted).run()
        return counter.count

    return asyncio.run(run())


def timing_errors_ms(path: Path, clock: Clock, factory: Callable[[], asyncio.AbstractEventLoop]) -> np.ndarray:
    """Of every event at speed 1; early is as wrong as late."""
    came_ns: list[int] = []

    async def run() -> None:
        bus = MemoryEventBus(clock)
        await bus.subscribe("market.trade.*", lambda event: came_ns.append(time.monotonic_ns()))
        await Replay(FilesSource(path), bus, clock, is_wanted=bus.is_wanted, speed=1).run()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(run())
    events = [event for batch in FilesSource(path).batches(lambda _topic: True) for event in batch]
    due_ns = np.array([event.ts_init for event in events])
    came = np.array(came_ns)
    errors: np.ndarray = np.abs((came - came[0]) - (due_ns - due_ns[0])) / NS_PER_MS
    return errors


def sleeping_errors_ms(factory: Callable[[], asyncio.AbstractEventLoop]) -> np.ndarray:
    """Of sleeps of the same lengths without a replay: what loop, kernel and other processes do to any timing."""

    async def run() -> list[float]:
        errors = []
        for gap_ns in np.random.default_rng(1).integers(1, 2 * NS_PER_SECOND // _PACED_RATE, _PACED_RATE * _PACED_S):
            due_ns = time.monotonic_ns() + int(gap_ns)
            await asyncio.sleep(int(gap_ns) / NS_PER_SECOND)
            errors.append(abs(time.monotonic_ns() - due_ns) / NS_PER_MS)
        return errors

    with asyncio.Runner(loop_factory=factory) as runner:
        return np.array(runner.run(run()))


def timing(path: Path) -> list[Figure]:
    """The timing errors of each clock on each loop, and what waiting costs."""
    found = []
    for loop, factory in _LOOPS.items():
        asleep = sleeping_errors_ms(factory)
        found.append(Figure(f"{loop}: p99 error of plain sleeps", float(np.percentile(asleep, 99)), "ms"))
        for clock, make in _CLOCKS.items():
            used, since = time.process_time(), time.perf_counter()
            errors = timing_errors_ms(path, make(), factory)
            share = (time.process_time() - used) / (time.perf_counter() - since)
            where = f"{loop}, {clock} clock, speed 1, {_PACED_RATE} events/s"
            found += [
                Figure(f"{where}: p50 error", float(np.median(errors)), "ms"),
                Figure.at_most(f"{where}: p99 error", float(np.percentile(errors, 99)), "ms", _TARGET_MS),
                Figure(f"{where}: worst error", float(errors.max()), "ms"),
                Figure(f"{where}: processor time", 100 * share, "% of a core"),
            ]
    return found


def figures() -> list[Figure]:
    """The rate with one stream and with many, then the timing."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        one = store(folder / "one", 1, _EVENTS, 10 * NS_PER_MS)
        many = store(folder / "many", _STREAMS, _EVENTS, 10 * NS_PER_MS)
        paced = store(folder / "paced", 2, _PACED_RATE * _PACED_S, NS_PER_SECOND // _PACED_RATE)
        return [
            Figure("as fast as possible, one stream of trades", best_rate(lambda: replay_all(one)), "events/s"),
            Figure(f"as fast as possible, {_STREAMS} merged streams", best_rate(lambda: replay_all(many)), "events/s"),
            *timing(paced),
        ]


def main() -> None:
    """Show the figures."""
    show(heading(__doc__), figures())


if __name__ == "__main__":
    main()
