"""What a run leaves behind, and what it must not."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.e2e.process import TABLES, Daemon, Ended, summary_of

SECRETS = {"BINANCE_API_KEY": "env-0f3a9c-secret", "BINANCE_API_SECRET": "env-77b1e2-secret"}
CREDENTIAL = "credential-5d2c8e-secret"
PROMISED = {
    "mode", "config_hash", "decision_hash", "events", "orders", "fills", "fees", "starting_equity", "ending_equity",
    "pnl", "max_drawdown", "wall_seconds", "events_per_second", "strategies",
}  # fmt: skip
PROMISED_PER_STRATEGY = {"orders", "fills", "fees", "pnl", "max_drawdown"}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Daemon:
    folder = tmp_path_factory.mktemp("run")
    credentials = tmp_path_factory.mktemp("credentials")
    (credentials / "okx_key").write_text(CREDENTIAL + "\n", encoding="utf-8")
    return Daemon(folder, {**SECRETS, "CREDENTIALS_DIRECTORY": str(credentials)})


@pytest.fixture(scope="module")
def ended(daemon: Daemon) -> Ended:
    return daemon.run(
        "data.duration=1m",
        "logging.level=DEBUG",
        "exchanges.okx.api_key=${credential:okx_key}",
        "recorder=everything",
        daemon.busy(),
    )


@pytest.fixture(scope="module")
def folder(daemon: Daemon, ended: Ended) -> Path:
    assert ended.status == 0, ended.err
    return daemon.run_folder()


def test_it_is_named_by_date_and_time_and_nothing_else_is_left(daemon: Daemon, folder: Path) -> None:
    assert re.fullmatch(r"runs/\d{4}-\d\d-\d\d/\d\d-\d\d-\d\d-\d{6}", str(folder.relative_to(daemon.folder)))
    assert sorted(path.name for path in daemon.folder.iterdir()) == ["runs", "store", "strategies"]


def test_it_has_the_promised_files_and_no_half_written_ones(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [".hydra", "daemon.log", "report.html", "summary.json", *(f"{name}.parquet" for name in TABLES)]
    )
    assert sorted(path.name for path in (folder / ".hydra").iterdir()) == [
        "config.yaml",
        "hydra.yaml",
        "overrides.yaml",
    ]


def test_the_summary_has_the_promised_keys(folder: Path) -> None:
    summary = summary_of(folder)
    assert summary.keys() >= PROMISED
    assert summary["mode"] == "simulation"
    assert summary["status"] == "done"
    assert summary["exit_status"] == 0
    assert not summary["interrupted"]
    assert set(summary["strategies"]) == {"ema_cross", "market_maker", "cross_venue_spread", "busy"}
    assert all(strategy.keys() >= PROMISED_PER_STRATEGY for strategy in summary["strategies"].values())
    assert summary["orders"] == sum(strategy["orders"] for strategy in summary["strategies"].values()) > 0


def test_the_tables_hold_what_the_summary_counts(folder: Path) -> None:
    summary = summary_of(folder)
    assert pq.read_metadata(folder / "orders.parquet").num_rows == summary["orders"] + summary["denied"]
    assert pq.read_metadata(folder / "fills.parquet").num_rows == summary["fills"] > 0
    assert pq.read_metadata(folder / "equity.parquet").num_rows > 0
    assert pq.read_metadata(folder / "prices.parquet").num_rows > 0


def test_the_log_is_json_lines_with_the_time_in_utc(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "daemon.log").read_text(encoding="utf-8").splitlines()]
    assert lines
    for line in lines:
        assert line.keys() >= {"time", "level", "logger", "message"}
        assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)
    assert any(line["logger"] == "quantai.daemon" and "simulation" in line["message"] for line in lines)


def test_the_configuration_is_kept_as_composed(folder: Path) -> None:
    kept = (folder / ".hydra" / "config.yaml").read_text(encoding="utf-8")
    assert "api_key: ${oc.env:BINANCE_API_KEY,null}" in kept
    assert "api_key: ${credential:okx_key}" in kept
    assert "duration: 1m" in kept


@pytest.mark.parametrize("secret", [*SECRETS.values(), CREDENTIAL])
def test_no_secret_is_anywhere(secret: str, daemon: Daemon, ended: Ended, folder: Path) -> None:
    files = [path for path in daemon.folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    assert secret not in ended.out + ended.err


def test_the_terminal_says_what_was_made_and_where(daemon: Daemon, ended: Ended, folder: Path) -> None:
    assert f"report: {folder.relative_to(daemon.folder)}/report.html" in ended.out
    assert "market_maker" in ended.out


def test_two_daemons_started_together_share_no_folder(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    together = [daemon.start("data.duration=1s"), daemon.start("data.duration=1s")]
    assert [running.wait().status for running in together] == [0, 0]
    assert len(daemon.run_folders()) == 2
    assert all(summary_of(folder)["status"] == "done" for folder in daemon.run_folders())
