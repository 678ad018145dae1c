"""Which parts a configuration is built from, in which order they start."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantai.assembly import Graph, assemble
from quantai.assembly.stages import stages_of
from quantai.config import load_config
from quantai.core.clock import SimulatedClock, WallClock
from quantai.core.enums import Side
from quantai.core.errors import StartupError, StoreError
from quantai.events import MarketEvent, TickEvent, TradeEvent
from quantai.events.persistence.part_writer import PartWriter
from quantai.events.persistence.schema import to_table
from quantai.exchanges.feed import VenueFeed
from quantai.loopback.clock import ScaledClock
from quantai.simulation.replay import Replay
from tests.assembly.world import BRIEF, PAPER, graph_of, only

START_NS = 1_767_603_600_000_000_000


def stage_names(graph: Graph) -> list[str]:
    return [stage.name for stage in stages_of(graph)]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with ten seconds of trades of binance's BTC, and nothing else."""
    events: list[MarketEvent] = [
        TradeEvent("binance", "BTC/USDT", ts_ns, ts_ns, 65_000.0, 1.0, Side.BUY, str(ts_ns))
        for ts_ns in range(START_NS, START_NS + 10_000_000_000, 1_000_000_000)
    ]
    table = to_table(TradeEvent, events)
    assert PartWriter(tmp_path / "store").write(TradeEvent, "binance", "BTC/USDT", table)
    return tmp_path / "store"


def test_a_simulation_replays_on_a_simulated_clock_and_executes_at_simulated_venues(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, BRIEF)
    assert isinstance(graph.markets.feed, Replay)
    assert isinstance(graph.markets.clock, SimulatedClock)
    assert graph.trading is not None
    assert len(graph.trading.simulated) == 3
    assert not graph.trading.sends_real_orders
    assert graph.writer is None
    assert stage_names(graph) == [
        "event bus", "market view", "order journal", "run recorder", "simulated venues", "portfolio", "risk",
        "order entry", "books", "routed orders", "reconciliation", "contingent orders", "routing", "derived streams",
        "open orders",
        "strategy ema_cross", "strategy market_maker", "strategy cross_venue_spread", "jobs", "market data",
    ]  # fmt: skip


def test_a_clock_of_another_time_takes_the_place_of_the_machines(tmp_path: Path) -> None:
    clock = ScaledClock(30, START_NS)
    loaded = load_config([*PAPER, "recorder=market", f"recorder.path={tmp_path}/store"])
    graph = assemble(loaded.config, tmp_path, clock=clock)
    assert graph.markets.clock is clock


def test_paper_trading_streams_on_the_wall_clock_and_executes_at_simulated_venues(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, *PAPER)
    assert isinstance(graph.markets.feed, VenueFeed)
    assert isinstance(graph.markets.clock, WallClock)
    assert list(graph.markets.exchanges) == ["synthetic"]
    assert graph.trading is not None
    assert len(graph.trading.simulated) == 1
    assert not graph.trading.sends_real_orders


def test_recording_streams_on_the_wall_clock_and_executes_nothing(tmp_path: Path) -> None:
    market = ("exchanges=[synthetic]", "instruments=[synthetic]", "portfolio=none", "strategies=[]")
    graph = graph_of(tmp_path, "mode=live_recording", "recorder=market", *market)
    assert isinstance(graph.markets.feed, VenueFeed)
    assert isinstance(graph.markets.clock, WallClock)
    assert graph.trading is None
    assert graph.writer is not None
    assert {str(instrument) for instrument in graph.markets.instruments} == {
        "synthetic:BTC/USDT", "synthetic:ETH/USDT:USDT",
    }  # fmt: skip
    assert stage_names(graph) == [
        "event bus", "recorder", "market view", "exchanges", "derived streams", "jobs", "market data",
    ]  # fmt: skip


