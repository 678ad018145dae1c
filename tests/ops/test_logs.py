"""Logs: their forms, their places, what is never in them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from rich.console import Console

from quantai.ops.logs import Form, logging_to

logger = logging.getLogger("quantai.test")
PIPE = Console(file=io.StringIO(), width=200)


def terminal() -> tuple[Console, io.StringIO]:
    """A console that is a terminal, and what is drawn on it."""
    drawn = io.StringIO()
    return Console(file=drawn, force_terminal=True, width=200, color_system=None), drawn


def logs(
    console: Console = PIPE,
    *,
    level: str = "INFO",
    levels: Mapping[str, str] | None = None,
    form: Form = "none",
    file: Path | None = None,
    max_bytes: int = 1_000_000,
    backups: int = 2,
) -> AbstractContextManager[None]:
    return logging_to(
        console, level=level, levels=levels or {}, console=form, file=file, max_bytes=max_bytes, backups=backups
    )


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def fail() -> None:
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        logger.exception("it failed")


def test_the_file_has_a_json_object_a_line(tmp_path: Path) -> None:
    with logs(file=tmp_path / "log"):
        logger.info("bought %d at %s\nover two lines", 3, "venue", extra={"order": "abc"})
    [line] = lines(tmp_path / "log")
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO", "logger": "quantai.test", "message": "bought 3 at venue\nover two lines", "order": "abc",
    }  # fmt: skip


def test_what_is_no_terminal_gets_json(capsys: pytest.CaptureFixture[str]) -> None:
    with logs(form="auto"):
        logger.warning("careful")
    assert json.loads(capsys.readouterr().err)["message"] == "careful"


def test_a_terminal_gets_words_for_people() -> None:
    console, drawn = terminal()
    with logs(console, form="auto"):
        logger.warning("careful")
    assert "WARNING" in drawn.getvalue()
    assert "quantai.test: careful" in drawn.getvalue()
    assert "{" not in drawn.getvalue()


@pytest.mark.parametrize(("form", "is_json"), [("human", False), ("json", True)])
def test_a_form_can_be_insisted_on(form: Form, is_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = io.StringIO()
    with logs(Console(file=drawn, width=200), form=form):
        logger.info("hello")
    assert ("hello" in capsys.readouterr().err) is is_json
    assert ("hello" in drawn.getvalue()) is not is_json


def test_none_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    console, drawn = terminal()
    with logs(console, form="none"):
        logger.error("unheard")
    assert drawn.getvalue() == ""
    assert capsys.readouterr().err == ""


def test_a_terminal_is_told_where_an_error_came_from_and_the_file_has_the_traceback(tmp_path: Path) -> None:
    console, drawn = terminal()
    with logs(console, form="auto", file=tmp_path / "log"):
        fail()
    assert "it failed (at " in drawn.getvalue()
    assert "Traceback" not in drawn.getvalue()
    [line] = lines(tmp_path / "log")
    assert line["exc_info"].startswith("Traceback")
    assert "RuntimeError: boom" in line["exc_info"]


def test_without_a_file_the_terminal_gets_the_traceback() -> None:
    console, drawn = terminal()
    with logs(console, form="auto"):
        fail()
    assert "Traceback" in drawn.getvalue()


def test_each_logger_can_have_a_level_of_its_own(tmp_path: Path) -> None:
    with logs(file=tmp_path / "log", level="WARNING", levels={"quantai.test": "DEBUG", "quantai.test.loud": "ERROR"}):
        logger.debug("kept")
        logging.getLogger("quantai.other").info("dropped")
        logging.getLogger("quantai.test.loud").warning("dropped")
    assert [line["message"] for line in lines(tmp_path / "log")] == ["kept"]


def test_afterwards_everything_is_as_before(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level, logger.level)
    with logs(file=tmp_path / "log", form="json", level="DEBUG", levels={"quantai.test": "ERROR"}):
        assert len(root.handlers) == len(before[0]) + 2
    assert (list(root.handlers), root.level, logger.level) == before


def test_a_second_setup_does_not_double_lines(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with logs(file=tmp_path / name):
            logger.info("in %s", name)
    assert [line["message"] for line in lines(tmp_path / "first")] == ["in first"]
    assert [line["message"] for line in lines(tmp_path / "second")] == ["in second"]


def test_the_file_is_rotated_and_old_ones_go(tmp_path: Path) -> None:
    with logs(file=tmp_path / "log", max_bytes=1_000, backups=2):
        for number in range(100):
            logger.info("line %d", number)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    assert all(path.stat().st_size <= 1_000 for path in tmp_path.iterdir())
    newest = [line["message"] for name in ("log.2", "log.1", "log") for line in lines(tmp_path / name)]
    assert newest == [f"line {number}" for number in range(100 - len(newest), 100)]


def test_a_secret_is_never_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Account(BaseModel):
        api_key: SecretStr

    account = Account(api_key=SecretStr("s3cr3t"))
    console, drawn = terminal()
    with logs(console, form="human", file=tmp_path / "log"):
        logger.info("%s %r", account, account.api_key, extra={"account": account, "key": account.api_key})
    written = (tmp_path / "log").read_text(encoding="utf-8")
    assert "**********" in written
    assert "s3cr3t" not in written + drawn.getvalue() + capsys.readouterr().err


def test_what_cannot_be_json_is_written_as_text(tmp_path: Path) -> None:
    with logs(file=tmp_path / "log"):
        logger.info("odd", extra={"thing": object()})
    assert "object" in lines(tmp_path / "log")[0]["thing"]
