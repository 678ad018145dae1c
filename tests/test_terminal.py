"""What people see when a run ends."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest

from quantai.daemon import Outcome
from quantai.terminal import print_outcome


@pytest.mark.parametrize(
    ("display", "wanted", "brief", "opens"),
    [(":0", True, False, True), ("", True, False, False), (":0", False, False, False), (":0", True, True, False)],
)
def test_the_report_opens_only_where_it_is_wanted_and_can_be_shown(
    display: str, wanted: bool, brief: bool, opens: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    report = tmp_path / "report.html"
    report.touch()
    outcome = Outcome(summary={"events": 5, "wall_seconds": 0.1, "events_per_second": 50})
    print_outcome(outcome, tmp_path, brief=brief, open_report=wanted)
    assert opened == ([report.as_uri()] if opens else [])


def test_what_went_wrong_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Outcome(errors=["it broke"], summary={"events": 5, "wall_seconds": 0.1, "events_per_second": 50})
    print_outcome(outcome, tmp_path, brief=False, open_report=False)
    printed = capsys.readouterr().out
    assert "it broke" in printed
    assert "5 events in 0.1 s (50/s)" in printed
    assert "run folder:" in printed
