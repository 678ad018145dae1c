"""In-memory bus: what delivery costs, as a multiple of calling the handler, and how late it is under load.

Costs are the best of many short rounds in one run, taken in turns, so that a busy machine disturbs all alike; the loop
that repeats is counted in all of them. Latency is from just before `publish` to the entry of each handler.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import uvloop

from benchmarks.figures import Figure, heading, show
from benchmarks.timing import REPEATS, Run, best_ns
from quantai.core.clock import SimulatedClock, WallClock
from quantai.core.enums import Side
from quantai.events import TradeEvent
from quantai.events.bus import EventBus, MemoryEventBus

_EVENTS_PER_SECOND = 10_000
_SECONDS = 3
_SUBSCRIBERS = 20
_OTHERS = 1_000
_TRADE = TradeEvent("binance", "BTC/USDT", 1, 2, 100.0, 1.0, Side.BUY, "1")


class Subscriber:
    """Does what the cheapest useful handler does: reads a field and keeps a sum."""

    def __init__(self) -> None:
        self.volume = 0.0

    def plain(self, event: TradeEvent) -> None:
        """A plain handler."""
        self.volume += event.size

    async def coroutine(self, event: TradeEvent) -> None:
        """A coroutine handler that never waits."""
        self.volume += event.size


class Stopwatch:
    """Notes how long each handler waited for the event published at `published_ns`."""

    def __init__(self) -> None:
        self.published_ns = 0
        self.latencies_ns: list[int] = []

    def plain(self, event: TradeEvent) -> None:
        """A plain handler."""
        self.latencies_ns.append(time.perf_counter_ns() - self.published_ns)

    async def coroutine(self, event: TradeEvent) -> None:
        """A coroutine handler."""
        self.latencies_ns.append(time.perf_counter_ns() - self.published_ns)


def direct(handler: Callable[[Any], None]) -> Run:
    """Call `handler`."""

    async def run() -> None:
        for _ in range(REPEATS):
            handler(_TRADE)

    return run


def awaiting(handler: Callable[[Any], Awaitable[None]]) -> Run:
    """Await `handler`."""

    async def run() -> None:
        for _ in range(REPEATS):
            await handler(_TRADE)

    return run


def dispatching(bus: EventBus) -> Run:
    """Dispatch, as a replay does."""

    async def run() -> None:
        for _ in range(REPEATS):
            pending = bus.dispatch(_TRADE)
            if pending is not None:
                await pending

    return run


async def bus_for(*handlers: Callable[[Any], Any], others: int = 0) -> EventBus:
    """A bus with these subscribers, and `others` that want something else."""
    bus = MemoryEventBus(SimulatedClock())
    for number in range(others):
        await bus.subscribe(f"market.*.C{number}/USDT", Subscriber().plain)
    for handler in handlers:
        await bus.subscribe("market.*", handler)
    return bus


async def costs() -> list[Figure]:
    """Nanoseconds an event of each way of delivery, and the multiples that have a target."""
    sub = Subscriber()
    plain, coroutine = await bus_for(sub.plain), await bus_for(sub.coroutine)
    three, crowded = await bus_for(sub.plain, sub.plain, sub.plain), await bus_for(sub.plain, others=_OTHERS)
    best = await best_ns(
        {
            "direct call of a handler": direct(sub.plain),
            "await of a coroutine handler": awaiting(sub.coroutine),
            "publish to a plain handler": awaiting(plain.publish),
            "publish to a coroutine handler": awaiting(coroutine.publish),
            "dispatch to a plain handler": dispatching(plain),
            "dispatch to a coroutine handler": dispatching(coroutine),
            "dispatch to three plain handlers": dispatching(three),
            f"publish beside {_OTHERS:,} other subscriptions": awaiting(crowded.publish),
        }
    )
    call, alone = best["direct call of a handler"], best["publish to a plain handler"]
    awaited, to_coroutine = best["await of a coroutine handler"], best["publish to a coroutine handler"]
    beside = best[f"publish beside {_OTHERS:,} other subscriptions"]
    return [
        *(Figure(name, ns, "ns") for name, ns in best.items()),
        Figure.at_most("publish to a plain handler / direct call", alone / call, "x", 4),
        Figure.at_most("publish to a coroutine handler / await of it", to_coroutine / awaited, "x", 6),
        Figure.at_most("publish to a coroutine handler / direct call of a plain one", to_coroutine / call, "x", 6),
        Figure.at_most("publish beside others / alone: topics are matched once", beside / alone, "x", 1.2),
    ]


async def latencies_us(handler_name: str) -> np.ndarray:
    """Microseconds from publish to handler of events that come at an even pace."""
    watch = Stopwatch()
    bus = MemoryEventBus(WallClock())
    for _ in range(_SUBSCRIBERS):
        await bus.subscribe("market.*", getattr(watch, handler_name))
    due_ns = time.perf_counter_ns()
    for _ in range(_SECONDS * _EVENTS_PER_SECOND):
        due_ns += 1_000_000_000 // _EVENTS_PER_SECOND
        while time.perf_counter_ns() < due_ns:
            await asyncio.sleep(0)
        watch.published_ns = time.perf_counter_ns()
        await bus.publish(_TRADE)
    await bus.close()
    return np.array(watch.latencies_ns) / 1e3


def latency() -> list[Figure]:
    """Median and 99th percentile under load, on both event loops."""
    found = []
    for loop, factory in (("uvloop", uvloop.new_event_loop), ("asyncio", asyncio.new_event_loop)):
        for handler in ("plain", "coroutine"):
            with asyncio.Runner(loop_factory=factory) as runner:
                p50, p99 = np.percentile(runner.run(latencies_us(handler)), (50, 99))
            what = f"to {_SUBSCRIBERS} {handler} handlers at {_EVENTS_PER_SECOND:,}/s, {loop}"
            found += [Figure(f"p50 {what}", p50, "µs"), Figure.at_most(f"p99 {what}", p99, "µs", 50)]
    return found


def figures() -> list[Figure]:
    """Costs, then latency."""
    return asyncio.run(costs()) + latency()


def main() -> None:
    """Show the figures."""
    show(heading(__doc__), figures())


if __name__ == "__main__":
    main()
