from __future__ import annotations

import json
import os
import subprocess
import sys
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
    assert "1 problem\n" in out
    assert "disk full" not in out
    tables = [line for line in out.splitlines() if not line.startswith(("  ", "duplicates", "overlap"))]
    assert max(map(len, tables)) <= 80


def test_verify_of_a_sound_store_exits_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "other", trade(1))
    assert run(["data", "verify", str(tmp_path / "other")]) == 0
    assert "1 row in 1 part of 1 stream: sound" in printed(capsys)


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
    assert run(["data", "gaps", "--end", "1970-01-01T00:00:01"]) == 0
    assert printed(capsys) == "no gaps are known\n"


def test_gaps_of_a_venue_that_was_never_recorded_are_no_clean_record(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["data", "gaps", "--venue", "binanc"]) == 3
    assert "has nothing of venues='binanc'" in capsys.readouterr().err


def test_rows_are_whole_lines_for_programs_that_read_them(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reason = "the disk was full, and full it was for longer than anybody would have liked it to be"
    write(store, GapEvent("recorder", 30 * SECOND, 30 * SECOND, "", "", 0, 30 * SECOND, 0, reason))
    assert run(["data", "gaps"]) == 0
    [line] = [line for line in printed(capsys).splitlines() if reason in line]
    assert line.split()[2:4] == ["(all)", "(all)"]


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


def test_compact_tells_that_today_waits(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["data", "compact"])
    printed(capsys)
    assert run(["data", "compact"]) == 0
    assert "--all takes it too" in printed(capsys)
    assert run(["data", "compact", "--all"]) == 0
    assert printed(capsys) == "there is nothing to compact\n"


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


def test_a_folder_with_nothing_in_it_does_not_pass_for_a_sound_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["data", "verify", str(tmp_path)]) == 3
    assert "holds nothing to verify" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "--spool", "nowhere"], "there is no folder nowhere"),
        (["verify", "store", "other"], "unrecognized arguments: other"),
        (["compact", "--max-rows", "0"], "'0' must be a whole number above 0"),
        (["compact", "--type", "trades"], "no event type 'trades'"),
        (["export", "--to", "nowhere/x.csv"], "there is no folder nowhere: make it first"),
        (["export", "--to", "s3://bucket/x.csv"], "must be a file on this machine"),
        (["export"], "required: --to"),
        (["lss"], "invalid choice: 'lss'"),
    ],
)
def test_wrong_arguments_are_told_in_a_line(
    arguments: list[str], message: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["data", *arguments])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert "--help` tells more)" in error
    assert error.count("\n") == 1


def test_ctrl_c_ends_with_a_line_and_status_130(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("quantai.cli.data.compact.compact", interrupted)
    assert run(["data", "compact"]) == 130
    assert capsys.readouterr().err.startswith("stopped by Ctrl-C")


def test_nobody_reading_the_output_is_no_error(store: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "quantai.cli", "data", "verify", "--json", str(store)]
    try:
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


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
