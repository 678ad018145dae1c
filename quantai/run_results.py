"""What a finished run leaves in its folder: the tables, `summary.json`, `report.html`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from quantai.assembly.graph import Graph, Trading
from quantai.core.errors import QuantAIError
from quantai.results.summary import trading_summary, write_summary
from quantai.simulation.report import write_report

logger = logging.getLogger(__name__)


def write_results(
    graph: Graph,
    config_hash: str,
    folder: Path,
    *,
    wall_seconds: float,
    exit_status: int,
    interrupted: bool,
    problems: list[str],
    shares_script: bool,
) -> dict[str, Any]:
    """Write everything; the summary of what was done. `shares_script` puts the charts' script once beside all runs.

    Raises `StoreError` or `OSError` where a table or the summary cannot be written; a report that cannot is a warning.
    """
    events = graph.markets.feed.events
    summary: dict[str, Any] = {
        "status": "done",
        "exit_status": exit_status,
        "error": "; ".join(problems),
        "interrupted": interrupted,
        "mode": graph.config.mode.name,
        "data": graph.markets.description,
        "config_hash": config_hash,
        "events": events,
        "wall_seconds": round(wall_seconds, 3),
        "events_per_second": round(events / wall_seconds) if wall_seconds else 0,
        "bus": {"errors": graph.markets.bus.errors},
    }
    if graph.trading is not None:
        summary |= _traded(graph, graph.trading)
    write_summary(folder, summary)
    if graph.trading is not None and graph.config.simulation.report:
        _draw(folder, shares_script)
    if problems:  # only now: there is a report of what was traded until then, but nobody shall rank such a run
        write_summary(folder, summary | {"status": "failed"})
    return summary


def _draw(folder: Path, shares_script: bool) -> None:
    """Write the page, or say why not: a run is judged by what it did, and the page can be written again."""
    again = f"the run and its other results are whole, `quantai report {folder}` writes it again"
    try:
        write_report(folder, plotly_js="shared" if shares_script else "inline")
    except QuantAIError as error:
        logger.warning("no report: %s; %s", error, again)
    except KeyboardInterrupt:
        logger.warning("no report: stopped by a signal; %s", again)
    except Exception as error:
        logger.exception("no report: %s: %s; %s", type(error).__name__, error, again)


def _traded(graph: Graph, trading: Trading) -> dict[str, Any]:
    for order in sorted([*trading.cache.closed_orders(), *trading.cache.open_orders()], key=lambda o: o.ts_submitted):
        trading.recorder.add_order(order)
    trading.recorder.close()
    trading.portfolio.value_start()  # a run that was stopped at once may not have come to it
    now_ns = graph.markets.clock.now_ns()
    errors = {runner.name: runner.errors for runner in trading.runners}
    first_ns = trading.recorder.first_valued_ns or now_ns
    return trading_summary(trading.recorder, trading.portfolio, errors, (first_ns, now_ns)) | {
        "open_orders": len(trading.orders.open_orders()),
        "order_counts": trading.orders.counts,
    }
