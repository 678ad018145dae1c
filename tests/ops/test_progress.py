"""The progress bar of a replay."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from quantai.core.clock import NS_PER_SECOND
from quantai.ops.progress import ReplayProgress


def replay(console: Console, *, enabled: bool = True, start_ns: int = 0) -> None:
    progress = ReplayProgress(console, enabled)
    progress.set_range((start_ns, start_ns + 100 * NS_PER_SECOND))
    with progress:
        progress.update(5_000, start_ns + 50 * NS_PER_SECOND)


def test_a_terminal_sees_how_far_simulated_time_is() -> None:
    drawn = io.StringIO()
    replay(Console(file=drawn, force_terminal=True, width=120, color_system=None))
    assert "1970-01-01 00:00:50" in drawn.getvalue()
    assert "50%" in drawn.getvalue()
    assert "events/s" in drawn.getvalue()


@pytest.mark.parametrize(("is_terminal", "enabled"), [(False, True), (True, False)])
def test_elsewhere_it_is_silent(is_terminal: bool, enabled: bool) -> None:
    drawn = io.StringIO()
    replay(Console(file=drawn, force_terminal=is_terminal, width=120), enabled=enabled)
    assert drawn.getvalue() == ""


def test_an_empty_range_is_no_division_by_zero() -> None:
    drawn = io.StringIO()
    progress = ReplayProgress(Console(file=drawn, force_terminal=True, width=120))
    progress.set_range((7, 7))
    with progress:
        progress.update(1, 7)
    assert "events/s" in drawn.getvalue()


def test_how_time_passes_is_told_at_once_also_where_nothing_else_is_drawn_yet() -> None:
    drawn = io.StringIO()
    progress = ReplayProgress(Console(file=drawn, force_terminal=True, width=120, color_system=None))
    progress.set_range((0, 100))
    with progress:
        progress.update(1, 10, "50x")
        progress.update(2, 20, "paused")
    assert "events/s · paused" in drawn.getvalue()
