"""Every way to end has its exit status and one screen of text; none a traceback."""

from __future__ import annotations

import pytest

from tests.e2e.process import Daemon, has_traceback, summary_of

BROKEN = """
from quantai.strategy import BaseStrategy

class Broken(BaseStrategy):
    def on_tick(self, tick):
        raise RuntimeError("boom")

class BrokenStart(BaseStrategy):
    def on_start(self):
        raise RuntimeError("boom")

    def on_tick(self, tick):
        pass

class OrderAtStart(BaseStrategy):
    def on_start(self):
        self.buy("XRP/USDT", 1)

    def on_tick(self, tick):
        pass
"""
VENUES = """
from quantai.exchanges.synthetic import SyntheticExchange, SyntheticMarketData

class BrokenStream(SyntheticMarketData):
    async def run(self):
        raise ConnectionError("gone")

class BrokenVenue(SyntheticExchange):
    def get_market_data_connector(self):
        return BrokenStream(self._context, {"BTC": 65000.0})

class NoVenue(SyntheticExchange):
    def get_market_data_connector(self):
        raise ZeroDivisionError("nothing here")
"""
PAPER = (
    "mode=paper", "exchanges=[synthetic]", "instruments=[synthetic]", "portfolio=synthetic", "strategies=[ema_cross]",
    "strategies.ema_cross.instruments=[synthetic_btc_usdt]", "exchanges.synthetic.type=null",
)  # fmt: skip


def broken(name: str) -> str:
    return f"strategies.mine={{_target_: strategies.broken.{name}, instruments: [binance_btc_usdt]}}"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["strategies.ema_cross.fst=5"], "did you mean 'fast'?"),
        (["mode=live_trading"], "real orders need a durable order journal"),
        (["strategies.ema_cross.fast=5,10"], "several values for a key need a sweep: quantai-daemon -m"),
        (["hydra.run.dir=${nowhere}"], "nowhere"),
        (["--no-such-option"], "unrecognized arguments: --no-such-option"),
        (["--config-dir", "nothing"], "there is no folder nothing"),
    ],
)
def test_a_bad_configuration_ends_with_2_and_leaves_nothing(daemon: Daemon, arguments: list[str], told: str) -> None:
    ended = daemon.run(*arguments, "data.duration=1s")
    assert ended.status == 2
    assert told in ended.err
    assert ended.out == ""
    assert not has_traceback(ended)
    assert list(daemon.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["data=files", "data.path=missing"], "there is no store at missing"),
        ([broken("BrokenStart"), "data.duration=1s"], "strategy mine did not start: RuntimeError: boom"),
        ([broken("OrderAtStart"), "data.duration=1s"], "strategy mine did not start: mine may not trade XRP/USDT"),
        (
            [*PAPER, "exchanges.synthetic._target_=strategies.venues.NoVenue"],
            "the daemon cannot be built: ZeroDivisionError: nothing here",
        ),
    ],
)
def test_what_cannot_start_ends_with_3_and_says_why(daemon: Daemon, arguments: list[str], told: str) -> None:
    daemon.write("strategies/broken.py", BROKEN)
    daemon.write("strategies/venues.py", VENUES)
    ended = daemon.run(*arguments)
    assert ended.status == 3
    assert ended.err.splitlines()[-1].startswith(told)
    assert not has_traceback(ended)
    summary = summary_of(daemon.run_folder())
    assert summary["status"] == "failed"
    assert summary["exit_status"] == 3
    assert summary["error"].startswith(told)


def test_a_run_folder_that_cannot_be_made_ends_with_3(daemon: Daemon) -> None:
    daemon.write("taken", "a file")
    ended = daemon.run("hydra.run.dir=taken/run", "data.duration=1s")
    assert ended.status == 3
    assert "the run folder cannot be made" in ended.err
    assert "taken/run" in ended.err
    assert not has_traceback(ended)


def test_a_strategy_stopped_by_its_errors_ends_with_4_and_the_others_trade_on(daemon: Daemon) -> None:
    daemon.write("strategies/broken.py", BROKEN)
    ended = daemon.run(broken("Broken"), daemon.busy(), "data.duration=30s")
    assert ended.status == 4
    assert "strategy mine was stopped after 10 errors" in ended.out
    assert not has_traceback(ended)
    summary = summary_of(daemon.run_folder())
    assert summary["status"] == "failed"
    assert summary["strategies"]["mine"]["errors"] == 10
    assert summary["strategies"]["busy"]["fills"] > 0
    assert (daemon.run_folder() / "report.html").exists()


def test_a_feed_that_fails_ends_with_4(daemon: Daemon) -> None:
    daemon.write("strategies/venues.py", VENUES)
    ended = daemon.run(*PAPER, "exchanges.synthetic._target_=strategies.venues.BrokenVenue")
    assert ended.status == 4
    assert "market data: ConnectionError: gone" in ended.out
    assert not has_traceback(ended)
    assert summary_of(daemon.run_folder())["error"] == "market data: ConnectionError: gone"
