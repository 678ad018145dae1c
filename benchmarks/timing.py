"""How times are taken: many short rounds in turns, of which the best counts.

Needs the standard library only, so that peers' environments can use it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

REPEATS = 1_000
"""How often one run does what it measures, where nothing else is said: short enough to find a moment without others."""

_ROUNDS = 500
_RATE_ROUNDS = 5

Run = Callable[[], Awaitable[None]]


async def best_ns(runs: dict[str, Run], repeats: int = REPEATS) -> dict[str, float]:
    """Nanoseconds a repeat of each run, the best of all rounds."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(_ROUNDS):
        for name, run in runs.items():
            started_ns = time.perf_counter_ns()
            await run()
            best[name] = min(best[name], (time.perf_counter_ns() - started_ns) / repeats)
    return best


def best_rate(run: Callable[[], int], rounds: int = _RATE_ROUNDS) -> float:
    """The best rate a second of `run`, which says how much it did."""
    rates = []
    for _ in range(rounds):
        started = time.perf_counter()
        rates.append(run() / (time.perf_counter() - started))
    return max(rates)


def nothing(event: object) -> None:
    """The plain handler that all libraries are measured with: what is left is the library's own cost."""


async def nothing_async(event: object) -> None:
    """The same as a coroutine function."""


class Counter:
    """A handler that counts: shows that events arrive."""

    def __init__(self) -> None:
        self.count = 0

    def plain(self, event: object) -> None:
        """A plain handler."""
        self.count += 1


class Looker:
    """A handler that takes price and size of a trade, as any use of it would."""

    def __init__(self) -> None:
        self.count = 0
        self.last: tuple[object, object] = (None, None)

    def plain(self, trade: Any) -> None:
        """A plain handler."""
        self.count += 1
        self.last = trade.price, trade.size


def calling(event: object) -> Run:
    """Call the handler, without a bus."""

    async def run() -> None:
        for _ in range(REPEATS):
            nothing(event)

    return run
