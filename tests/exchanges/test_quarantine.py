from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.exchanges.quarantine import Quarantine, without_secrets


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_frame_is_kept_with_its_time_and_reason(tmp_path: Path) -> None:
    quarantine = Quarantine("binance", SimulatedClock(), tmp_path / "new" / "quarantine.jsonl")
    quarantine.add(b'{"e":"tra', ValueError("truncated"), 5 * NS_PER_SECOND)
    assert lines(tmp_path / "new" / "quarantine.jsonl") == [
        {
            "time": "1970-01-01T00:00:05.000000000Z",
            "name": "binance",
            "error": "ValueError",
            "reason": "truncated",
            "bytes": 9,
            "frame": '{"e":"tra',
        }
    ]
    assert quarantine.total == quarantine.kept == 1


def test_of_a_flood_of_one_kind_fewer_and_fewer_are_kept_and_another_kind_still_is(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.jsonl"
    quarantine = Quarantine("binance", SimulatedClock(), path)
    for number in range(1_000):
        quarantine.add(b"%d" % number, ValueError("no"), 0)
    quarantine.add(b"other", KeyError("no"), 0)
    assert [line["frame"] for line in lines(path)] == [str(2**power - 1) for power in range(10)] + ["other"]
    assert quarantine.counts == {"ValueError": 1_000, "KeyError": 1}


def test_the_file_and_each_frame_in_it_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "quarantine.jsonl"
    quarantine = Quarantine("binance", SimulatedClock(), path, max_bytes=2_000, max_frame_bytes=100)
    for number in range(40):
        quarantine.add(b"x" * 100_000, type(f"Error{number}", (Exception,), {})("y" * 10_000), 0)
    assert path.stat().st_size <= 2_000
    assert all(len(line["frame"]) == 100 and line["bytes"] == 100_000 for line in lines(path))
    assert quarantine.total == 40


def test_kinds_of_errors_are_bounded_too() -> None:
    quarantine = Quarantine("binance", SimulatedClock())
    for number in range(1_000):
        quarantine.add(b"", type(f"Error{number}", (Exception,), {})(), 0)
    assert len(quarantine.counts) <= 101
    assert quarantine.total == 1_000


def test_it_is_told_at_once_and_then_at_most_every_so_often(caplog: pytest.LogCaptureFixture) -> None:
    clock = SimulatedClock()
    quarantine = Quarantine("binance", clock, tell_every_ns=60 * NS_PER_SECOND)
    for _ in range(10):
        quarantine.add(b"", ValueError("no"), 0)
    clock.advance_to(60 * NS_PER_SECOND)
    quarantine.add(b"", ValueError("still no"), 0)
    assert [record.getMessage() for record in caplog.records] == [
        "binance: 1 malformed frames since last told, 1 in all; the last: ValueError: no",
        "binance: 10 malformed frames since last told, 11 in all; the last: ValueError: still no",
    ]


def test_secrets_are_kept_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "quarantine.jsonl"
    frame = b'{"listenKey": "s3cret", "apiKey":"s3cret", "params":{"signature" : "s3cret"}'
    quarantine = Quarantine("binance", SimulatedClock(), path)
    quarantine.add(frame, ValueError(frame.decode()), 0)
    assert "s3cret" not in path.read_text() + caplog.text
    cut = b'{"pad":"' + b"x" * 70 + b'","listenKey":"s3cret-s3cret-s3cret"}'
    tight = Quarantine("binance", SimulatedClock(), path, max_frame_bytes=100)
    tight.add(cut, ValueError("no"), 0)
    assert "s3cret" not in path.read_text()
    assert without_secrets('{"price":"1"}') == '{"price":"1"}'


def test_a_disk_that_cannot_be_written_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    quarantine = Quarantine("binance", SimulatedClock(), tmp_path / "file" / "quarantine.jsonl")
    quarantine.add(b"", ValueError("no"), 0)
    quarantine.add(b"", ValueError("no"), 0)
    assert quarantine.total == 2
    assert caplog.text.count("cannot be written") == 1
