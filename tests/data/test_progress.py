from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from quantai.data.progress import ImportProgress, ProgressBar


def shown(is_terminal: bool) -> str:
    out = io.StringIO()
    with ProgressBar(Console(file=out, force_terminal=is_terminal, width=120)) as bar:
        bar(ImportProgress(Path("/data/BTCUSDT.csv"), 500, 1_000, 20))
    return out.getvalue()


def test_bar_names_the_file_and_how_far_it_is() -> None:
    assert "BTCUSDT.csv" in shown(is_terminal=True)
    assert "50%" in shown(is_terminal=True)


def test_bar_is_silent_where_nobody_looks() -> None:
    assert shown(is_terminal=False) == ""
