"""From overrides to a valid `Config`, or every mistake at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from pydantic import ValidationError

from quantai.config.components import check_components
from quantai.config.compose import CONFIG_NAME, Composed, compose_config, to_yaml
from quantai.config.folders import make_strategies_importable
from quantai.config.problems import HIDDEN, ConfigProblems, KeyPath, Problem
from quantai.config.references import check_combinations, check_references
from quantai.config.resolve import raw_at, resolve
from quantai.config.schema import Config
from quantai.config.secrets import REFERENCE_HELP, is_reference, register_resolvers, secret_paths
from quantai.config.validate import problems_of


@dataclass(frozen=True)
class LoadedConfig:
    """A valid configuration. `config_hash` is of the configuration as composed, before secrets are put in."""

    config: Config
    config_hash: str


def load_config(
    overrides: Sequence[str] = (), config_dir: Path | None = None, config_name: str = CONFIG_NAME
) -> LoadedConfig:
    """Compose and check. Raises `ConfigProblems` with everything that is wrong; nothing was started then."""
    return check_config(compose_config(overrides, config_dir, config_name), config_dir)


def check_config(composed: Composed, config_dir: Path | None = None) -> LoadedConfig:
    """Check a composed configuration. Raises `ConfigProblems`."""
    register_resolvers()
    make_strategies_importable(config_dir)
    values, problems = resolve(composed.cfg)
    components = check_components(values)
    config: Config | None = None
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        problems += problems_of(error, Config, values)
    problems += _literal_secrets(composed.cfg, [*secret_paths(Config, values), *components.secrets])
    problems += components.problems
    problems += check_references(values)
    if config is not None and not problems:
        problems += check_combinations(config)
    if problems or config is None:
        raise ConfigProblems([_placed(problem, composed) for problem in problems])
    return LoadedConfig(config, config_hash(composed.cfg))


def config_hash(cfg: DictConfig) -> str:
    """16 hexadecimal digits that change with any key of the composed configuration, secrets' values aside."""
    return hashlib.blake2b(to_yaml(cfg).encode(), digest_size=8).hexdigest()


def _literal_secrets(cfg: DictConfig, paths: Sequence[KeyPath]) -> list[Problem]:
    return [Problem(path, REFERENCE_HELP, shown=HIDDEN) for path in paths if not is_reference(raw_at(cfg, path))]


def _placed(problem: Problem, composed: Composed) -> Problem:
    """The problem with the place where its key was written, and interpolations shown as written."""
    written = _raw(composed.cfg, problem)
    return replace(
        problem,
        where=problem.where or composed.origins.place(problem.path),
        shown=written if written and problem.shown not in (None, HIDDEN) else problem.shown,
    )


def _raw(cfg: DictConfig, problem: Problem) -> Any:
    try:
        return raw_at(cfg, problem.path) if problem.path else None
    except (KeyError, ValueError, TypeError, AttributeError, IndexError):
        return None
