"""The daemon: load, assemble, start, run, stop, report.

Exit statuses: 0 done or stopped cleanly · 2 bad config or arguments · 3 could not start · 4 failed while running ·
5 stopped, but something at a venue could not be proven safe.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from quantai.assembly import Graph, assemble
from quantai.assembly.stages import stages_of
from quantai.config import LoadedConfig
from quantai.ops.logs import close_logging, setup_logging
from quantai.ops.notify import ServiceNotifier
from quantai.ops.progress import ReplayProgress
from quantai.ops.stages import Stages
from quantai.run_results import write_results

logger = logging.getLogger("quantai.daemon")

DONE, FAILED, UNSAFE = 0, 4, 5


@dataclass
class Outcome:
    """How a run ended."""

    status: int = DONE
    interrupted: bool = False
    errors: list[str] = field(default_factory=list)
    wall_seconds: float = 0.0
    summary: dict[str, Any] = field(default_factory=dict)


def run(loaded: LoadedConfig, run_folder: Path, *, shares_script: bool = False) -> Outcome:
    """Run the daemon to its end. Raises `StartupError` where it cannot start; everything else is in the outcome.

    `shares_script` is for sweeps, whose reports share one copy of the charts' script.
    """
    config = loaded.config
    setup_logging(
        level=config.logging.level,
        levels=config.logging.levels,
        console=config.logging.console,
        file=run_folder / "daemon.log" if config.logging.file else None,
        max_bytes=config.logging.max_bytes,
        backups=config.logging.backups,
    )
    try:
        progress = ReplayProgress(config.simulation.progress)
        graph = assemble(config, run_folder, progress.update)
        for warning in graph.markets.warnings:
            logger.warning("%s", warning)
        logger.info("%s: %s, configuration %s", config.mode.name, graph.markets.description, loaded.config_hash)
        if graph.markets.source is not None:
            progress.set_range(graph.markets.source.range_ns())
        with progress:
            outcome = _run_loop(graph)
        outcome.summary = write_results(
            graph, loaded.config_hash, run_folder, wall_seconds=outcome.wall_seconds, exit_status=outcome.status,
            problems=outcome.errors, shares_script=shares_script,
        )  # fmt: skip
        return outcome
    finally:
        close_logging()


def _run_loop(graph: Graph) -> Outcome:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if graph.config.ops.uvloop else None) as runner:
        return runner.run(serve(graph))


async def serve(graph: Graph) -> Outcome:
    """Start in dependency order, run until the data ends or a signal comes, stop in reverse."""
    outcome = Outcome()
    notifier = ServiceNotifier()
    ops = graph.config.ops
    stages = Stages(stages_of(graph), start_timeout_ns=ops.start_timeout, stop_timeout_ns=ops.stop_timeout)
    stop_now = _handle_signals(graph, outcome)
    started = time.perf_counter()
    try:
        await stages.start()
        notifier.ready(graph.markets.description)
        await _until_end(graph, outcome)
    finally:
        notifier.stopping()
        await _stop(stages, stop_now, outcome)
    outcome.wall_seconds = time.perf_counter() - started
    _judge(graph, stages, outcome)
    return outcome


async def _until_end(graph: Graph, outcome: Outcome) -> None:
    try:
        await graph.markets.feed.run()
    except Exception as error:
        logger.exception("the market data feed failed")
        outcome.errors.append(f"market data: {type(error).__name__}: {error}")


def _handle_signals(graph: Graph, outcome: Outcome) -> asyncio.Event:
    """The first SIGTERM or SIGINT ends the run and stops in order; the second stops now."""
    stop_now = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if outcome.interrupted:
            logger.warning("%s again: stopping now", number.name)
            stop_now.set()
            return
        logger.info("%s: stopping", number.name)
        outcome.interrupted = True
        graph.markets.feed.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    return stop_now


async def _stop(stages: Stages, stop_now: asyncio.Event, outcome: Outcome) -> None:
    stopping = asyncio.ensure_future(stages.stop())
    impatience = asyncio.ensure_future(stop_now.wait())
    await asyncio.wait([stopping, impatience], return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        outcome.errors.append("stopped at once by a second signal")
    for task in (stopping, impatience):
        task.cancel()
    await asyncio.gather(stopping, impatience, return_exceptions=True)


def _judge(graph: Graph, stages: Stages, outcome: Outcome) -> None:
    """The exit status, from what went wrong; orders that may still trade at a real venue weigh most."""
    outcome.errors += stages.failures
    trading = graph.trading
    if trading is not None:
        outcome.errors += [
            f"strategy {runner.name} was stopped after {runner.errors} errors"
            for runner in trading.runners
            if runner.failed
        ]
    if outcome.errors:
        outcome.status = FAILED
    if trading is not None and trading.sends_real_orders and (left := trading.orders.open_orders()):
        outcome.status = UNSAFE
        outcome.errors.append(
            f"{len(left)} orders may still trade: {', '.join(order.client_order_id for order in left[:10])}"
        )
    for error in outcome.errors:
        logger.error("%s", error)
