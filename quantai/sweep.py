"""What follows a sweep: its runs ranked, on the terminal and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.console import Console

from quantai.results.summary import read_status
from quantai.simulation.report import compare_runs, comparison_table, write_comparison


class CompareRuns(Callback):
    """Hydra's callback at the end of a multirun; exits with the worst status among the runs where one failed."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Rank the runs of the sweep."""
        root = Path(config.hydra.sweep.dir)
        folders = sorted(
            (f.parent for f in root.glob("*/summary.json")), key=lambda folder: (len(folder.name), folder.name)
        )
        if not folders:
            return
        target = write_comparison(folders, root / "comparison.html")
        console = Console(highlight=False, soft_wrap=True)
        console.print(comparison_table(compare_runs(folders)))
        console.print(f"comparison: {target}")
        worst = max(read_status(folder) for folder in folders)
        if worst:
            raise SystemExit(worst)
