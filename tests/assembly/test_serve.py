"""A whole daemon in this process: how it judges its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantai.config import load_config
from quantai.core.errors import QuantAIError
from quantai.daemon import DONE, FAILED, UNSAFE, run, serve
from tests.assembly.world import BRIEF, graph_of, only

RESTING = only("Resting", "binance_btc_usdt")
# Nothing that is sent now arrives while the daemon stops.
SLOW_VENUE = ("simulation.latency.order=10s", "data.duration=15s", "ops.stop_timeout=1s")


async def test_a_run_to_the_end_of_the_data_is_done(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, BRIEF)
    outcome = await serve(graph)
    assert (outcome.status, outcome.interrupted, outcome.errors) == (DONE, False, [])
    assert graph.markets.feed.events > 1_000


async def test_open_orders_are_cancelled_and_the_cancels_awaited(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, BRIEF, *RESTING)
    assert graph.trading is not None
    assert (await serve(graph)).status == DONE
    assert graph.trading.orders.counts["submitted"] == 1
    [order] = graph.trading.cache.closed_orders()
    assert order.state == "CANCELED"


@pytest.mark.parametrize(("is_real", "status"), [(True, UNSAFE), (False, DONE)])
async def test_orders_that_may_still_trade_are_unsafe_where_they_are_real(
    tmp_path: Path, is_real: bool, status: int
) -> None:
    graph = graph_of(tmp_path, *SLOW_VENUE, *RESTING)
    assert graph.trading is not None
    graph.trading.sends_real_orders = is_real
    outcome = await serve(graph)
    assert outcome.status == status
    [left] = graph.trading.orders.open_orders()
    assert outcome.errors == ([f"1 orders may still trade: {left.client_order_id}"] if is_real else [])


async def test_a_strategy_that_hangs_at_the_end_keeps_no_order_open(tmp_path: Path) -> None:
    hanging = "strategies.hanging={_target_: tests.assembly.world.RestingAndHanging, instruments: [binance_btc_usdt]}"
    graph = graph_of(tmp_path, BRIEF, *RESTING, hanging, "ops.stop_timeout=50ms")
    assert graph.trading is not None
    outcome = await serve(graph)
    assert outcome.status == FAILED
    assert outcome.errors == ["strategy hanging did not stop within 0.05 s (ops.stop_timeout)"]
    assert {order.strategy for order in graph.trading.cache.closed_orders()} == {"mine", "hanging"}
    assert graph.trading.orders.open_orders() == []


def test_results_that_cannot_be_written_are_a_failure_of_the_run_not_of_its_start(tmp_path: Path) -> None:
    (tmp_path / "orders.parquet").mkdir()
    with pytest.raises(QuantAIError, match="orders.parquet is not written") as caught:
        run(load_config(["data.duration=1s", "logging.console=none"]), tmp_path)
    assert caught.value.exit_status == FAILED
