"""Logs: JSON lines to a file; on standard error a human form for a terminal, JSON for the journal."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal

from pythonjsonlogger.json import JsonFormatter
from rich.console import Console
from rich.logging import RichHandler

Form = Literal["auto", "human", "json", "none"]


class _BriefFormatter(logging.Formatter):
    """For people where a file has the whole: of an error just the place it came from, not the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{record.name}: {record.getMessage()}"
        trace = record.exc_info[2] if record.exc_info else None
        if trace is None:
            return line
        place = traceback.extract_tb(trace)[-1]
        return f"{line} (at {place.filename}:{place.lineno}, the traceback is in the log file)"


def _json_formatter() -> logging.Formatter:
    """One JSON object a line, with the time in UTC."""
    names = {"levelname": "level", "name": "logger"}
    return JsonFormatter("{levelname}{name}{message}", style="{", rename_fields=names, timestamp="time")


@contextmanager
def logging_to(
    terminal: Console,
    *,
    level: str,
    levels: Mapping[str, str],
    console: Form,
    file: Path | None,
    max_bytes: int,
    backups: int,
) -> Iterator[None]:
    """Meanwhile, send all loggers to standard error in the wanted form, and to `file` where one is given.

    `terminal` is where the human form is drawn: share it with a progress bar, and neither tears the other apart.
    """
    handlers = [] if console == "none" else [_console_handler(console, terminal, has_file=file is not None)]
    if file is not None:
        rotating = RotatingFileHandler(file, maxBytes=max_bytes, backupCount=backups, encoding="utf-8")
        rotating.setFormatter(_json_formatter())
        handlers.append(rotating)
    root = logging.getLogger()
    wanted = {"root": level, **levels}
    before = {name: logging.getLogger(name).level for name in wanted}
    try:
        for name, own_level in wanted.items():
            logging.getLogger(name).setLevel(own_level)
        for handler in handlers:
            root.addHandler(handler)
        yield
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
        for name, own_level_before in before.items():
            logging.getLogger(name).setLevel(own_level_before)


def _console_handler(form: Form, terminal: Console, *, has_file: bool) -> logging.Handler:
    if form == "human" or (form == "auto" and terminal.is_terminal):
        human = RichHandler(console=terminal, show_path=False, log_time_format="%H:%M:%S")
        human.setFormatter(_BriefFormatter() if has_file else logging.Formatter("%(name)s: %(message)s"))
        return human
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_json_formatter())
    return handler
