"""What delivery costs on the in-memory bus, as a multiple of calling the handler: `python benchmarks/bench_bus.py`.

Every figure is the best of many short rounds in one run, taken in turns, so that a busy machine disturbs all alike. The
loop that repeats is counted in all of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from quantai.core.clock import SimulatedClock
from quantai.core.enums import Side
from quantai.events import TradeEvent
from quantai.events.bus import EventBus, MemoryEventBus

_ROUNDS = 100
_REPEATS = 5_000
_TRADE = TradeEvent("binance", "BTC/USDT", 1, 2, 100.0, 1.0, Side.BUY, "1")

Run = Callable[[], Awaitable[None]]


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


def nothing(event: TradeEvent) -> None:
    """The cheapest handler of all."""


def direct(handler: Callable[[Any], None]) -> Run:
    """Call `handler`."""

    async def run() -> None:
        for _ in range(_REPEATS):
            handler(_TRADE)

    return run


def awaiting(handler: Callable[[Any], Awaitable[None]]) -> Run:
    """Await `handler`."""

    async def run() -> None:
        for _ in range(_REPEATS):
            await handler(_TRADE)

    return run


def dispatching(bus: EventBus) -> Run:
    """Dispatch, as a replay does."""

    async def run() -> None:
        for _ in range(_REPEATS):
            pending = bus.dispatch(_TRADE)
            if pending is not None:
                await pending

    return run


async def bus_for(*handlers: Callable[[Any], Any]) -> EventBus:
    """A bus with these subscribers."""
    bus = MemoryEventBus(SimulatedClock())
    for handler in handlers:
        await bus.subscribe("market.*", handler)
    return bus


async def best_ns(runs: dict[str, Run]) -> dict[str, float]:
    """Nanoseconds a repeat of each run, the best of all rounds."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(_ROUNDS):
        for name, run in runs.items():
            started_ns = time.perf_counter_ns()
            await run()
            best[name] = min(best[name], (time.perf_counter_ns() - started_ns) / _REPEATS)
    return best


async def measure() -> dict[str, float]:
    """Nanoseconds an event of each way of delivery."""
    sub = Subscriber()
    plain, coroutine = await bus_for(sub.plain), await bus_for(sub.coroutine)
    three, empty = await bus_for(sub.plain, sub.plain, sub.plain), await bus_for(nothing)
    return await best_ns(
        {
            "direct call": direct(sub.plain),
            "await the handler": awaiting(sub.coroutine),
            "dispatch to a plain handler": dispatching(plain),
            "publish to a plain handler": awaiting(plain.publish),
            "dispatch to a coroutine handler": dispatching(coroutine),
            "publish to a coroutine handler": awaiting(coroutine.publish),
            "dispatch to three plain handlers": dispatching(three),
            "direct call of nothing": direct(nothing),
            "dispatch to nothing": dispatching(empty),
            "publish to nothing": awaiting(empty.publish),
        }
    )


def main() -> None:
    """Print nanoseconds and ratios."""
    figures = asyncio.run(measure())
    for name, ns in figures.items():
        base = figures["direct call of nothing" if "nothing" in name else "direct call"]
        print(f"{name:34} {ns:7.0f} ns {ns / base:6.2f} x")


if __name__ == "__main__":
    main()
