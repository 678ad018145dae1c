"""The first signal stops in order, the second now, the third kills."""

from __future__ import annotations

import signal

import pyarrow.parquet as pq
import pytest

from tests.e2e.process import Daemon, has_traceback, summary_of

LONG = ("data.duration=30d", "schedule.status.every=10s")
HANGING = """
import asyncio
from quantai.strategy import BaseStrategy

class HangsAtStart(BaseStrategy):
    async def on_start(self):
        self.logger.warning("hanging")
        await asyncio.Event().wait()

    def on_tick(self, tick):
        pass

class Hangs(BaseStrategy):
    async def on_tick(self, tick):
        self.logger.warning("hanging")
        await asyncio.Event().wait()

class HangsForGood(BaseStrategy):
    async def on_tick(self, tick):
        self.logger.warning("hanging")
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass
"""


def hanging(daemon: Daemon, name: str) -> str:
    daemon.write("strategies/hanging.py", HANGING)
    return f"strategies.mine={{_target_: strategies.hanging.{name}, instruments: [binance_btc_usdt]}}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_stops_in_order_and_leaves_everything(daemon: Daemon, number: signal.Signals) -> None:
    running = daemon.start(*LONG, "logging.level=DEBUG")
    running.until("status: ")
    running.send(number)
    ended = running.wait()
    assert ended.status == 0
    assert not has_traceback(ended)
    folder = daemon.run_folder()
    summary = summary_of(folder)
    assert summary["status"] == "done"
    assert summary["interrupted"]
    assert summary["open_orders"] == 0
    assert (folder / "report.html").exists()
    assert pq.read_metadata(folder / "fills.parquet").num_rows == summary["fills"]
    assert pq.read_metadata(folder / "orders.parquet").num_rows == summary["orders"] + summary["denied"]
    assert pq.read_metadata(folder / "equity.parquet").num_rows > 0
    log = (folder / "daemon.log").read_text(encoding="utf-8")
    places = [
        log.index(f'"stopped {stage}"') for stage in ("market data", "strategy ema_cross", "open orders", "event bus")
    ]
    assert places == sorted(places)


def test_a_signal_while_starting_stops_what_was_started(daemon: Daemon) -> None:
    running = daemon.start("data.duration=1s", hanging(daemon, "HangsAtStart"))
    running.until("hanging")
    running.send(signal.SIGTERM)
    ended = running.wait()
    assert ended.status == 0
    assert not has_traceback(ended)
    assert summary_of(daemon.run_folder())["interrupted"]


def test_a_handler_that_hangs_is_given_up_after_a_time(daemon: Daemon) -> None:
    running = daemon.start("data.duration=1s", hanging(daemon, "Hangs"), "ops.stop_timeout=200ms")
    running.until("hanging")
    running.send(signal.SIGTERM)
    ended = running.wait()
    assert ended.status == 4
    assert "a handler kept market data from stopping within 0.2 s (ops.stop_timeout)" in ended.out
    assert not has_traceback(ended)


def test_the_second_signal_stops_now(daemon: Daemon) -> None:
    running = daemon.start("data.duration=1s", hanging(daemon, "Hangs"), "ops.stop_timeout=1d")
    running.until("hanging")
    running.send(signal.SIGTERM)
    running.until("SIGTERM: stopping")
    running.send(signal.SIGINT)
    ended = running.wait()
    assert ended.status == 4
    assert not has_traceback(ended)
    assert summary_of(daemon.run_folder())["error"] == "stopped at once by a second signal"


def test_the_third_signal_kills_what_cannot_be_cancelled(daemon: Daemon) -> None:
    running = daemon.start("data.duration=1s", hanging(daemon, "HangsForGood"), "ops.stop_timeout=1d")
    running.until("hanging")
    running.send(signal.SIGTERM)
    running.until("SIGTERM: stopping")
    running.send(signal.SIGTERM)
    running.until("SIGTERM again: stopping now")
    running.send(signal.SIGTERM)
    assert running.wait().status == -signal.SIGTERM
