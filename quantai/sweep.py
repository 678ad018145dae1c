"""What follows a sweep: its runs ranked, on the terminal and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.console import Console

from quantai.core.errors import QuantAIError
from quantai.daemon import FAILED
from quantai.results.summary import read_status
from quantai.simulation.report import compare_runs, comparison_table, write_comparison
from quantai.terminal import near, print_error


class CompareRuns(Callback):
    """Hydra's callback at the end of a multirun; exits with the worst status among the runs where one failed."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Rank the runs of the sweep."""
        root = Path(config.hydra.sweep.dir)
        folders = run_folders(root)
        if not folders:
            return
        worst = max(status_of(folder) for folder in folders)
        try:
            console = Console(highlight=False, soft_wrap=True)
            console.print(comparison_table(compare_runs(folders)))
            console.print(f"comparison: {near(write_comparison(folders, root / 'comparison.html'))}")
        except (QuantAIError, OSError) as error:  # Hydra would make a mere warning of it
            print_error(error)
            worst = max(worst, FAILED)
        if worst:
            raise SystemExit(worst)


def run_folders(root: Path) -> list[Path]:
    """The folders of all runs of a sweep that began, in the order in which they were numbered."""
    folders = (hidden.parent for hidden in root.rglob(".hydra"))
    return sorted(folders, key=lambda folder: (len(folder.name), folder.name))


def status_of(folder: Path) -> int:
    """The exit status of a run of a sweep; one that left no summary failed."""
    try:
        return read_status(folder)
    except (OSError, ValueError):
        return FAILED
