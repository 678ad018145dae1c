"""A user's own folder over the shipped one, and classes from anywhere."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.parquet as pq

from tests.e2e.process import Daemon, summary_of

STRATEGY = """
from quantai.strategy import BaseStrategy

class BuyOnce(BaseStrategy):
    quantity: float = 0.01
    done = False

    def on_tick(self, tick):
        if not self.done:
            self.done = True
            self.buy(tick.symbol, self.quantity)
"""
NO_BUYING = """
from typing import ClassVar

from quantai.core.enums import Side
from quantai.oms.risk import RiskCheck

class NoBuying(RiskCheck):
    code: ClassVar[str] = "NO_BUYING"

    def evaluate(self, order, view):
        return "not today" if order.side is Side.BUY else None
"""
MINE = """
mine:
  _target_: {target}
  instruments: [binance_btc_usdt]
"""


def test_a_folder_of_ones_own_comes_first_with_strategies_beside_it(tmp_path: Path) -> None:
    elsewhere, home = Daemon(tmp_path / "else where"), Daemon(tmp_path / "my project")
    elsewhere.folder.mkdir()
    home.write("strategies/mine.py", STRATEGY)
    home.write("conf/strategies/mine.yaml", MINE.format(target="strategies.mine.BuyOnce"))
    home.write("conf/data/brief.yaml", "defaults: [synthetic, _self_]\nduration: 5s\n")
    home.write("conf/my.yaml", "defaults: [config, override data: brief, override strategies: [mine], _self_]\n")
    ended = elsewhere.run("--config-dir", "../my project/conf", "--config-name", "my", "strategies.mine.quantity=0.02")
    assert ended.status == 0, ended.err
    assert [path.name for path in elsewhere.folder.iterdir()] == ["runs"]
    summary = summary_of(elsewhere.run_folder())
    assert list(summary["strategies"]) == ["mine"]
    [order] = pq.read_table(elsewhere.run_folder() / "orders.parquet").to_pylist()
    assert (order["strategy"], str(order["quantity"])[:4]) == ("mine", "0.02")


def test_a_file_of_the_same_name_replaces_the_shipped_one(daemon: Daemon) -> None:
    daemon.write("conf/portfolio/demo.yaml", "base_currency: USDT\nbalances: {binance: {USDT: 7}}\n")
    ended = daemon.run("--config-dir", "conf", "strategies=ema_cross", "data.duration=1s")
    assert ended.status == 0, ended.err
    assert summary_of(daemon.run_folder())["balances"] == {"binance:USDT": "7"}


def test_classes_may_come_from_any_module(daemon: Daemon) -> None:
    daemon.write("library/acme/trading.py", STRATEGY)
    daemon.write("library/acme/limits.py", NO_BUYING)
    ended = daemon.run(
        "strategies=[]",
        "strategies.mine={_target_: acme.trading.BuyOnce, instruments: [binance_btc_usdt]}",
        "risk.checks.no_buying={_target_: acme.limits.NoBuying}",
        "data.duration=5s",
        PYTHONPATH=os.pathsep.join([str(daemon.folder / "library"), os.environ.get("PYTHONPATH", "")]),
    )
    assert ended.status == 0, ended.err
    [order] = pq.read_table(daemon.run_folder() / "orders.parquet").to_pylist()
    assert order["state"] == "DENIED"
    assert order["reason"] == "NO_BUYING: not today (no_buying)"


def test_a_sweep_in_parallel_finds_them_too(tmp_path: Path) -> None:
    elsewhere, home = Daemon(tmp_path / "elsewhere"), Daemon(tmp_path / "home")
    elsewhere.folder.mkdir()
    home.write("strategies/mine.py", STRATEGY)
    home.write("conf/strategies/mine.yaml", MINE.format(target="strategies.mine.BuyOnce"))
    ended = elsewhere.run(
        "--config-dir", str(home.folder / "conf"), "-m", "hydra/launcher=joblib", "strategies=mine", "data.duration=5s",
        "strategies.mine.quantity=0.01,0.02",
    )  # fmt: skip
    assert ended.status == 0, ended.err
    assert [summary_of(elsewhere.sweep_folder() / number)["orders"] for number in "01"] == [1, 1]
