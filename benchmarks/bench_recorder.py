"""How fast the recorder is: from the bus to parts on the disk, on one core (`python -m benchmarks.bench_recorder`).

Trades of 32 streams are made and published as fast as the recorder takes them; the rate is up to the last part. Memory
is what the process has more than before it recorded: the same at the end as at half means that it does not grow.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.captured import captured_tables
from benchmarks.figures import Figure, heading, show
from quantai.core.clock import WallClock
from quantai.core.enums import Side
from quantai.events import TradeEvent
from quantai.events.bus import MemoryEventBus
from quantai.events.persistence import ParquetEventWriter, PartWriter

EVENTS = 8_000_000
STREAMS = 32

_SLICE = 1_000
_MAX_WAITING = 150_000
_MEMORY_SAMPLES = 40
_MB = 1_000_000


def figures() -> list[Figure]:
    """Measured in a process of its own, which keeps to one core."""
    command = [sys.executable, "-m", "benchmarks.bench_recorder", "--measure"]
    measured = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    found = [
        Figure.at_least("events a second on one core, bus to parts", measured["rate"], "/s", 400_000),
        Figure("of these lost", measured["dropped"], "events", "0", measured["dropped"] == 0),
        Figure("most memory, first half of the events", measured["half_mb"], "MB"),
        Figure("most memory, second half", measured["end_mb"], "MB"),
    ]
    if sizes := _bytes_a_trade():
        found.append(Figure.at_most("bytes a captured trade in a part", sizes, "bytes", 14))
    return found


async def record(root: Path) -> dict[str, float]:
    """Publish all events, and say how it went."""
    bus = MemoryEventBus(WallClock())
    writer = ParquetEventWriter(root)
    await writer.start()
    await bus.subscribe("*", writer.write_event)
    symbols = [f"C{stream}/USDT" for stream in range(STREAMS)]
    sides = [Side.BUY, Side.SELL]
    before_mb, samples = memory_mb(), []
    started = time.perf_counter()
    for first in range(0, EVENTS, _SLICE):
        for number in range(first, first + _SLICE):
            now_ns = time.time_ns()
            price, size = 60_000 + number % 1_000 / 100, number % 777 / 1_000
            await bus.publish(
                TradeEvent(
                    "binance", symbols[number % STREAMS], now_ns, now_ns, price, size, sides[number & 1], str(number)
                )
            )
        await asyncio.sleep(0)
        while writer.buffered > _MAX_WAITING:
            await asyncio.sleep(0.001)
        if first % (EVENTS // _MEMORY_SAMPLES) == 0:
            samples.append(memory_mb() - before_mb)
    await writer.close()
    seconds = time.perf_counter() - started
    return {
        "rate": writer.written / seconds,
        "dropped": float(writer.dropped),
        "half_mb": max(samples[: _MEMORY_SAMPLES // 2]),
        "end_mb": max(samples[_MEMORY_SAMPLES // 2 :]),
    }


def memory_mb() -> float:
    """What this process has in memory, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MB


def _bytes_a_trade() -> float | None:
    """Of all captured trades, each stream in one part; None where there are no captures."""
    totals: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for stream, tables in captured_tables().items():
            table = tables[TradeEvent]
            for part in PartWriter(folder).write(TradeEvent, "captured", stream, table):
                totals["bytes"] += part.bytes
            totals["rows"] += table.num_rows
    return totals["bytes"] / totals["rows"] if totals else None


def main() -> None:
    """Show the figures, or (`--measure`) print what one run on one core gave."""
    if sys.argv[1:] == ["--measure"]:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(asyncio.run(record(Path(folder) / "store"))))
    else:
        show(heading(__doc__), figures())


if __name__ == "__main__":
    main()
