"""What a start makes of the journal of an earlier run."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from quantai.assembly.graph import Graph, Trading
from quantai.assembly.trading_stages import trading_stages
from quantai.core.account import AccountChange, BalanceRecord, PositionRecord
from quantai.core.errors import StartupError, UnknownInstrument
from quantai.events import StartedEvent
from tests.assembly.world import BRIEF, PAPER, graph_of

D = Decimal


def built(folder: Path, *overrides: str) -> tuple[Graph, Trading]:
    graph = graph_of(folder / "run", *PAPER, "store=sqlite", f"store.path={folder / 'journal.db'}", *overrides)
    assert graph.trading is not None
    return graph, graph.trading


async def run(graph: Graph, trading: Trading, account: AccountChange | None = None) -> None:
    """Start the journal, keep `account`, and stop."""
    stage = trading_stages(graph, trading)[0]
    try:
        await stage.start()
        if account is not None:
            trading.journal.book(StartedEvent("test", 1, 1), account)
    finally:
        await stage.stop()


async def test_a_next_run_goes_on_with_what_was_held_and_with_what_is_configured_anew(tmp_path: Path) -> None:
    symbol = "BTC/USDT"
    position = PositionRecord("ema_cross", "synthetic", symbol, D(2), D(200), D(3), D(400))
    held = AccountChange((position,), (BalanceRecord("synthetic", "USDT", D(7)),))
    await run(*built(tmp_path), held)
    graph, trading = built(tmp_path, "+portfolio.balances.synthetic.ETH=3")
    await run(graph, trading)
    assert trading.portfolio.balances() == {("synthetic", "USDT"): D(7), ("synthetic", "ETH"): D(3)}
    [(exchange, _)] = trading.simulated
    assert exchange._markets[symbol].position == 2
    again = built(tmp_path, "portfolio.balances.synthetic.USDT=9")
    await run(*again)
    assert again[1].portfolio.balances() == trading.portfolio.balances()
    with sqlite3.connect(tmp_path / "journal.db") as database:
        (starts,) = database.execute("select count(*) from account_events where body like '%portfolio%'").fetchone()
    database.close()
    assert starts == 2


async def test_a_position_in_what_is_not_configured_stops_the_start(tmp_path: Path) -> None:
    position = PositionRecord("alpha", "synthetic", "XRP/USDT", D(2), D(200), D(3), D(400))
    await run(*built(tmp_path), AccountChange((position,)))
    with pytest.raises(UnknownInstrument, match="alpha has a position of 2 in synthetic:XRP/USDT"):
        await run(*built(tmp_path))


async def test_simulated_and_real_orders_do_not_share_a_journal(tmp_path: Path) -> None:
    await run(*built(tmp_path))
    await run(*built(tmp_path))
    with sqlite3.connect(tmp_path / "journal.db") as database:
        database.execute("update settings set value = 'venues' where key = 'execution' and value = 'simulated'")
    database.close()
    with pytest.raises(StartupError, match="the books of mode.execution=venues, this is simulated"):
        await run(*built(tmp_path))


async def test_a_replay_keeps_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    graph = graph_of(tmp_path, BRIEF, "store=sqlite", f"store.path={path}")
    assert graph.trading is not None
    with pytest.raises(StartupError, match="choose store=memory"):
        await run(graph, graph.trading)
    assert not path.exists()


def test_no_two_runs_on_the_wall_clock_give_the_same_ids(tmp_path: Path) -> None:
    prefixes = set()
    for name in ("one", "two"):
        _, trading = built(tmp_path / name)
        prefixes |= {exchange._reporter.prefix for exchange, _ in trading.simulated}
    assert len(prefixes) == 2
    replay = graph_of(tmp_path, BRIEF).trading
    assert replay is not None
    assert {exchange._reporter.prefix for exchange, _ in replay.simulated} == {"binance", "binance_usdm", "okx"}
