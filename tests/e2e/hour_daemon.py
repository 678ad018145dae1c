"""`quantai-daemon` on a clock that runs faster than the wall: what it says at its end is a line of JSON in a file.

Everything else is as in `quantai.daemon.run`: only the clock is given to it.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from rich.console import Console

from quantai.assembly import Graph, assemble
from quantai.assembly.listings import take_listings
from quantai.config import load_config
from quantai.core.clock import NS_PER_SECOND
from quantai.core.numbers import plain
from quantai.daemon import Outcome, serve
from quantai.ops.logs import logging_to
from tests.e2e.hour_clock import shared_clock

_MINUTE_NS = 60 * NS_PER_SECOND


def main() -> int:
    """Run to the end that a signal brings."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--origin", type=int, required=True)
    parser.add_argument("--start", type=int, required=True)
    parser.add_argument("--speed", type=float, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_args()
    config = load_config(options.overrides).config
    folder = options.folder
    folder.mkdir(parents=True)
    with logging_to(
        Console(stderr=True),
        level="INFO",
        levels={},
        console="none",
        file=folder / "daemon.log",
        max_bytes=10**9,
        backups=1,
    ):
        clock = shared_clock(options.origin, options.start, options.speed)
        graph = assemble(config, folder, listed=asyncio.run(take_listings(config)), clock=clock)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcome = runner.run(_watched(graph, folder))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "status": outcome.status,
        "errors": outcome.errors,
        "events": graph.markets.feed.events,
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "max_rss_kb": usage.ru_maxrss,
    } | _books(graph)
    (folder / "end.json").write_bytes(msgspec.json.encode(told))
    return outcome.status


async def _watched(graph: Graph, folder: Path) -> Outcome:
    """Say when events come, and note memory once in a minute of the daemon's time."""
    page_kb = resource.getpagesize() // 1024

    def look(due_ns: int) -> None:
        if graph.markets.feed.events:
            (folder / "running").touch()

    def weigh(due_ns: int) -> None:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        with (folder / "memory_kb.txt").open("a", encoding="ascii") as file:
            file.write(f"{pages * page_kb}\n")

    timers = [graph.markets.clock.call_every(NS_PER_SECOND, look), graph.markets.clock.call_every(_MINUTE_NS, weigh)]
    try:
        return await serve(graph)
    finally:
        for timer in timers:
            timer.cancel()


def _books(graph: Graph) -> dict[str, Any]:
    trading = graph.trading
    if trading is None:
        return {}
    account = trading.portfolio.account()
    return {
        "balances": {f"{each.venue} {each.currency}": plain(each.amount) for each in account.balances},
        "positions": {f"{i.venue} {i.symbol}": plain(quantity) for i, quantity in trading.portfolio.net_positions()},
        "reconciled": dict(trading.reconciler.counts),
        "orders": dict(trading.orders.counts),
    }


if __name__ == "__main__":
    sys.exit(main())
