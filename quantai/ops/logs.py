"""Logs: JSON lines to a file; on standard error a human form for a terminal, JSON for the journal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal

from pythonjsonlogger.json import JsonFormatter
from rich.console import Console
from rich.logging import RichHandler

Form = Literal["auto", "human", "json", "none"]


class _UtcJsonFormatter(JsonFormatter):
    """One JSON object a line, with the time in UTC."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")


def _json_formatter() -> logging.Formatter:
    return _UtcJsonFormatter(
        "{asctime}{levelname}{name}{message}",
        style="{",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
    )


def setup_logging(
    *,
    level: str,
    levels: Mapping[str, str],
    console: Form,
    file: Path | None,
    max_bytes: int,
    backups: int,
) -> None:
    """Send all loggers to standard error in the wanted form, and to `file` where one is given; what was set up before goes."""
    root = logging.getLogger()
    close_logging()
    root.setLevel(level)
    for name, own_level in levels.items():
        logging.getLogger(name).setLevel(own_level)
    if console != "none":
        root.addHandler(_console_handler(console))
    if file is not None:
        handler = RotatingFileHandler(file, maxBytes=max_bytes, backupCount=backups, encoding="utf-8")
        handler.setFormatter(_json_formatter())
        root.addHandler(handler)


def _console_handler(form: Form) -> logging.Handler:
    if form == "human" or (form == "auto" and sys.stderr.isatty()):
        human = RichHandler(
            console=Console(stderr=True), show_path=False, log_time_format="%H:%M:%S", rich_tracebacks=False
        )
        human.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        return human
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_json_formatter())
    return handler


def close_logging() -> None:
    """Flush and take away every handler."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
