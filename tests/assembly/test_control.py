"""Which daemons have a control socket, and what it is made of."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from quantai.assembly import assemble
from quantai.config import load_config
from quantai.core.enums import TradingState
from quantai.oms.reconciliation import MismatchKind, ReportLine
from quantai.ops.control.client import ask
from quantai.ops.control.requests import StatusRequest, TradingStateRequest
from quantai.ops.control.views import StateChange, Status

PAPER = (
    "mode=paper", "exchanges=synthetic", "instruments=synthetic", "strategies=synthetic_ema_cross",
    "portfolio=synthetic", "store=memory",
)  # fmt: skip
LINE = ReportLine(1_767_261_600_000_000_000, "synthetic", MismatchKind.BALANCE, "USDT", "5", "6", "adopted")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def test_a_daemon_that_trades_answers_at_the_configured_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = assemble(load_config([*PAPER, "ops.control=my/own.sock"]).config, tmp_path)
    control = graph.control
    assert control is not None
    assert graph.trading is not None
    monkeypatch.setattr(graph.trading.reconciler, "report", lambda: [LINE])
    await control.start()
    halt = TradingStateRequest(state=TradingState.HALTED, strategy="ema_cross")
    change = await asyncio.to_thread(ask, "my/own.sock", halt, StateChange)
    status = await asyncio.to_thread(ask, "my/own.sock", StatusRequest(), Status)
    await control.stop()
    assert change.states[0].strategy == "ema_cross"
    assert (status.mode, status.execution, status.journal) == ("paper", "simulated", "store=memory")
    assert status.reconciliation is not None
    assert status.reconciliation.mismatches == (
        "2026-01-01T10:00:00Z synthetic balance USDT: here 5, there 6; adopted",
    )
    assert not Path("my/own.sock").exists()
    await graph.markets.bus.close()


@pytest.mark.parametrize("overrides", [(*PAPER, "ops.control=null"), ("mode=simulation",)])
def test_without_a_place_and_in_a_replay_there_is_none(overrides: tuple[str, ...], tmp_path: Path) -> None:
    assert assemble(load_config(overrides).config, tmp_path).control is None


@pytest.mark.parametrize(
    ("store", "name"),
    [
        (["store=sqlite", "store.path=my/journal.db"], "my/journal.db"),
        (["store=postgresql", "store.url=postgresql://db/q"], "postgresql://db/q"),
    ],
)
async def test_the_journal_is_named_without_a_password(
    store: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRESQL_PASSWORD", "s3cr3t")
    graph = assemble(load_config([*PAPER[:-1], *store]).config, tmp_path)
    control = graph.control
    assert control is not None
    await control.start()
    assert (await asyncio.to_thread(ask, "state/control.sock", StatusRequest(), Status)).journal == name
    await control.stop()
    await graph.markets.bus.close()
