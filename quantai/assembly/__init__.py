"""The composition root: the one place that knows concrete classes, and the only one that looks at the mode.

A mode is three choices: where market events come from and which clock tells the time (`markets`), and who executes
(`trading`, in this process or by way of the bus). Everything else is the same in all modes and gets what it needs in
its constructor.
"""

from __future__ import annotations

from pathlib import Path

from quantai.assembly.control import build_control
from quantai.assembly.graph import Graph
from quantai.assembly.journal import build_prune_job
from quantai.assembly.listings import Listed, build_catalogue, listing_warnings
from quantai.assembly.markets import build_markets
from quantai.assembly.trading import build_remote, build_trading
from quantai.config import Config
from quantai.config.schema import ClockKind, Execution, JobKind, JobSection
from quantai.core.clock import Clock
from quantai.events.persistence.writer import ParquetEventWriter
from quantai.ops.jobs import Job, Jobs, check_feeds, log_status, reconcile
from quantai.ops.schedule import ScheduledJobs
from quantai.simulation.replay import Progress


def assemble(
    config: Config,
    run_folder: Path,
    on_progress: Progress | None = None,
    listed: Listed | None = None,
    clock: Clock | None = None,
) -> Graph:
    """Build the whole graph; `listed` is what venues list. `clock` takes the place of the machine's, for venues whose
    time is another. Raises `StartupError` or `StoreError` for what cannot be had; nothing runs yet.
    """
    catalogue = build_catalogue(config, listed)
    markets = build_markets(config, catalogue, on_progress, clock)
    markets.warnings += listing_warnings(config, listed or {})
    jobs = Jobs if config.mode.clock is ClockKind.SIMULATED else ScheduledJobs
    graph = Graph(config, markets, jobs(markets.clock, markets.bus.post))
    if config.mode.execution is Execution.BUS:
        graph.remote = build_remote(config, markets, catalogue)
    elif config.mode.execution is not Execution.NONE:
        graph.trading = build_trading(config, markets, catalogue, run_folder)
        graph.control = build_control(config, markets, graph.trading)
    if config.recorder.enabled:
        graph.writer = ParquetEventWriter(
            config.recorder.path,
            flush_interval_ns=config.recorder.flush_interval,
            part_interval_ns=config.recorder.part_interval,
            max_buffered=config.recorder.max_buffered,
            on_event=markets.bus.post,
            spool=config.recorder.spool,
            marks_sessions=True,
            clock=markets.clock if config.mode.clock is ClockKind.WALL else None,
        )
    return graph


def job_of(graph: Graph, section: JobSection) -> Job | None:
    """What a scheduled job does; None where there is nothing for it to do here."""
    markets, trading = graph.markets, graph.trading
    match section.job:
        case JobKind.CHECK_FEEDS if section.every is not None:
            return check_feeds(markets.bus, markets.clock, markets.view, markets.instruments, section.every)
        case JobKind.RECONCILE:
            return None if trading is None else reconcile(trading.reconciler, section.venues or ())
        case JobKind.PRUNE_JOURNAL:
            prune = None if trading is None else build_prune_job(graph.config, trading.journal, markets.clock)
            return None if prune is None else lambda due_ns: prune()
    if trading is not None:
        others = (trading.journal, trading.reconciler, graph.jobs)
        return log_status(markets.feed, markets.bus, trading.orders, trading.portfolio, others)
    if graph.remote is not None:
        return log_status(markets.feed, markets.bus, graph.remote.orders, graph.remote.portfolio)
    return log_status(markets.feed, markets.bus)


__all__ = ["Graph", "assemble", "job_of"]
