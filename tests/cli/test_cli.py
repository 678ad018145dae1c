"""The `quantai` command."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantai.cli import run
from quantai.events.persistence.reader import EventReader

TRADES = "".join(
    f"{number},65000.{number % 10},0.01,650,{1735689600000000 + number * 1000},{number % 2 == 0},True\n"
    for number in range(100)
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def test_check_draws_the_graph(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "strategies.ema_cross.fast=7"]) == 0
    printed = capsys.readouterr().out
    for expected in (
        "simulation: replay events",
        "ema_cross: EmaCross on binance_btc_usdt",
        "fast 7",
        "no mistakes found",
    ):
        assert expected in printed


def test_check_says_that_a_secret_is_set_and_not_what_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", "s3cr3t")
    assert run(["check"]) == 0
    printed = capsys.readouterr().out
    assert "binance: BinanceSpot, maker 10 bps, taker 10 bps, key set" in printed
    assert "okx: no connector, maker 2 bps, taker 5 bps, no key" in printed
    assert "s3cr3t" not in printed


def test_check_ends_with_status_2_on_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "bus.queue_limt=5"]) == 2
    assert "did you mean 'queue_limit'?" in capsys.readouterr().err


def test_import_fills_a_store_and_ls_shows_it(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = elsewhere / "BTCUSDT-trades-2025-01-01.csv"
    file.write_text(TRADES, encoding="utf-8")
    arguments = ["data", "import", str(file), "--venue", "binance", "--symbol", "BTC/USDT"]
    assert run(arguments) == 0
    assert "100 rows read, 100 trade written" in capsys.readouterr().out
    assert sum(map(len, EventReader(elsewhere / "store").read_batches(None, None))) == 100
    assert run(arguments) == 0
    assert "imported before, nothing to do" in capsys.readouterr().out
    assert run(["data", "ls"]) == 0
    printed = capsys.readouterr().out
    assert "BTC/USDT" in printed
    assert "100" in printed


def test_import_names_bad_rows_and_ends_with_status_2(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = elsewhere / "BTCUSDT-trades-2025-01-01.csv"
    file.write_text(TRADES + "100,oops,0.01,650,1735689700000000,True,True\n", encoding="utf-8")
    assert run(["data", "import", str(file), "--venue", "binance", "--symbol", "BTC/USDT"]) == 2
    printed = capsys.readouterr().out
    assert "100 trade written" in printed
    assert "101" in printed
    assert "oops" in printed


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["data", "ls", "nothing"], 3, "there is no store at nothing"),
        (["data", "import", "nothing.csv", "--venue", "binance", "--symbol", "BTC/USDT"], 3, "nothing.csv"),
        (["data", "import", "x.csv", "--venue", "Binance"], 2, "must be small letters"),
        (["data", "import", "x.csv", "--venue", "binance", "--map-symbol", "BTCUSDT"], 2, "must be VENUE=UNIFIED"),
        (["data", "import", "x.csv", "--venue", "binance", "--store", "s3://bucket/x"], 2, "into a local store"),
        (["report", "nothing"], 3, "nothing"),
        (["strategy", "new", "Bad-Name"], 2, "cannot name a strategy"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == status
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_new_strategy_is_valid_as_written(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["strategy", "new", "my_idea"]) == 0
    assert (elsewhere / "strategies" / "my_idea.py").exists()
    assert run(["check", "--config-dir", "conf", "strategies=my_idea"]) == 0
    assert "my_idea: MyIdea on binance_btc_usdt" in capsys.readouterr().out
    assert run(["strategy", "new", "my_idea"]) == 2
    assert "is there already" in capsys.readouterr().err
