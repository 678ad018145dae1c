"""Redis bus: events between two processes through a redis-server of our own.

One process publishes, another subscribes; both and the server share the machine. The rate is from the first publish to
the last handler, nothing dropped; latency is from just before `publish` in one process to the handler in the other. The
best of a few rounds counts, as other programs disturb three processes on two cores.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from multiprocessing.connection import Connection

import numpy as np
import uvloop

from benchmarks.figures import Figure, heading, show
from quantai.core.clock import WallClock
from quantai.core.enums import Side
from quantai.events import TradeEvent
from quantai.events.bus import MemoryEventBus
from quantai.events.bus.redis import RedisEventBus, RedisSettings
from tests.redis_server import RedisServer

_EVENTS = 600_000
_MAX_AHEAD = 100_000  # events that the publisher lets wait, so that none is dropped
_AT_ONCE = 500
_EVENTS_PER_SECOND = 10_000
_SECONDS = 3
_ROUNDS = 3
_ANSWER_S = 120

_SPAWN = multiprocessing.get_context("spawn")


def trade(number: int) -> TradeEvent:
    """One of several streams of trades, stamped now."""
    now_ns = time.time_ns()
    return TradeEvent("binance", f"C{number % 20}/USDT", now_ns, now_ns, 100.0 + number, 1.5, Side.BUY, str(number))


class Subscriber:
    """Counts, and notes how late every event is."""

    def __init__(self, expected: int) -> None:
        self.latencies_ns: list[int] = []
        self.is_done = asyncio.Event()
        self._expected = expected

    def on_trade(self, event: TradeEvent) -> None:
        """A plain handler."""
        self.latencies_ns.append(time.time_ns() - event.ts_init)
        if len(self.latencies_ns) == self._expected:
            self.is_done.set()


def open_bus(url: str, group: str) -> RedisEventBus:
    """A bus as a daemon has it."""
    clock = WallClock()
    settings = RedisSettings(url=url, name="bench", group=group, resume=bool(group))
    return RedisEventBus(MemoryEventBus(clock), settings, clock)


def consume(url: str, expected: int, pipe: Connection) -> None:
    """A process that subscribes, says so, and tells when it had all, and how late each event was."""

    async def run() -> None:
        bus, subscriber = open_bus(url, "recorder"), Subscriber(expected)
        await bus.subscribe("market.trade.*", subscriber.on_trade)
        await bus.start()
        pipe.send(None)
        await subscriber.is_done.wait()
        pipe.send((time.time_ns(), subscriber.latencies_ns))
        await bus.close()

    uvloop.run(run())


async def publish_all(bus: RedisEventBus) -> None:
    """As fast as Redis takes it."""
    for number in range(_EVENTS):
        await bus.publish(trade(number))
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
            while bus.backlog > _MAX_AHEAD:
                await asyncio.sleep(0.001)


async def publish_evenly(bus: RedisEventBus) -> None:
    """At a steady rate."""
    started_s = time.perf_counter()
    for number in range(_EVENTS_PER_SECOND * _SECONDS):
        while number > (time.perf_counter() - started_s) * _EVENTS_PER_SECOND:
            await asyncio.sleep(0.001)
        await bus.publish(trade(number))


def publish(url: str, is_even: bool, pipe: Connection) -> None:
    """A process that publishes, and tells when it began, when Redis had everything, and how many were dropped."""

    async def run() -> None:
        bus = open_bus(url, "")
        await bus.start()
        begun_ns = time.time_ns()
        await (publish_evenly(bus) if is_even else publish_all(bus))
        await bus.close()
        pipe.send((begun_ns, time.time_ns(), bus.counters.dropped))

    uvloop.run(run())


def measure(is_even: bool) -> tuple[float, float, list[int]]:
    """Events a second published and consumed, and the latencies in nanoseconds."""
    events = _EVENTS_PER_SECOND * _SECONDS if is_even else _EVENTS
    with RedisServer() as server:
        from_consumer, consumer_end = _SPAWN.Pipe(duplex=False)
        from_publisher, publisher_end = _SPAWN.Pipe(duplex=False)
        consumer = _SPAWN.Process(target=consume, args=(server.url, events, consumer_end))
        publisher = _SPAWN.Process(target=publish, args=(server.url, is_even, publisher_end))
        consumer.start()
        from_consumer.recv()
        publisher.start()
        begun_ns, sent_ns, dropped = from_publisher.recv()
        if dropped or not from_consumer.poll(_ANSWER_S):
            raise RuntimeError(f"{dropped} of {events} events were dropped, or not all of them came")
        done_ns, latencies_ns = from_consumer.recv()
        consumer.join()
        publisher.join()
    return events / (sent_ns - begun_ns) * 1e9, events / (done_ns - begun_ns) * 1e9, latencies_ns


def figures() -> list[Figure]:
    """Measure everything."""
    published, consumed = max((measure(is_even=False)[:2] for _ in range(_ROUNDS)), key=min)
    percentiles = [np.percentile(measure(is_even=True)[2], [50, 99]) / 1e6 for _ in range(_ROUNDS)]
    p50_ms, p99_ms = min(percentiles, key=lambda pair: float(pair[1]))
    load = f"at {_EVENTS_PER_SECOND:,} events/s"
    return [
        Figure.at_least("published until Redis had it", published, "events/s", 150_000),
        Figure.at_least("published and handled in another process", consumed, "events/s", 150_000),
        Figure(f"publish to handler in another process {load}, p50", p50_ms, "ms"),
        Figure.at_most(f"publish to handler in another process {load}, p99", p99_ms, "ms", 5),
    ]


def main() -> None:
    """Print the table."""
    show(heading(__doc__), figures())


if __name__ == "__main__":
    main()
