"""What an import did, for people and for exit statuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from quantai.data.importers.outcome import BadRow


class FileStatus(StrEnum):
    """How it ended for one file: `SKIPPED` was imported before, `FAILED` left nothing in the store."""

    IMPORTED = "imported"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file.

    Every row read is in `bad_rows`, in an event, or counted in `oddities` as left out; `oddities` also counts rows
    that were kept though they look odd. `rows_written` is by event type. Times are `ts_init` in nanoseconds, None where
    there are no rows. `error` says why a file failed.
    """

    path: Path
    format: str
    status: FileStatus
    rows_read: int = 0
    rows_written: Mapping[str, int] = field(default_factory=dict)
    symbols: tuple[str, ...] = ()
    bad_rows: int = 0
    bad_row_examples: tuple[BadRow, ...] = ()
    oddities: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    start_ns: int | None = None
    end_ns: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of all files, in the order they were given."""

    files: tuple[FileReport, ...]

    @property
    def rows_read(self) -> int:
        """Rows of all files, bad ones too, headers not."""
        return sum(report.rows_read for report in self.files)

    @property
    def bad_rows(self) -> int:
        """Rows that were not imported because of what they say."""
        return sum(report.bad_rows for report in self.files)

    @property
    def failed(self) -> tuple[FileReport, ...]:
        """The files of which nothing was imported."""
        return tuple(report for report in self.files if report.status is FileStatus.FAILED)
