"""The daemon: load, assemble, start, run, stop, report.

Exit statuses: 0 done or stopped cleanly · 2 bad config or arguments · 3 could not start · 4 failed while running ·
5 stopped, but something at a venue could not be proven safe.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console

from quantai.assembly import Graph, assemble
from quantai.assembly.listings import Listed, take_listings, venues_to_ask
from quantai.assembly.stages import stages_of
from quantai.config import Config, LoadedConfig
from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import QuantAIError, StartupError, StoreError
from quantai.ops.logs import logging_to
from quantai.ops.memory import frozen_memory
from quantai.ops.notify import ServiceNotifier
from quantai.ops.progress import ReplayProgress
from quantai.ops.signals import StopSignals
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


def run(loaded: LoadedConfig, run_folder: Path, *, in_sweep: bool = False) -> Outcome:
    """Run the daemon to its end.

    Raises `StartupError` where it cannot start, another `QuantAIError` (of no lesser exit status than the run's) where
    its results cannot be written; everything else is in the outcome. Runs of a sweep share one copy of the charts'
    script, and draw no progress bars.
    """
    config = loaded.config
    terminal = Console(stderr=True)
    with logging_to(
        terminal,
        level=config.logging.level,
        levels=config.logging.levels,
        console=config.logging.console,
        file=run_folder / "daemon.log" if config.logging.file else None,
        max_bytes=config.logging.max_bytes,
        backups=config.logging.backups,
    ):
        progress = ReplayProgress(terminal, config.simulation.progress and not in_sweep)
        with _told_as(StartupError, "the daemon cannot be built"):
            graph = assemble(config, run_folder, progress.update, _listings(config))
        for warning in graph.markets.warnings:
            logger.warning("%s", warning)
        logger.info("%s: %s, configuration %s", config.mode.name, graph.markets.description, loaded.config_hash)
        if graph.markets.source is not None:
            progress.set_range(graph.markets.source.range_ns())
        with progress, _told_as(QuantAIError, "the daemon failed"):
            outcome = _run_loop(graph)
        try:
            with _told_as(QuantAIError, "the run is over, but its results cannot be written"):
                _write_results(graph, outcome, loaded.config_hash, run_folder, shares_script=in_sweep)
        except QuantAIError as error:
            raise _without_results(outcome, error) from error
    return outcome


def _listings(config: Config) -> Listed:
    """What the venues list, where that is needed; a loop of its own, for the graph that runs on the other needs it."""
    return asyncio.run(take_listings(config)) if venues_to_ask(config) else {}


def _write_results(graph: Graph, outcome: Outcome, config_hash: str, folder: Path, *, shares_script: bool) -> None:
    try:
        outcome.summary = write_results(
            graph, config_hash, folder, wall_seconds=outcome.wall_seconds, exit_status=outcome.status,
            interrupted=outcome.interrupted, problems=outcome.errors, shares_script=shares_script,
        )  # fmt: skip
    except StoreError as error:  # the run did start
        raise QuantAIError(str(error)) from error
    except KeyboardInterrupt:
        raise QuantAIError(f"stopped by a signal while results were written: {folder} is not whole") from None


def _without_results(outcome: Outcome, error: QuantAIError) -> QuantAIError:
    """What went wrong before is told too, and orders that may still trade weigh more than results that are lost."""
    whole = QuantAIError("; ".join([*outcome.errors, str(error)]))
    whole.exit_status = max(outcome.status, error.exit_status)
    return whole


@contextmanager
def _told_as(kind: type[QuantAIError], what: str) -> Iterator[None]:
    """Turn what nobody foresaw (in a class from outside, say) into one line; where it came from goes to the log."""
    try:
        yield
    except QuantAIError:
        raise
    except Exception as error:
        logger.exception("%s: %s: %s", what, type(error).__name__, error)
        raise kind(f"{what}: {type(error).__name__}: {error}") from error


def _run_loop(graph: Graph) -> Outcome:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if graph.config.ops.uvloop else None) as runner:
        return runner.run(serve(graph))


async def serve(graph: Graph) -> Outcome:
    """Start in dependency order, run until the data ends or a signal comes, stop in reverse."""
    outcome = Outcome()
    notifier = ServiceNotifier()
    ops = graph.config.ops
    stages = Stages(stages_of(graph), start_timeout_ns=ops.start_timeout, stop_timeout_ns=ops.stop_timeout)
    started = time.perf_counter()
    with StopSignals(graph.markets.feed.stop, graph.markets.feed.toggle_pause) as signals:
        try:
            if await signals.before_stop(stages.start()):
                notifier.ready(graph.markets.description)
                with frozen_memory():
                    await _until_end(graph, signals, outcome)
        finally:
            notifier.stopping(f"stopping {graph.markets.description}")
            await signals.before_stop_now(stages.stop())
    outcome.wall_seconds = time.perf_counter() - started
    outcome.interrupted = signals.stop.is_set()
    _judge(graph, stages, signals, outcome)
    return outcome


async def _until_end(graph: Graph, signals: StopSignals, outcome: Outcome) -> None:
    limit_s = graph.config.ops.stop_timeout / NS_PER_SECOND
    try:
        ended = await signals.before_stop_now(graph.markets.feed.run(), limit_s)
        if not ended and not signals.stop_now.is_set():
            outcome.errors.append(f"a handler kept market data from stopping within {limit_s:g} s (ops.stop_timeout)")
    except Exception as error:
        logger.exception("the market data feed failed: %s: %s", type(error).__name__, error)
        outcome.errors.append(f"market data: {type(error).__name__}: {error}")


def _judge(graph: Graph, stages: Stages, signals: StopSignals, outcome: Outcome) -> None:
    """The exit status, from what went wrong; orders that may still trade at a real venue weigh most."""
    outcome.errors += stages.failures
    if signals.stop_now.is_set():
        outcome.errors.append("stopped at once by a second signal")
    trading = graph.trading or graph.remote
    outcome.errors += [
        f"strategy {runner.name} was stopped after {runner.errors} errors"
        for runner in (trading.runners if trading is not None else ())
        if runner.failed
    ]
    if outcome.errors:
        outcome.status = FAILED
    left = [order for order in trading.orders.open_orders() if order.is_sent] if trading is not None else []
    if left and trading is not None and trading.sends_real_orders:
        outcome.status = UNSAFE
        problem = f"{len(left)} orders may still trade: {', '.join(order.client_order_id for order in left[:10])}"
        logger.error("%s", problem)
        outcome.errors.append(problem)
