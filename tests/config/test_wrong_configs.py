"""Every wrong configuration gets its one line; none gets a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantai.cli import run
from quantai.config import ConfigProblems, load_config
from tests.config.wrong import WRONG, Wrong


def answer(wrong: Wrong, folder: Path) -> list[str]:
    for name, text in wrong.files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigProblems) as caught:
        load_config(wrong.overrides, folder)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_wrong_configuration_gets_its_line(wrong: Wrong, tmp_path: Path) -> None:
    lines = answer(wrong, tmp_path)
    assert wrong.line.replace("{dir}", str(tmp_path)) in lines


def test_there_are_at_least_forty() -> None:
    assert len({wrong.name for wrong in WRONG}) >= 40


@pytest.mark.parametrize("wrong", WRONG[::7], ids=lambda wrong: wrong.name)
def test_the_command_ends_with_status_2_and_no_traceback(
    wrong: Wrong, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(wrong, tmp_path)
    assert run(["check", "--config-dir", str(tmp_path), "--", *wrong.overrides]) == 2
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err + printed.out
    assert "nothing was started" in printed.err


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    wrong = Wrong(
        "many",
        "",
        (
            "bus.queue_limt=5",
            "strategies.ema_cross.fsat=5",
            "instruments.okx_btc_perp.venue=okex",
            "logging.level=LOUD",
        ),
    )
    assert answer(wrong, tmp_path)[-1] == "4 mistakes, nothing was started"
