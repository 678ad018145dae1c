"""One session in three processes that share a Redis: execution, strategies, recorder."""

from __future__ import annotations

import json
import re
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from quantai.events import (
    Event,
    FillEvent,
    GapEvent,
    MarketEvent,
    OrderDeniedEvent,
    OrderSubmittedEvent,
    PositionEvent,
    SubmitOrderCommand,
)
from quantai.events.persistence.reader import EventReader
from tests.e2e.process import Daemon, Ended, Running, has_traceback, summary_of
from tests.redis_server import RedisServer

BUSY = """
from quantai.strategy import BaseStrategy

class Busy(BaseStrategy):
    ticks = fills = 0

    def on_tick(self, tick):
        self.ticks += 1
        if self.ticks % 10 == 0:
            self.buy(tick.symbol, 0.01, tick.bid_price)
        if self.ticks % 20 == 0:
            order = self.sell if self.position(tick.symbol) > 0 else self.buy
            order(tick.symbol, 0.02)

    def on_fill(self, fill):
        self.fills += 1
        self.logger.info("fills: %d", self.fills)
"""
STRATEGY = "strategies.busy={_target_: strategies.busy.Busy, instruments: [synthetic_btc_usdt]}"


@dataclass
class Session:
    """The three daemons, each in a folder of its own, and the Redis between them."""

    folder: Path
    redis: RedisServer
    daemons: dict[str, Daemon] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)

    def start(self, role: str, *overrides: str) -> Running:
        """A daemon by the shipped configuration of its role."""
        daemon = self.daemons.setdefault(role, Daemon(self.folder / role))
        daemon.write("strategies/busy.py", BUSY)
        strategies = () if role == "recorder" else ("strategies=[]", STRATEGY)
        name = ("--config-name", f"distributed_{role}")
        self.running[role] = daemon.start(*name, f"bus.url={self.redis.url}", *strategies, *overrides)
        return self.running[role]

    def start_all(self, *execution: str) -> None:
        """The recorder first, so that it has everything."""
        recorder = self.start("recorder", "recorder.part_interval=1s")
        recorder.until_true(self.is_recording)
        self.start("execution", "simulation.report=false", *execution)
        self.start("strategies")

    def is_recording(self) -> bool:
        """Whether the recorder has its place on the stream of orders."""
        with self.redis.client() as client:
            return bool(client.exists("quantai:events"))

    def has_recorded_all(self) -> bool:
        """Whether nothing is on the bus that the recorder did not take."""
        with self.redis.client() as client:
            groups = [group for stream in ("market", "events") for group in client.xinfo_groups(f"quantai:{stream}")]
        return all(group["lag"] == 0 and group["pending"] == 0 for group in groups)

    def last(self, role: str, what: str) -> int:
        """The number in the last log line with `what` and a number; 0 where there is none."""
        found = [
            int(match[1].replace(",", ""))
            for file in self.daemons[role].folder.glob("runs/*/*/daemon.log")
            for line in file.read_text(encoding="utf-8").splitlines()
            if line.endswith("}") and (match := re.search(what, json.loads(line)["message"]))
        ]
        return found[-1] if found else 0

    def fills(self) -> int:
        """Those that the strategy has seen."""
        return self.last("strategies", r"fills: (\d+)")

    def stop(self, role: str) -> Ended:
        """Ask a daemon to stop, and wait."""
        self.running[role].send(signal.SIGTERM)
        return self.running[role].wait()

    def stop_all(self) -> None:
        """Those first that ask others; every one ends well."""
        for role in ("strategies", "execution", "recorder"):
            if role == "recorder":
                self.running[role].until_true(self.has_recorded_all)
            ended = self.stop(role)
            assert (role, ended.status) == (role, 0), ended.err
            assert not has_traceback(ended)

    def recorded(self) -> list[Event]:
        """Everything in the recorder's store."""
        reader = EventReader(self.folder / "recorder" / "store")
        return [event for batch in reader.read_batches(None, None) for event in batch]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with RedisServer() as redis:
        session = Session(tmp_path, redis)
        yield session
        for daemon in session.daemons.values():
            daemon.end()


def test_three_daemons_trade_as_one_and_the_recorder_has_all_of_it(session: Session) -> None:
    session.start_all()
    session.running["strategies"].until_true(lambda: session.fills() >= 20)
    session.stop_all()

    folder = session.daemons["execution"].run_folder()
    summary = summary_of(folder)
    orders, fills = pq.read_table(folder / "orders.parquet"), pq.read_table(folder / "fills.parquet")
    ids = orders["client_order_id"].to_pylist()
    assert len(ids) == len(set(ids)) == summary["orders"] + summary["denied"]
    assert summary["fills"] == fills.num_rows >= 20
    assert summary["open_orders"] == summary["order_counts"]["alarms"] == summary["bus"]["errors"] == 0

    events = session.recorded()
    asked = Counter(event.client_order_id for event in events if isinstance(event, SubmitOrderCommand))
    assert sorted(asked) == sorted(ids)
    submitted = [event for event in events if isinstance(event, OrderSubmittedEvent)]
    denied = [event for event in events if isinstance(event, OrderDeniedEvent)]
    assert (len(submitted), len(denied)) == (summary["orders"], summary["denied"])
    recorded_fills = [event for event in events if isinstance(event, FillEvent)]
    assert sorted(fill.trade_id for fill in recorded_fills) == sorted(fills["trade_id"].to_pylist())
    assert len([event for event in events if isinstance(event, PositionEvent)]) == len(recorded_fills)
    assert len([event for event in events if isinstance(event, MarketEvent)]) == summary["events"]
    assert not [event for event in events if isinstance(event, GapEvent)]
    by_cause = {event.reference for event in events if isinstance(event, MarketEvent)}
    assert {event.cause for event in submitted} <= by_cause


def test_when_redis_dies_nothing_else_does_and_the_gap_is_recorded(session: Session) -> None:
    session.start_all("bus.max_backlog=20", "schedule.status.every=100ms")
    execution, strategies = session.running["execution"], session.running["strategies"]
    strategies.until_true(lambda: session.fills() >= 3)
    session.redis.kill()
    execution.until("is lost")

    def events() -> int:
        return session.last("execution", r"status: \S+, ([\d,]+) events")

    before = events()
    execution.until_true(lambda: events() > before + 60)
    session.redis.start()
    gaps = session.folder / "recorder" / "store" / "type=system_gap"
    session.running["recorder"].until_true(lambda: any(gaps.rglob("[!.]*.parquet")))
    fills = session.fills()
    strategies.until_true(lambda: session.fills() >= fills + 3)
    session.stop_all()
    lost = [event for event in session.recorded() if isinstance(event, GapEvent)]
    assert any(event.component == "redis bus" and event.symbol == "BTC/USDT" and event.lost > 0 for event in lost)
    ids = pq.read_table(session.daemons["execution"].run_folder() / "orders.parquet")["client_order_id"].to_pylist()
    assert len(ids) == len(set(ids))
