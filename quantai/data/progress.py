"""How far an import is, and a bar that shows it to people at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """Where an import of one or many files is. Bytes are those on disk, of all files; so are the rows read."""

    file: Path
    bytes_done: int
    bytes_total: int
    rows: int


OnProgress = Callable[[ImportProgress], None]


class Meter:
    """Adds up the progress of files that are imported one after the other."""

    def __init__(self, on_progress: OnProgress | None, paths: Sequence[Path]) -> None:
        self._on_progress = on_progress
        self._sizes = [path.stat().st_size for path in paths]
        self._files_done = 0
        self._rows_done = 0

    def tell(self, path: Path, position: int, rows: int) -> None:
        """Report where the current file is: bytes of it on disk, and rows."""
        if self._on_progress:
            done = sum(self._sizes[: self._files_done]) + position
            self._on_progress(ImportProgress(path, done, sum(self._sizes), self._rows_done + rows))

    def close(self, path: Path, rows: int) -> None:
        """The current file is done, however it ended."""
        self._files_done += 1
        self._rows_done += rows
        self.tell(path, 0, 0)


class TerminalBar:
    """A bar on standard error with `columns` of its own and the time left; silent where that is no terminal.

    A context manager; subclasses are what is told of progress. One that is `transient` leaves nothing behind.
    """

    def __init__(self, console: Console | None, *columns: ProgressColumn, transient: bool = False) -> None:
        console = console or Console(file=sys.stderr)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            *columns,
            TimeRemainingColumn(),
            console=console,
            transient=transient,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()


class ProgressBar(TerminalBar):
    """With bytes and rows a second: pass it as `on_progress` of an import."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__(console, DownloadColumn(), TextColumn("{task.fields[speed]}"))
        self._task = self._progress.add_task("import", total=None, speed="")

    def __call__(self, progress: ImportProgress) -> None:
        elapsed_s = self._progress.tasks[0].elapsed or 0.0
        self._progress.update(
            self._task,
            description=progress.file.name,
            completed=progress.bytes_done,
            total=progress.bytes_total,
            speed=f"{progress.rows / elapsed_s:,.0f} rows/s" if elapsed_s else "",
        )
