"""The unit file, by systemd's own judgement."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.process import DAEMON

UNIT = Path(__file__).parents[2] / "systemd" / "quantai@.service"
INSTALLED = "/opt/quantai/bin/quantai-daemon"


@pytest.mark.parametrize("instance", ["recorder", "simulation"])
def test_systemd_finds_nothing_to_say_about_the_unit(instance: str, tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8")
    assert INSTALLED in text
    unit = tmp_path / f"quantai@{instance}.service"
    unit.write_text(text.replace(INSTALLED, str(DAEMON)), encoding="utf-8")
    judged = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert judged.stdout + judged.stderr == ""
    assert judged.returncode == 0


def test_a_mistake_in_the_unit_would_be_seen(tmp_path: Path) -> None:
    unit = tmp_path / "quantai@recorder.service"
    unit.write_text(UNIT.read_text(encoding="utf-8").replace("Type=notify", "Tipe=notify"), encoding="utf-8")
    judged = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert "Tipe" in judged.stderr


def test_what_starting_again_cannot_mend_is_not_started_again() -> None:
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    assert "Type=notify" in lines
    assert "Restart=on-failure" in lines
    assert "RestartPreventExitStatus=2 5" in lines
