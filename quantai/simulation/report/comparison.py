"""Several runs side by side: which parameters they had, and how they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import yaml
from rich.table import Table
from rich.text import Text

from quantai.core.errors import ConfigError, StoreError
from quantai.core.numbers import ZERO
from quantai.simulation.report.formatting import count, percent, shorten
from quantai.simulation.report.run_data import PORTFOLIO, EquityCurve, load_equity
from quantai.simulation.report.summary import SUMMARY_FILE, RunSummary, failure, most_first, parse_summary, read_summary
from quantai.simulation.report.terminal import amount, figure, terminal_table

OVERRIDES_FILE = Path(".hydra") / "overrides.yaml"
ERROR_LENGTH = 200


@dataclass(frozen=True, slots=True, eq=False)
class ComparedRun:
    """One run: a finished one has a `summary` and perhaps a `curve`, a failed one has an `error`."""

    label: str
    folder: Path
    parameters: dict[str, str]
    summary: RunSummary | None = None
    curve: EquityCurve | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Runs in order of merit: PnL first, then the smaller drawdown; those of unknown PnL after them, failed ones last.

    `varied` names the parameters that differ between runs, `common` holds those that are the same in all.
    """

    runs: tuple[ComparedRun, ...]
    varied: tuple[str, ...]
    common: dict[str, str]

    @property
    def finished(self) -> tuple[ComparedRun, ...]:
        """The runs that have a summary, best first."""
        return tuple(run for run in self.runs if run.summary is not None)

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies the runs are counted in; with more than one, PnL is compared as bare numbers."""
        return tuple(sorted({run.summary.currency for run in self.finished if run.summary is not None}))

    def describe(self, run: ComparedRun) -> str:
        """The parameters in which a run differs from the others: `fast=10, slow=30`."""
        names = short_names(self.varied)
        return ", ".join(f"{names[key]}={run.parameters[key]}" for key in self.varied if key in run.parameters)


def compare_runs(folders: Sequence[Path]) -> Comparison:
    """Read and rank run folders. A run that failed, or whose files cannot be read, is kept with its error.

    Raises `ConfigError` for no folders, and `StoreError` for a path that is no folder.
    """
    if not folders:
        raise ConfigError("nothing to compare; name at least one run folder")
    paths = [Path(folder) for folder in folders]
    runs = sorted((_read(path, label) for path, label in zip(paths, _labels(paths), strict=True)), key=_merit)
    keys = list(dict.fromkeys(key for run in runs for key in run.parameters))
    common = {
        key: runs[0].parameters[key]
        for key in keys
        if all(run.parameters.get(key) == runs[0].parameters.get(key) for run in runs)
    }
    return Comparison(tuple(runs), tuple(sorted(key for key in keys if key not in common)), common)


def comparison_table(comparison: Comparison) -> Table:
    """The ranking for the terminal, in 80 to 120 columns; what went wrong with failed runs stands below."""
    pnl_heading = f"PnL {'/'.join(comparison.currencies)}".strip()
    table = terminal_table(["Run", "Parameters"], [pnl_heading, "Max DD", "Fills"])
    for run in comparison.runs:
        if run.summary is None:
            table.add_row(Text(run.label), Text(comparison.describe(run)), Text("failed", style="red"))
            continue
        pnl = amount(run.summary.pnl, run.summary.places, signed=True)
        figures = (figure(pnl), percent(run.summary.max_drawdown), count(run.summary.fills))
        table.add_row(Text(run.label), Text(comparison.describe(run)), *figures)
    errors = [f"{run.label}: {shorten(run.error, ERROR_LENGTH)}" for run in comparison.runs if run.error is not None]
    table.caption = Text("\n".join(errors), style="red", justify="left") if errors else None
    return table


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """The last part of each dotted key, where no other key ends the same."""
    last = [key.rpartition(".")[2] for key in keys]
    return {key: name if last.count(name) == 1 else key for key, name in zip(keys, last, strict=True)}


def read_parameters(folder: Path) -> dict[str, str]:
    """The Hydra overrides of a run by key; none where the folder has no list of them. Raises `StoreError`."""
    path = folder / OVERRIDES_FILE
    try:
        lines = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise StoreError(f"{path} must be a list of 'key=value' texts")
    pairs = (line.partition("=") for line in lines)
    return {key.lstrip("+"): value for key, _, value in pairs}


def _read(folder: Path, label: str) -> ComparedRun:
    if not folder.is_dir():
        raise StoreError(f"{folder} is not a folder; name the folders of finished runs")
    parameters: dict[str, str] = {}
    try:
        parameters = read_parameters(folder)
        content = read_summary(folder)
        error = failure(content)
        if error is not None:
            return ComparedRun(label, folder, parameters, error=error)
        summary = parse_summary(content, str(folder / SUMMARY_FILE))
        return ComparedRun(label, folder, parameters, summary, load_equity(folder).get(PORTFOLIO))
    except StoreError as error:
        return ComparedRun(label, folder, parameters, error=str(error))


def _merit(run: ComparedRun) -> tuple[bool, tuple[bool, Decimal], Decimal, str]:
    pnl, drawdown = (None, None) if run.summary is None else (run.summary.pnl, run.summary.max_drawdown)
    return (run.summary is None, most_first(pnl), drawdown or ZERO, run.label)


def _labels(paths: Sequence[Path]) -> list[str]:
    """The end of each path, as few parts as tell all of them apart."""
    parts = [path.resolve().parts for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(each[-length:]) for each in parts]
        if len(set(labels)) == len(labels):
            return labels
    return [f"{each[-1]} ({number})" for number, each in enumerate(parts, 1)]
