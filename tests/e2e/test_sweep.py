"""Sweeps: one folder a run, a comparison of all, the worst exit status."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from quantai.sweep import CompareRuns, run_folders, status_of
from tests.e2e.process import Daemon, Ended, has_traceback, summary_of

SHORT = "data.duration=1s"
LAUNCHERS = {"one after another": (), "in parallel": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")}


def overrides_of(folder: Path) -> list[str]:
    content: list[str] = yaml.safe_load((folder / ".hydra" / "overrides.yaml").read_text(encoding="utf-8"))
    return content


def ranked(ended: Ended) -> list[str]:
    """The runs in the order of the table that was printed."""
    return re.findall(r"^ (\d+) ", ended.out, re.MULTILINE)


def test_every_point_has_its_folder_and_all_are_compared(daemon: Daemon) -> None:
    ended = daemon.run("-m", "strategies.ema_cross.fast=5,10,20", SHORT)
    assert ended.status == 0, ended.err
    sweep = daemon.sweep_folder()
    assert sorted(path.name for path in sweep.iterdir()) == [
        "0", "1", "2", "comparison.html", "multirun.yaml", "plotly.min.js",
    ]  # fmt: skip
    for number, fast in enumerate((5, 10, 20)):
        folder = sweep / str(number)
        assert f"++strategies.ema_cross.fast={fast}" in overrides_of(folder)
        assert summary_of(folder)["status"] == "done"
        assert (folder / "fills.parquet").exists()
        assert (folder / "daemon.log").exists()
        assert '"../plotly.min.js"' in (folder / "report.html").read_text(encoding="utf-8")
    assert sorted(ranked(ended)) == ["0", "1", "2"]
    assert f"comparison: {(sweep / 'comparison.html').relative_to(daemon.folder)}" in ended.out


@pytest.mark.parametrize("arguments", [
    ["strategies.ema_cross.fast=5,40"],
    ["strategies.ema_cross.fast=5,abc", "simulation.seed=1,2"],
    ["strategies=ema_cross,ema_crss"],
])  # fmt: skip
def test_a_sweep_with_a_value_that_can_never_work_is_refused(daemon: Daemon, arguments: list[str]) -> None:
    ended = daemon.run("-m", SHORT, *arguments)
    assert ended.status == 2
    assert ended.out == ""
    assert not has_traceback(ended)
    assert list(daemon.folder.iterdir()) == []


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_combination_that_is_wrong_fails_alone_and_sets_the_status(daemon: Daemon, launcher: str) -> None:
    ended = daemon.run(
        "-m", "strategies.ema_cross.fast=5,20", "strategies.ema_cross.slow=10,30", SHORT, *LAUNCHERS[launcher]
    )
    assert ended.status == 2
    assert not has_traceback(ended)
    sweep = daemon.sweep_folder()
    assert [summary_of(sweep / str(number))["status"] for number in range(4)] == ["done", "done", "failed", "done"]
    assert "fast (20) must be below slow (10)" in summary_of(sweep / "2")["error"]
    assert ranked(ended)[3] == "2"
    assert (sweep / "comparison.html").exists()


def test_a_run_that_fails_while_running_sets_the_status_and_the_next_one_runs(daemon: Daemon) -> None:
    daemon.write(
        "strategies/moody.py",
        "from quantai.strategy import BaseStrategy\n"
        "class Moody(BaseStrategy):\n"
        "    mood: str\n"
        "    def on_tick(self, tick):\n"
        "        if self.mood == 'bad':\n"
        "            raise RuntimeError('boom')\n",
    )
    mine = (
        "strategies.mine={_target_: strategies.moody.Moody, instruments: [binance_btc_usdt], max_errors: 1, mood: fine}"
    )
    ended = daemon.run("-m", mine, "strategies.mine.mood=bad,fine", SHORT)
    assert ended.status == 4
    assert not has_traceback(ended)
    sweep = daemon.sweep_folder()
    assert [summary_of(sweep / number)["status"] for number in "01"] == ["failed", "done"]
    assert ranked(ended)[:2] == ["1", "0"]


def test_values_that_only_the_sweeper_knows_are_left_to_it(daemon: Daemon) -> None:
    ended = daemon.run("-m", "strategies=glob(*_m*)", SHORT)
    assert ended.status == 0, ended.err
    assert overrides_of(daemon.sweep_folder() / "0") == ["strategies=market_maker", f"++{SHORT}"]


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_ctrl_c_stops_the_whole_sweep(daemon: Daemon, launcher: str) -> None:
    running = daemon.start("-m", "simulation.seed=range(1,9)", "data.duration=30d", *LAUNCHERS[launcher])
    for seed in (1, 2) if launcher == "in parallel" else (1,):
        running.until(f"simulation: synthetic market, seed {seed}:")
    running.send_group(signal.SIGINT)
    ended = running.wait()
    assert ended.status == 0
    assert not has_traceback(ended)
    assert not (daemon.sweep_folder() / "3").exists()


def began(root: Path, *names: str) -> list[Path]:
    """Folders of runs that began and left nothing more."""
    for name in names:
        (root / name / ".hydra").mkdir(parents=True)
    return [root / name for name in names]


def test_runs_are_taken_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folders = began(tmp_path, "0", "2", "10")
    (tmp_path / "notes").mkdir()
    assert run_folders(tmp_path) == folders


def test_a_run_that_left_no_summary_failed(tmp_path: Path) -> None:
    [folder] = began(tmp_path, "0")
    assert status_of(folder) == 4
    (folder / "summary.json").write_text("{", encoding="utf-8")
    assert status_of(folder) == 4
    (folder / "summary.json").write_text('{"exit_status": 0}', encoding="utf-8")
    assert status_of(folder) == 0


def test_a_comparison_that_cannot_be_written_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [folder] = began(tmp_path, "0")
    (folder / "summary.json").write_text('{"exit_status": 0}', encoding="utf-8")
    (tmp_path / "comparison.html").mkdir()
    with pytest.raises(SystemExit) as caught:
        CompareRuns().on_multirun_end(OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}}))
    assert caught.value.code == 4
    assert "comparison.html" in capsys.readouterr().err


def test_a_sweep_without_runs_compares_nothing(tmp_path: Path) -> None:
    CompareRuns().on_multirun_end(OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}}))
    assert list(tmp_path.iterdir()) == []
