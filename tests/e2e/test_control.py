"""A daemon in a process of its own, and the commands that look into it and stop it, alive and dead."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantai.core.errors import StartupError
from quantai.ops.control.client import ask
from quantai.ops.control.requests import StatusRequest
from quantai.ops.control.views import Status
from tests.e2e.process import DAEMON, LIMIT_S, Daemon, Ended, Running

QUANTAI = DAEMON.with_name("quantai")
RESTING = """
from quantai.strategy import BaseStrategy

class Resting(BaseStrategy):
    ticks = 0

    def on_tick(self, tick):
        self.ticks += 1
        if self.ticks == 5:
            self.buy(tick.symbol, 0.02)
        if self.ticks % 10 == 0 and len(self.open_orders) < 3:
            self.buy(tick.symbol, 0.01, round(tick.bid_price * 0.97, 2))
"""
CONFIG = (
    "mode=paper", "exchanges=[synthetic]", "instruments=[synthetic]", "portfolio=synthetic", "strategies=[]",
    "strategies.resting={_target_: strategies.resting.Resting, instruments: [synthetic_btc_usdt]}", "store=sqlite",
)  # fmt: skip


@pytest.fixture
def quantai(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Runs commands of `quantai` in the daemon's folder."""
    daemon.write("strategies/resting.py", RESTING)
    monkeypatch.chdir(daemon.folder)

    def run(*arguments: str) -> Ended:
        done = subprocess.run(
            [str(QUANTAI), *arguments], cwd=daemon.folder, env={**os.environ, "COLUMNS": "80"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


def status() -> Status | None:
    """How the daemon is, None while there is none."""
    try:
        return ask("state/control.sock", StatusRequest(), Status)
    except StartupError:
        return None


def started(daemon: Daemon) -> Running:
    """A daemon that has a position and three resting orders."""

    def trades() -> bool:
        now = status()
        return now is not None and bool(now.positions) and now.open_orders >= 3

    running = daemon.start(*CONFIG)
    running.until_true(trades)
    return running


def parsed(ended: Ended) -> Any:
    assert ended.status == 0, ended
    return json.loads(ended.out)


def test_a_running_daemon_is_looked_into_halted_flattened_and_resumed(
    daemon: Daemon, quantai: Callable[..., Ended]
) -> None:
    running = started(daemon)
    assert stat.S_IMODE(Path("state/control.sock").stat().st_mode) == 0o600
    shown = quantai("orders")
    assert shown.status == 0
    assert "told by the daemon" in shown.out
    [order] = parsed(quantai("orders", "--json", "--limit", "1"))["orders"]
    kinds = [entry["kind"] for entry in parsed(quantai("explain", order["client_order_id"], "--json"))["entries"]]
    assert kinds.index("order.submitted") < kinds.index("order.accepted")

    assert "all is HALTED" in quantai("halt", "--reason", "drill").out
    running.until_true(lambda: (now := status()) is not None and not now.open_orders)
    flattened = quantai("flatten", "--yes")
    assert flattened.status == 0, flattened
    assert flattened.out.splitlines()[-1] == "flat"
    now = status()
    assert now is not None
    assert (now.positions, now.open_orders) == ((), 0)

    assert quantai("resume").out.strip() == "ACTIVE"
    running.until_true(lambda: (now := status()) is not None and now.open_orders >= 3)
    running.send(signal.SIGTERM)
    assert running.wait().status == 0
    assert not Path("state/control.sock").exists()

    shown = quantai("orders", "--all")
    assert shown.status == 0
    assert "no daemon is running" in shown.out
    assert "read from the journal, state/journal.db" in shown.out
    assert order["client_order_id"][-6:] in shown.out
    story = quantai("explain", order["client_order_id"])
    assert story.status == 0
    assert "CANCELED" in story.out
    assert max(map(len, story.out.splitlines())) < 400


def test_a_killed_daemon_is_told_from_its_journal_and_a_halt_outlives_it(
    daemon: Daemon, quantai: Callable[..., Ended]
) -> None:
    running = started(daemon)
    before = {order["client_order_id"] for order in parsed(quantai("orders", "--json"))["orders"]}
    assert quantai("halt", "--reason", "drill").status == 0
    running.send_group(signal.SIGKILL)
    running.wait()
    assert Path("state/control.sock").exists()

    told = parsed(quantai("orders", "--all", "--json"))
    assert told["source"] == "state/journal.db"
    assert before <= {order["client_order_id"] for order in told["orders"]}
    left = quantai("status")
    assert left.status == 3
    assert "all is HALTED" in left.out
    refused = quantai("flatten", "--yes")
    assert refused.status == 3
    assert "nothing was done" in refused.err
    assert "all is HALTED" in refused.out

    again = daemon.start(*CONFIG)
    again.until_true(lambda: status() is not None)
    now = status()
    assert now is not None
    assert [state.state for state in now.states] == ["HALTED"]
    again.send(signal.SIGTERM)
    assert again.wait().status == 0


def test_a_second_daemon_at_the_same_socket_does_not_start(daemon: Daemon, quantai: Callable[..., Ended]) -> None:
    started(daemon)
    ended = daemon.run(*CONFIG, "store.path=state/other.db")
    assert ended.status == 3
    assert "another daemon listens at state/control.sock" in ended.err
    assert status() is not None
