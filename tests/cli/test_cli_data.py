from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from quantai.cli import run
from quantai.cli.data.shared import WorkBar
from quantai.core.enums import Side
from quantai.events import DisconnectedEvent, Event, GapEvent, TradeEvent
from quantai.events.persistence import EventReader, PartWriter
from quantai.events.persistence.schema import to_table

SECOND = 1_000_000_000


def write(root: Path, *events: Event) -> None:
    first = events[0]
    venue, symbol = getattr(first, "venue", ""), getattr(first, "symbol", "")
    PartWriter(root).write(type(first), venue, symbol, to_table(type(first), events))


def trade(second: int, trade_id: str = "") -> TradeEvent:
    return TradeEvent("binance", "BTC/USDT", second * SECOND, second * SECOND, 1.0, 1.0, Side.BUY, trade_id)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two parts with a trade in both, and two gaps; commands run beside it."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "store", trade(1, "a"), trade(3, "b"))
    write(tmp_path / "store", trade(3, "b"), trade(5, "c"))
    gap = GapEvent("recorder", 9 * SECOND, 9 * SECOND, "binance", "BTC/USDT", 6 * SECOND, 8 * SECOND, 12, "disk full")
    write(tmp_path / "store", gap)
    write(tmp_path / "store", DisconnectedEvent("binance", 20 * SECOND, 20 * SECOND, "timeout"))
    return tmp_path / "store"


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_ls_lists_streams_in_80_columns(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "ls"]) == 0
    out = printed(capsys)
    row = ["trade", "binance", "BTC/USDT", "4", "0.0", "1970-01-01", "00:00", "4.0", "s"]
    assert row in [line.split() for line in out.splitlines()]
    assert max(map(len, out.splitlines())) <= 80


def test_verify_says_what_is_wrong_and_exits_3(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "verify"]) == 3
    out = printed(capsys)
    assert "1 trades are there before" in out
    assert "1 problems" in out
    assert "disk full" not in out
    tables = [line for line in out.splitlines() if not line.startswith(("  ", "duplicates", "overlap"))]
    assert max(map(len, tables)) <= 80


def test_verify_of_a_sound_store_exits_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "other", trade(1))
    assert run(["data", "verify", str(tmp_path / "other")]) == 0
    assert "1 rows in 1 parts of 1 streams: sound" in printed(capsys)


def test_verify_writes_its_whole_report_as_json(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "verify", "--json"]) == 3
    report = json.loads(printed(capsys))
    assert report["is_sound"] is False
    assert {stream["type"]: stream["rows"] for stream in report["streams"]}["trade"] == 4
    assert report["gaps"][1] == {
        "venue": "binance", "symbol": "BTC/USDT", "count": 1, "length_ns": 2 * SECOND, "lost": 12, "open": 0,
    }  # fmt: skip


def test_gaps_are_listed_and_filtered(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "gaps"]) == 0
    out = printed(capsys)
    assert "disk full" in out
    assert "2.0 s" in out
    assert "open" in out
    assert max(map(len, out.splitlines())) <= 80
    assert run(["data", "gaps", "--start", "1970-01-01T00:00:15"]) == 0
    assert "disk full" not in printed(capsys)
    assert run(["data", "gaps", "--venue", "okx"]) == 0
    assert printed(capsys) == "no gaps are known\n"


def test_repair_tells_first_and_does_then(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "repair", "--duplicates", "--dry-run"]) == 3
    assert "would drop 1 trades" in printed(capsys)
    assert run(["data", "repair", "--duplicates"]) == 0
    assert "1 rows dropped" in printed(capsys)
    assert run(["data", "repair", "--duplicates"]) == 0
    assert "there is nothing to repair" in printed(capsys)


def test_compact_shows_what_was_gained(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "compact", "--type", "trade"]) == 0
    out = printed(capsys)
    assert "1970-01-01" in out
    assert max(map(len, out.splitlines())) <= 80
    assert len(list((store / "type=trade").rglob("*.parquet"))) == 1
    assert run(["data", "compact"]) == 0
    assert "there is nothing to compact" in printed(capsys)


def test_compact_of_a_damaged_part_exits_3(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = next((store / "type=trade").rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:40])
    assert run(["data", "compact"]) == 3
    assert "failed" in printed(capsys)


def test_export_writes_a_file_and_refuses_to_do_it_again(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["data", "export", "--to", "x.csv", "--type", "trade", "--end", "1970-01-01T00:00:05"]
    assert run(arguments) == 0
    assert printed(capsys).startswith("x.csv: 3 events")
    assert Path("x.csv").read_text().count("\n") == 4
    assert run(arguments) == 3
    assert "nothing is overwritten" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["verify", "gaps", "repair", "compact"])
def test_no_store_exits_3(action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", action, str(tmp_path / "nothing")]) == 3
    assert "there is no store" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("action", ["verify", "repair", "compact"])
def test_help_tells_the_exit_statuses(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["data", action, "--help"])
    assert "3 when the store has problems" in " ".join(printed(capsys).split())


def test_a_bar_shows_how_far_long_work_is(capsys: pytest.CaptureFixture[str]) -> None:
    with WorkBar(Console(force_terminal=True, width=80)) as bar:
        bar("reading parts", 1, 4)
    assert "reading parts" in printed(capsys)


def test_what_is_kept_in_order_reads_as_before(store: Path) -> None:
    before = [event for batch in EventReader(store).read_batches() for event in batch]
    run(["data", "compact"])
    run(["data", "repair"])
    assert [event for batch in EventReader(store).read_batches() for event in batch] == before
