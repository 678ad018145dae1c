"""A recording made by a live daemon, replayed by another: at full speed and in its own time."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from quantai.events import MarketEvent
from quantai.events.persistence import EventReader, list_parts
from quantai.events.persistence.schema import EVENT_TYPES
from tests.e2e.process import Daemon, Ended, summary_of

ENOUGH = 400  # two seconds or so
BTC = "synthetic_btc_usdt"
# Wants everything that the venue sends of one instrument, and trades.
EVERYTHING = """
from quantai.strategy import BaseStrategy

class Everything(BaseStrategy):
    ticks = 0

    def on_tick(self, tick):
        self.ticks += 1
        if self.ticks % 10 == 1:
            self.buy(tick.symbol, 0.01, tick.bid_price)
        if self.ticks % 25 == 1:
            self.buy(tick.symbol, 0.02)

    def on_trade(self, trade):
        pass

    def on_book(self, book):
        pass

    def on_book_delta(self, delta):
        pass
"""
REPLAY = (
    "mode=simulation", "data=files", "data.path=store", "exchanges=[synthetic]", "instruments=[synthetic]",
    "portfolio=synthetic", "strategies=[]", "simulation.report=false",
    f"strategies.everything={{_target_: strategies.everything.Everything, instruments: [{BTC}]}}",
)  # fmt: skip


@pytest.fixture
def recorded(daemon: Daemon) -> Daemon:
    """A daemon's folder with a recording of a few seconds in `store`, and the strategy that replays it."""
    running = daemon.start("--config-name", "recorder", "schedule.status.every=200ms", "recorder.flush_interval=100ms")
    running.until_true(lambda: events_so_far(daemon) >= ENOUGH)
    running.send(signal.SIGTERM)
    ended = running.wait()
    assert ended.status == 0, ended.err
    daemon.write("strategies/everything.py", EVERYTHING)
    return daemon


def events_so_far(daemon: Daemon) -> int:
    """What the status lines in the log of the only run say."""
    logs = [file.read_text(encoding="utf-8") for file in daemon.folder.glob("runs/*/*/daemon.log")]
    return max(
        (int(count.replace(",", "")) for log in logs for count in re.findall(r"([\d,]+) events", log)), default=0
    )


def replayed(daemon: Daemon, *overrides: str) -> tuple[Path, Ended]:
    """The folder of one more run over the recording."""
    before = set(daemon.run_folders())
    ended = daemon.run(*REPLAY, *overrides)
    assert ended.status == 0, ended.err
    [folder] = set(daemon.run_folders()) - before
    return folder, ended


def stored(daemon: Daemon, symbols: str | None = None) -> int:
    """How many market events the recording has, of all symbols or one."""
    types = [name for name, cls in EVENT_TYPES.items() if issubclass(cls, MarketEvent)]
    there = {part.stream.type for part in list_parts(daemon.folder / "store")}
    batches = EventReader(daemon.folder / "store").read_batches(types=there.intersection(types), symbols=symbols)
    return sum(map(len, batches))


def test_a_recording_replays_whole_and_the_same_at_any_speed(recorded: Daemon) -> None:
    [recording] = recorded.run_folders()
    assert stored(recorded) == summary_of(recording)["events"] >= ENOUGH
    fast, _ = replayed(recorded)
    paced, ended = replayed(recorded, "simulation.speed=50")
    assert summary_of(fast)["events"] == stored(recorded, symbols="BTC/USDT") > 0
    assert summary_of(fast)["fills"] > 0
    for key in ("events", "orders", "fills", "decision_hash"):
        assert summary_of(paced)[key] == summary_of(fast)[key], key
    assert f"replayed {summary_of(paced)['events']} events at 50x" in ended.err


def test_a_signal_pauses_a_replay_and_another_resumes_it(daemon: Daemon) -> None:
    running = daemon.start("simulation.speed=1", "simulation.report=false", "schedule.status.every=100ms")
    running.until_true(lambda: events_so_far(daemon) > 0)
    running.send(signal.SIGUSR1)
    running.until("the replay is paused at 2026-01-05T09:00:")
    running.send(signal.SIGUSR1)
    running.until("the replay is resumed at 2026-01-05T09:00:")
    running.send(signal.SIGTERM)
    assert running.wait().status == 0
