"""`quantai-daemon`: checks the configuration before anything starts, then lets Hydra make run folders and sweeps."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from quantai import daemon
from quantai.config import check_config, load_config
from quantai.config.compose import (
    CONFIG_NAME,
    Composed,
    config_folders,
    force_values,
    parse_override,
    search_path_override,
)
from quantai.config.origins import Origins
from quantai.core.errors import QuantAIError
from quantai.results.summary import write_summary
from quantai.terminal import print_error, print_outcome
from quantai.version import VERSION

_EXIT_STATUSES = """exit status:
  0 done, or stopped cleanly on SIGTERM or SIGINT    2 bad configuration or arguments
  3 could not start (venue, store, port)             4 failed while running
  5 stopped, but something at a venue could not be proven safe"""


def main() -> None:
    """The console script. Exits with the status that the daemon ended with."""
    sys.exit(launch(sys.argv[1:]))


def launch(arguments: Sequence[str]) -> int:
    """Run with command line `arguments`; the exit status."""
    options, overrides = _parse(arguments)
    try:
        check_all(overrides, options.config_dir, options.config_name)
        _run_hydra(options, overrides)
    except QuantAIError as error:
        print_error(error)
        return error.exit_status
    except OSError as error:
        print_error(error)
        return 3
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else daemon.FAILED
    return daemon.DONE


def _parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog="quantai-daemon",
        description="Run what the configuration declares. `quantai check` takes the same arguments and only looks.",
        epilog=_EXIT_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="e.g. mode=paper strategies.ema_cross.fast=5")
    parser.add_argument(
        "-m", "--multirun", action="store_true", help="one run for each combination of comma-separated values"
    )
    parser.add_argument(
        "-cd", "--config-dir", type=Path, help="a folder of your own, looked into before the shipped conf/"
    )
    parser.add_argument(
        "-cn", "--config-name", default=CONFIG_NAME, help="the file to begin with (default: %(default)s)"
    )
    parser.add_argument("--version", action="version", version=f"quantai {VERSION}")
    options = parser.parse_intermixed_args(arguments)
    return options, list(options.overrides)


def check_all(overrides: Sequence[str], config_dir: Path | None, config_name: str) -> None:
    """Check the configuration; of a sweep, each value of each key with the first of all others.

    Raises `ConfigProblems`. A combination that is wrong only together fails in its own run.
    """
    points = [_values(override) for override in overrides]
    first = [values[0] for values in points]
    load_config(first, config_dir, config_name)
    for index, values in enumerate(points):
        for value in values[1:]:
            load_config([*first[:index], value, *first[index + 1 :]], config_dir, config_name)


def _values(text: str) -> list[str]:
    """An override for each value of a sweep; what cannot be listed (an interval for an optimiser) is left to the run."""
    override = parse_override(text)
    if not override.is_discrete_sweep():
        return [text]
    key = override.get_key_element()
    return [f"{key}={value}" for value in override.sweep_string_iterator()]


def _run_hydra(options: argparse.Namespace, overrides: Sequence[str]) -> None:
    folders = config_folders(options.config_dir)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach `launch` instead of being printed by Hydra
    forced = force_values(overrides, folders)
    sys.argv = ["quantai-daemon", *(["-m"] if options.multirun else []), *forced, *search_path_override(folders)]

    def task(cfg: DictConfig) -> None:
        _run_once(cfg, options.config_dir)

    hydra.main(version_base="1.3", config_path=str(folders[0]), config_name=options.config_name)(task)()


def _run_once(cfg: DictConfig, config_dir: Path | None) -> None:
    """One run, in the folder that Hydra made. Raises `SystemExit` with its status; in a sweep it goes on to the next."""
    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)
    is_sweep = hydra_config.mode is RunMode.MULTIRUN
    try:
        loaded = check_config(Composed(_without_hydra(cfg), Origins()), config_dir)
        outcome = daemon.run(loaded, folder, shares_script=is_sweep)
    except QuantAIError as error:
        write_summary(folder, {"status": "failed", "error": str(error), "exit_status": error.exit_status})
        if not is_sweep:
            raise
        print_error(error)
        return
    print_outcome(outcome, folder, brief=is_sweep, open_report=loaded.config.simulation.open_report)
    if not is_sweep or outcome.interrupted:
        raise SystemExit(outcome.status)


def _without_hydra(cfg: DictConfig) -> DictConfig:
    with open_dict(cfg):
        cfg.pop("hydra", None)
    return cfg
