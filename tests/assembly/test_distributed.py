"""What a session is built from that is split into several daemons, and all of it in this process on one bus."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from quantai.assembly import Graph, assemble, markets
from quantai.assembly.feeds import BusFeed
from quantai.assembly.graph import Remote
from quantai.assembly.stages import stages_of
from quantai.config import load_config
from quantai.core.clock import NS_PER_SECOND, WallClock
from quantai.core.errors import StartupError
from quantai.events import TickEvent, TradeEvent
from quantai.events.bus import MemoryEventBus
from quantai.events.bus.redis import RedisEventBus
from quantai.exchanges.feed import VenueFeed
from quantai.ops.stages import Stages
from quantai.simulation.replay import Replay
from tests.assembly.world import BRIEF, Eager, graph_of

LIMIT_S = 20
EAGER = (
    "strategies=[]",
    "strategies.eager={_target_: tests.assembly.world.Eager, instruments: [synthetic_btc_usdt]}",
    "schedule=none",
)


def role(folder: Path, name: str, *overrides: str) -> Graph:
    """The shipped configuration of a role."""
    return assemble(load_config(overrides, config_name=f"distributed_{name}").config, folder)


def names(graph: Graph) -> list[str]:
    return [stage.name for stage in stages_of(graph)]


def test_the_execution_daemon_has_the_venues_and_a_gateway_and_runs_no_strategy(tmp_path: Path) -> None:
    graph = role(tmp_path, "execution")
    assert isinstance(graph.markets.bus, RedisEventBus)
    assert isinstance(graph.markets.feed, VenueFeed)
    assert graph.trading is not None
    assert graph.trading.gateway is not None
    assert graph.trading.runners == []
    assert graph.remote is None
    assert [str(instrument) for instrument in graph.markets.instruments] == ["synthetic:BTC/USDT"]
    assert [plan.derive_bars for plan in graph.markets.plans] == [()]
    assert names(graph) == [
        "event bus", "market view", "exchanges", "order journal", "run recorder", "simulated venues", "portfolio",
        "risk", "order entry", "books", "routed orders", "reconciliation", "contingent orders", "routing",
        "derived streams", "control socket", "open orders", "order gateway", "jobs", "market data",
    ]  # fmt: skip


def test_the_strategies_daemon_has_no_venue_no_risk_and_no_books_of_its_own(tmp_path: Path) -> None:
    graph = role(tmp_path, "strategies")
    assert isinstance(graph.markets.feed, BusFeed)
    assert len(graph.markets.exchanges) == 0
    assert graph.trading is None
    assert isinstance(graph.remote, Remote)
    assert [runner.name for runner in graph.remote.runners] == ["ema_cross"]
    assert [plan.derive_bars for plan in graph.markets.plans] == [(10 * NS_PER_SECOND,)]
    assert names(graph) == [
        "event bus", "market view", "remote orders", "derived streams", "open orders", "strategy ema_cross", "jobs",
        "market data",
    ]  # fmt: skip


def test_the_recorder_daemon_has_a_recorder_and_nothing_else(tmp_path: Path) -> None:
    graph = role(tmp_path, "recorder", f"recorder.path={tmp_path / 'store'}")
    assert graph.trading is None
    assert graph.remote is None
    assert graph.writer is not None
    assert graph.markets.instruments == ()
    assert graph.markets.description == "from the bus"
    assert names(graph) == ["event bus", "recorder", "market view", "derived streams", "jobs", "market data"]


def test_ticks_of_a_venue_with_books_come_from_the_bus_and_bars_from_its_trades(tmp_path: Path) -> None:
    venue = "exchanges.synthetic={_target_: tests.assembly.world.OnlyBooks, assets: {BTC: {start_price: 1}}}"
    graph = role(tmp_path, "strategies", "exchanges=[]", venue)
    [plan] = graph.markets.plans
    assert plan.prices == (TickEvent, TradeEvent)
    assert not plan.derive_ticks
    assert plan.derive_bars == (10 * NS_PER_SECOND,)


def test_of_a_venue_without_a_connector_all_is_expected(tmp_path: Path) -> None:
    graph = role(tmp_path, "strategies", "exchanges=[]", "exchanges.synthetic.fees.maker=1bps")
    [plan] = graph.markets.plans
    assert TickEvent in plan.prices
    assert plan.derive_bars == (10 * NS_PER_SECOND,)


def test_a_replay_may_run_on_the_wall_clock(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, BRIEF, "mode.clock=wall", "simulation.speed=2")
    assert isinstance(graph.markets.clock, WallClock)
    assert isinstance(graph.markets.feed, Replay)
    assert graph.markets.feed.speed == 2


def test_what_the_other_daemon_executes_at_real_venues_is_as_real_here(tmp_path: Path) -> None:
    graph = role(tmp_path, "strategies")
    assert graph.remote is not None
    assert not graph.remote.sends_real_orders
    graph.remote.orders.execution = "venues"
    assert graph.remote.sends_real_orders


async def test_strategies_without_an_execution_daemon_do_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(markets, "build_bus", lambda config, clock: MemoryEventBus(clock))
    stages = running(role(tmp_path, "strategies", "ops.start_timeout=100ms"))
    with pytest.raises(StartupError, match=r"remote orders did not start: no execution daemon answered within 0\.09 s"):
        await stages.start()
    await stages.stop()
    assert stages.failures == []


def running(graph: Graph, *, shares_bus: bool = False) -> Stages:
    """The stages of a graph; without the bus, where that is another's."""
    ops = graph.config.ops
    stages = stages_of(graph)[1:] if shares_bus else stages_of(graph)
    return Stages(stages, start_timeout_ns=ops.start_timeout, stop_timeout_ns=ops.stop_timeout)


async def test_a_strategy_trades_through_the_gateway_of_another_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = MemoryEventBus(WallClock())
    monkeypatch.setattr(markets, "build_bus", lambda config, clock: shared)
    execution = role(tmp_path, "execution", *EAGER)
    strategies = role(tmp_path, "strategies", *EAGER)
    assert execution.trading is not None
    assert strategies.remote is not None
    [runner] = strategies.remote.runners
    assert isinstance(runner.strategy, Eager)
    there, here = running(execution), running(strategies, shares_bus=True)
    await there.start()
    feed = asyncio.create_task(execution.markets.feed.run())
    await here.start()
    async with asyncio.timeout(LIMIT_S):
        while not runner.strategy.is_done:
            await asyncio.sleep(0.01)
    await here.stop()
    execution.markets.feed.stop()
    await feed
    await there.stop()
    [order] = execution.trading.cache.closed_orders()
    assert order.state == "FILLED"
    assert runner.strategy._held[-1] == order.filled_quantity
    assert strategies.remote.portfolio.balances() == execution.trading.portfolio.balances()
    assert strategies.markets.feed.events > 0
    assert here.failures == there.failures == []
    assert shared.errors == 0
