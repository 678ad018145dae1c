"""A recorder in a process of its own, to be killed: `python -m tests.events.bus.redis.recording URL NAME STORE`."""

from __future__ import annotations

import asyncio
import signal
import sys

from quantai.core.clock import NS_PER_SECOND, WallClock
from quantai.events.bus import MemoryEventBus
from quantai.events.bus.redis import RedisEventBus, RedisSettings
from quantai.events.persistence import ParquetEventWriter


async def record(url: str, name: str, store: str) -> None:
    """Until SIGTERM. By itself it writes nothing for a minute: what is safe before that is so because of the bus."""
    clock = WallClock()
    settings = RedisSettings(url=url, name=name, publish=(), group="recorder", resume=True)
    bus = RedisEventBus(MemoryEventBus(clock), settings, clock)
    writer = ParquetEventWriter(store, flush_interval_ns=60 * NS_PER_SECOND)
    is_over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, is_over.set)
    await bus.start()
    await writer.start()
    subscription = await bus.subscribe("market.*", writer.write_event)
    await is_over.wait()
    await bus.unsubscribe(subscription)
    await writer.close()
    await bus.close()


if __name__ == "__main__":
    asyncio.run(record(*sys.argv[1:]))
