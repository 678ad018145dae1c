"""A progress bar for a replay: how far simulated time is, how fast, how long still."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from quantai.core.clock import iso_utc

_REFRESH_S = 0.1
_UNITS = 1_000


class ReplayProgress:
    """Drawn on `console` where that is a terminal, else silent. Use it as a context around the run."""

    def __init__(self, console: Console, enabled: bool = True) -> None:
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not (enabled and console.is_terminal),
            transient=True,
        )
        self._range_ns = (0, 1)
        self._task = self._bar.add_task("replay", total=_UNITS, rate="")
        self._next_s = 0.0
        self._state = ""
        self._started_s = time.monotonic()

    def set_range(self, range_ns: tuple[int, int]) -> None:
        """The simulated time from beginning to end."""
        self._range_ns = range_ns

    def update(self, events: int, now_ns: int, state: str = "") -> None:
        """Called once a slice or more often; draws a few times a second, and a new `state` (`10x`, say) at once."""
        now_s = time.monotonic()
        if self._bar.disable or (now_s < self._next_s and state == self._state):
            return
        self._state = state
        self._next_s = now_s + _REFRESH_S
        start_ns, end_ns = self._range_ns
        done = (now_ns - start_ns) * _UNITS // max(end_ns - start_ns, 1)
        rate = events / max(now_s - self._started_s, 1e-9)
        self._bar.update(
            self._task,
            completed=done,
            description=iso_utc(now_ns)[:19].replace("T", " "),
            rate=f"{rate:,.0f} events/s" + (f" · {state}" if state else ""),
        )

    def __enter__(self) -> Self:
        self._started_s = time.monotonic()
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
