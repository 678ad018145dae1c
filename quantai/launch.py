"""`quantai-daemon`: checks the configuration before anything starts, then lets Hydra make run folders and sweeps."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Glob
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from quantai import daemon
from quantai.config import ConfigProblems, check_config, load_config
from quantai.config.compose import (
    CONFIG_NAME,
    Composed,
    config_folders,
    force_values,
    parse_override,
)
from quantai.config.origins import Origins
from quantai.core.errors import ConfigError, QuantAIError, StartupError
from quantai.results.summary import write_summary
from quantai.terminal import print_error, print_outcome
from quantai.version import VERSION

_EXIT_STATUSES = """exit status:
  0 done, or stopped cleanly on SIGTERM or SIGINT    2 bad configuration or arguments
  3 could not start (venue, store, port)             4 failed while running
  5 stopped, but something at a venue could not be proven safe"""


def main() -> None:
    """The console script. Exits with the status that the daemon ended with."""
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # as SIGINT: until the daemon listens itself, and after it
    sys.exit(launch(sys.argv[1:]))


def launch(arguments: Sequence[str]) -> int:
    """Run with command line `arguments`; the exit status."""
    options, overrides = _parse(arguments)
    try:
        check_all(overrides, options.config_dir, options.config_name, is_sweep=options.multirun)
        _run_hydra(options, overrides)
    except QuantAIError as error:
        print_error(error)
        return error.exit_status
    except KeyboardInterrupt:
        print_error(QuantAIError("stopped by a signal"))
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


def check_all(overrides: Sequence[str], config_dir: Path | None, config_name: str, *, is_sweep: bool) -> None:
    """Check the configuration; of a sweep, each value of each key, with the first values of all others or their last.

    Raises `ConfigProblems`. A value that is wrong only together with some of the others fails in its own run.
    """
    keys = [values for override in overrides if (values := _values(override))] if is_sweep else []
    if not keys:
        load_config(overrides, config_dir, config_name)

    @cache
    def problems(point: tuple[str, ...]) -> ConfigProblems | None:
        try:
            load_config(point, config_dir, config_name)
        except ConfigProblems as found:
            return found
        return None

    for index, values in enumerate(keys):
        for value in values:
            ends = [tuple(value if i == index else key[end] for i, key in enumerate(keys)) for end in (0, -1)]
            if (found := problems(ends[0])) and problems(ends[1]):
                raise found


def _values(text: str) -> list[str]:
    """An override for each value of a sweep; none where only the sweeper knows: `glob(*)`, an optimiser's interval."""
    override = parse_override(text)
    if not override.is_sweep_override():
        return [text]
    if not override.is_discrete_sweep() or isinstance(override.value(), Glob):
        return []
    key = override.get_key_element()
    return [f"{key}={value}" for value in override.sweep_string_iterator()]


def _run_hydra(options: argparse.Namespace, overrides: Sequence[str]) -> None:
    folders = config_folders(options.config_dir)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach `launch` instead of being printed by Hydra
    forced = force_values(overrides, folders)
    sys.argv = ["quantai-daemon", *(["-m"] if options.multirun else []), *forced]

    def task(cfg: DictConfig) -> None:
        _run_once(cfg, options.config_dir)

    try:
        hydra.main(version_base="1.3", config_path=str(folders[0]), config_name=options.config_name)(task)()
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(str(error).partition("\n")[0]) from error
    except OSError as error:
        raise StartupError(f"the run folder cannot be made: {error} (hydra.run.dir, hydra.sweep.dir)") from error


def _run_once(cfg: DictConfig, config_dir: Path | None) -> None:
    """One run, in the folder that Hydra made. Raises `SystemExit` with its status; a sweep goes on to the next run."""
    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)
    in_sweep = hydra_config.mode is RunMode.MULTIRUN
    try:
        loaded = check_config(Composed(_without_hydra(cfg), Origins()), config_dir)
        outcome = daemon.run(loaded, folder, in_sweep=in_sweep)
    except (QuantAIError, OSError) as error:
        outcome = _failed(error, folder)
    else:
        print_outcome(outcome, folder, brief=in_sweep, open_report=loaded.config.simulation.open_report)
    if not in_sweep or outcome.interrupted:
        raise SystemExit(outcome.status)


def _failed(error: Exception, folder: Path) -> daemon.Outcome:
    print_error(error)
    status = error.exit_status if isinstance(error, QuantAIError) else StartupError.exit_status
    with suppress(OSError):  # the disk may be what failed
        write_summary(folder, {"status": "failed", "error": str(error), "exit_status": status})
    return daemon.Outcome(status, errors=[str(error)])


def _without_hydra(cfg: DictConfig) -> DictConfig:
    with open_dict(cfg):
        cfg.pop("hydra", None)
    return cfg


if __name__ == "__main__":
    main()