def test_the_recorder_hears_of_everything_first(tmp_path: Path) -> None:
    assert stage_names(graph_of(tmp_path, BRIEF, "recorder=everything"))[:2] == ["event bus", "recorder"]


def test_a_disabled_strategy_or_check_is_not_built(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, BRIEF, "strategies.ema_cross.enabled=false", "strategies.market_maker.enabled=false")
    assert graph.trading is not None
    assert [runner.name for runner in graph.trading.runners] == ["cross_venue_spread"]
    assert {instrument.symbol for instrument in graph.markets.instruments} == {"ETH/USDT:USDT"}


def test_what_is_held_is_priced_by_instruments_nobody_trades(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, BRIEF, "strategies=[ema_cross]", "portfolio.balances.binance.ETH=2")
    assert {str(instrument) for instrument in graph.markets.instruments} == {
        "binance:BTC/USDT", "binance:ETH/USDT",
    }  # fmt: skip


def test_a_holding_the_synthetic_market_does_not_have_is_left_unpriced(tmp_path: Path) -> None:
    sol = "instruments.sol={venue: binance, symbol: SOL/USDT, tick_size: 0.01, lot_size: 0.01}"
    graph = graph_of(tmp_path, BRIEF, "strategies=[ema_cross]", "portfolio.balances.binance.SOL=2", sol)
    assert {str(instrument) for instrument in graph.markets.instruments} == {"binance:BTC/USDT"}


def test_a_venue_that_nobody_trades_at_is_not_connected_to_price_a_holding(tmp_path: Path) -> None:
    paper = [override for override in PAPER if not override.startswith(("exchanges", "instruments"))]
    graph = graph_of(
        tmp_path, *paper, "exchanges=[synthetic,binance]", "instruments=[synthetic,binance]",
        "portfolio.balances.synthetic.ETH=2",
    )  # fmt: skip
    assert list(graph.markets.exchanges) == ["synthetic"]


def test_the_same_instrument_is_streamed_once_for_all_strategies(tmp_path: Path) -> None:
    graph = graph_of(
        tmp_path,
        BRIEF,
        "strategies.market_maker.instruments=[binance_btc_usdt]",
        "strategies.market_maker.quantity=0.1",
    )
    assert len(graph.markets.instruments) == len(set(graph.markets.instruments)) == 3


def test_a_store_without_what_a_strategy_wants_cannot_start(tmp_path: Path, store: Path) -> None:
    with pytest.raises(
        StartupError, match=r"strategies.mine wants tick of binance:BTC/USDT, and the data has none of it"
    ):
        graph_of(tmp_path, "data=files", f"data.path={store}", *only("Ticks", "binance_btc_usdt"))


def test_a_store_without_an_instrument_cannot_start_even_a_strategy_without_market_handlers(
    tmp_path: Path, store: Path
) -> None:
    with pytest.raises(StartupError, match=r"strategies.mine wants prices of binance:ETH/USDT"):
        graph_of(tmp_path, "data=files", f"data.path={store}", *only("Timers", "binance_eth_usdt"))


def test_a_store_with_a_part_of_it_is_a_warning(tmp_path: Path, store: Path) -> None:
    graph = graph_of(tmp_path, "data=files", f"data.path={store}", *only("TicksAndTrades", "binance_btc_usdt"))
    assert graph.markets.warnings == ["mine gets no tick of binance:BTC/USDT: the data has none"]


def test_a_store_with_all_of_it_is_replayed_from_its_first_event(tmp_path: Path, store: Path) -> None:
    graph = graph_of(tmp_path, "data=files", f"data.path={store}", *only("Trades", "binance_btc_usdt"))
    assert graph.markets.warnings == []
    assert graph.markets.clock.now_ns() == START_NS
    [plan] = graph.markets.plans
    assert plan.fills == (TradeEvent,)
    assert TickEvent not in plan.prices


def test_a_store_that_is_not_there_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        graph_of(tmp_path, "data=files", f"data.path={tmp_path / 'missing'}")
