"""A recorder under load, to be killed: `python -m tests.torture.victim STORE LOG VENUE PART_INTERVAL_NS`.

It records numbered trades of several streams as they come over the bus, and writes down in `LOG`, which is memory that
it shares with whoever kills it, what it has published when, and what the recorder said is safe.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import numpy as np

from quantai.core.clock import WallClock
from quantai.core.enums import Side
from quantai.events import TradeEvent
from quantai.events.bus import MemoryEventBus
from quantai.events.persistence import ParquetEventWriter

FLUSH_INTERVAL_NS = 2_000_000_000
STREAMS = 8
NUMBERS_A_BATCH = 25

BEGUN, BATCHES, SAFE, FIRST = 0, 1, 2, 3
"""Places in the log: when the recorder began, how many batches are published, how many events are safe, and from there
on when each batch began."""
MAX_BATCHES = 100_000

_PAUSE_S = 0.001


async def record(store: Path, log: np.ndarray, venue: str, part_interval_ns: int) -> None:
    """Publish batches until the log is full or the process is killed."""
    bus = MemoryEventBus(WallClock())
    writer = ParquetEventWriter(store, FLUSH_INTERVAL_NS, part_interval_ns, on_event=bus.post, part_bytes=2_000_000)
    await bus.subscribe("market.*", writer.write_event)
    log[BEGUN] = time.time_ns()
    await writer.start()
    for batch in range(MAX_BATCHES):
        log[FIRST + batch] = time.time_ns()
        for number in range(batch * NUMBERS_A_BATCH, (batch + 1) * NUMBERS_A_BATCH):
            for stream in range(STREAMS):
                now_ns = time.time_ns()
                price = 100.0 + number % 50
                await bus.publish(TradeEvent(venue, f"S{stream}", now_ns, now_ns, price, 1.0, Side.BUY, str(number)))
        log[BATCHES] = batch + 1
        log[SAFE] = writer.written
        await asyncio.sleep(_PAUSE_S)
    await writer.close()


if __name__ == "__main__":
    _, folder, log_file, name, interval = sys.argv
    asyncio.run(record(Path(folder), np.memmap(log_file, np.int64, "r+"), name, int(interval)))
