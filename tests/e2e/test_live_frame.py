"""The modes that run on the wall clock, with the venue inside the process, as systemd runs them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quantai.events import StartedEvent, StoppedEvent, TickEvent
from quantai.events.persistence.reader import EventReader
from tests.e2e.process import LIMIT_S, Daemon, has_traceback, summary_of

MARKET = ("instruments=[synthetic]", "portfolio=synthetic")
EMA = ("strategies=[ema_cross]", "strategies.ema_cross.instruments=[synthetic_btc_usdt]")
VENUE = """
from quantai.exchanges.synthetic import SyntheticExchange

class House(SyntheticExchange):
    greeting: str
"""
EAGER = """
from quantai.strategy import BaseStrategy

class Eager(BaseStrategy):
    bought = False

    def on_tick(self, tick):
        if not self.bought:
            self.bought = True
            self.buy(tick.symbol, 0.01)

    def on_fill(self, fill):
        self.logger.warning("filled at last")
"""


class Systemd:
    """The manager's end of the notify socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(LIMIT_S)

    def next(self) -> list[str]:
        """The lines of the next message."""
        return self._socket.recv(65_536).decode().split("\n")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    manager = Systemd(str(tmp_path / "notify"))
    yield manager
    manager.close()


def test_the_recorder_tells_systemd_and_leaves_a_recording_that_replays(daemon: Daemon, systemd: Systemd) -> None:
    running = daemon.start(
        "--config-name", "recorder", "recorder.flush_interval=100ms", "schedule=none", NOTIFY_SOCKET=systemd.address
    )
    assert systemd.next() == ["READY=1", "STATUS=live: synthetic"]
    store = daemon.folder / "store"
    running.until_true(lambda: len({file.parts[-3] for file in store.glob("type=trade/**/[!.]*.parquet")}) == 2)
    running.send(signal.SIGTERM)
    assert systemd.next()[0] == "STOPPING=1"
    ended = running.wait()
    assert ended.status == 0, ended.err
    assert not has_traceback(ended)
    recorded = [event for batch in EventReader(store).read_batches(None, None) for event in batch]
    summary = summary_of(daemon.run_folder())
    assert summary["mode"] == "live_recording"
    first, *market, last = recorded
    assert isinstance(first, StartedEvent), "marks when recording began"
    assert isinstance(last, StoppedEvent), "and when it ended"
    assert len(market) == summary["events"] > 0
    assert any(isinstance(event, TickEvent) for event in recorded)
    listed = subprocess.run(
        [sys.executable, "-m", "quantai.cli", "data", "ls"],
        cwd=daemon.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "BTC/USDT" in listed.stdout
    replayed = daemon.run(
        *MARKET, *EMA, "exchanges=[synthetic]", "data=files", "data.path=store", "strategies.ema_cross.bar_interval=1s"
    )
    assert replayed.status == 0, replayed.err
    assert 0 < summary_of(daemon.run_folders()[-1])["events"] <= len(recorded)


def test_paper_trading_fills_on_a_live_market(daemon: Daemon, systemd: Systemd) -> None:
    daemon.write("strategies/eager.py", EAGER)
    running = daemon.start(
        *MARKET, "mode=paper", "exchanges=[synthetic]", "strategies=[]",
        "strategies.eager={_target_: strategies.eager.Eager, instruments: [synthetic_btc_usdt]}",
        NOTIFY_SOCKET=systemd.address,
    )  # fmt: skip
    assert systemd.next()[0] == "READY=1"
    running.until("filled at last")
    running.send(signal.SIGTERM)
    assert systemd.next()[0] == "STOPPING=1"
    ended = running.wait()
    assert ended.status == 0, ended.err
    summary = summary_of(daemon.run_folder())
    assert summary["mode"] == "paper"
    assert summary["strategies"]["eager"]["fills"] >= 1
    assert (daemon.run_folder() / "report.html").exists()


def test_a_venue_may_be_a_class_of_ones_own(daemon: Daemon, systemd: Systemd) -> None:
    daemon.write("conf/exchanges/house.yaml", "synthetic:\n  _target_: strategies.house.House\n  greeting: hello\n"
                 "  assets: {BTC: {start_price: 100}}\n")  # fmt: skip
    daemon.write("strategies/house.py", VENUE)
    running = daemon.start(
        *MARKET, *EMA, "mode=paper", "exchanges=[house]", "--config-dir", "conf", NOTIFY_SOCKET=systemd.address
    )
    assert systemd.next()[0] == "READY=1"
    running.send(signal.SIGTERM)
    assert running.wait().status == 0
