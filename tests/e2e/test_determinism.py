"""The same configuration and seed give the same decisions and the same bytes, whatever the process looks like."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.process import Daemon, summary_of, tables_of

MARKET = "data.duration=2m"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that others are compared with."""
    return ran(Daemon(tmp_path_factory.mktemp("first")), PYTHONHASHSEED="1")


def ran(daemon: Daemon, *arguments: str, **environment: str) -> Path:
    ended = daemon.run(MARKET, daemon.busy(), *arguments, **environment)
    assert ended.status == 0, ended.err
    return daemon.run_folder()


def test_the_run_compared_with_trades_much(first: Path) -> None:
    assert summary_of(first)["fills"] > 50


def test_a_second_run_is_the_same_to_the_byte(first: Path, daemon: Daemon) -> None:
    second = ran(daemon, PYTHONHASHSEED="2", TZ="Asia/Tokyo", LC_ALL="C")
    assert summary_of(second)["decision_hash"] == summary_of(first)["decision_hash"]
    assert tables_of(second) == tables_of(first)
    assert (second / "report.html").read_bytes() == (first / "report.html").read_bytes()
    timings = {"wall_seconds", "events_per_second"}
    assert {**summary_of(second), **dict.fromkeys(timings)} == {**summary_of(first), **dict.fromkeys(timings)}


def test_another_seed_decides_otherwise(first: Path, daemon: Daemon) -> None:
    other = ran(daemon, "simulation.seed=2")
    assert summary_of(other)["decision_hash"] != summary_of(first)["decision_hash"]
    assert tables_of(other)["fills"] != tables_of(first)["fills"]


def test_neither_the_recorder_nor_the_event_loop_nor_logs_change_decisions(first: Path, daemon: Daemon) -> None:
    other = ran(daemon, "recorder=everything", "ops.uvloop=false", "logging=debug", "schedule=none")
    assert summary_of(other)["decision_hash"] == summary_of(first)["decision_hash"]
    assert tables_of(other) == tables_of(first)


def test_what_was_recorded_replays_to_the_same_decisions(first: Path, daemon: Daemon) -> None:
    recorded = ran(daemon, "recorder=market", "simulation.report=false")
    replayed = daemon.run("data=files", "data.path=store", "simulation.report=false", daemon.busy())
    assert replayed.status == 0, replayed.err
    [folder] = set(daemon.run_folders()) - {recorded}
    assert summary_of(folder)["decision_hash"] == summary_of(first)["decision_hash"]
    assert summary_of(folder)["fills"] == summary_of(first)["fills"]
