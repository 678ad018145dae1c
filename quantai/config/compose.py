"""From YAML files and overrides to one composed configuration, by Hydra, remembering who wrote what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.plugins import Plugins
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from quantai.config.folders import shipped_conf
from quantai.config.origins import COMMAND_LINE, Origins
from quantai.config.problems import ConfigProblems, Problem
from quantai.config.secrets import register_resolvers
from quantai.core.identifiers import nearest

CONFIG_NAME = "config"


class ShippedConfiguration(SearchPathPlugin):
    """Makes Hydra look into the shipped `conf/` after the folder it was started with."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the shipped folder as the last one."""
        search_path.append(provider="quantai", path=f"file://{shipped_conf()}")


@dataclass(frozen=True)
class Composed:
    """The configuration as composed, interpolations unresolved, and where its keys come from."""

    cfg: DictConfig
    origins: Origins


def config_folders(config_dir: Path | None) -> list[Path]:
    """Where Hydra will look for configuration files: the user's folder, then the shipped one.

    Raises `ConfigProblems` where the user's folder does not exist.
    """
    Plugins.instance().register(ShippedConfiguration)
    if config_dir is not None and not config_dir.is_dir():
        raise ConfigProblems([Problem((), f"there is no folder {config_dir}", "command line (--config-dir)")])
    return [*([config_dir.resolve()] if config_dir else []), shipped_conf()]


def force_values(overrides: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Turn plain `key=value` into Hydra's `++key=value`, so that our schema, not Hydra, judges unknown keys.

    That lets parameters with a default in code be set without naming them in YAML, and gives mistakes the same one-line
    answer wherever they are made. Choices of groups (`mode=paper`) and Hydra's own keys stay as they are.
    """
    return [_forced(override, folders) for override in overrides]


def _forced(text: str, folders: Sequence[Path]) -> str:
    override = parse_override(text)
    plain = override.type == OverrideType.CHANGE and override.package is None and not override.is_hydra_override()
    return f"++{text}" if plain and not _is_group(override.key_or_group, folders) else text


def _is_group(key: str, folders: Sequence[Path]) -> bool:
    return any((folder / key).is_dir() for folder in folders)


def parse_override(text: str) -> Override:
    """One override by Hydra's grammar. Raises `ConfigProblems`."""
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException:
        key, equals, _ = text.partition("=")  # a value may be a secret, and so may what the parser says of it
        message = f"{key}{equals} is not an override; write key=value, e.g. mode=simulation"
        raise ConfigProblems([Problem((), message, COMMAND_LINE)]) from None


def compose_config(
    overrides: Sequence[str], config_dir: Path | None = None, config_name: str = CONFIG_NAME
) -> Composed:
    """Compose `config_name` with `overrides`; files in `config_dir` come before the shipped ones of the same name.

    Raises `ConfigProblems` for what Hydra cannot compose: unknown choices, broken YAML, bad overrides.
    """
    register_resolvers()
    folders = config_folders(config_dir)
    forced = force_values(overrides, folders)
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(folders[0]), job_name="quantai", version_base="1.3"):
        try:
            cfg = compose(config_name, forced, return_hydra_config=True)
            origins = _origins(config_name, forced, folders)
        except (HydraException, OmegaConfBaseException, yaml.YAMLError, OSError, ValueError) as error:
            raise ConfigProblems([_composition_problem(error, folders, overrides)]) from None
    with open_dict(cfg):
        cfg.pop("hydra")
    return Composed(cfg, origins)


def _origins(config_name: str, overrides: Sequence[str], folders: Sequence[Path]) -> Origins:
    loader = GlobalHydra.instance().config_loader()
    defaults = loader.compute_defaults_list(config_name, list(overrides), RunMode.RUN)
    origins = Origins()
    for default in defaults.defaults:
        file = _find(default.config_path or "", folders)
        if file:
            origins.add_file(file, default.package or "")
    for override in defaults.config_overrides:
        path = tuple(override.key_or_group.split("."))
        origins.add_override(path)
    return origins


def _find(config_path: str, folders: Sequence[Path]) -> Path | None:
    candidates = [folder / f"{config_path.removesuffix('.yaml')}.yaml" for folder in folders]
    return next((file for file in candidates if file.is_file()), None)


def _composition_problem(error: Exception, folders: Sequence[Path], overrides: Sequence[str]) -> Problem:
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _missing_choice(error, folders, overrides)
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return Problem((), f"not valid YAML: {error.problem}", f"{mark.name}:{mark.line + 1}")
    if isinstance(error, ConfigCompositionException) and error.__cause__ is not None:
        return Problem((), f"{_first_line(error)} ({_first_line(error.__cause__)})")
    if match := re.match(r"(?:Ambiguous value for argument|Sweep parameters) '\+*(.+?)=", str(error)):
        key = tuple(match[1].split("."))
        return Problem(key, "several values for a key need a sweep: quantai-daemon -m ...", COMMAND_LINE)
    return Problem((), _first_line(error))


def _missing_choice(error: MissingConfigException, folders: Sequence[Path], overrides: Sequence[str]) -> Problem:
    group, _, choice = str(error.missing_cfg_file).removesuffix(".yaml").rpartition("/")
    options = sorted({file.stem for folder in folders for file in (folder / group).glob("*.yaml")})
    near = nearest(choice, options)
    chosen = any(re.match(rf"[+~]*{re.escape(group)}(@.*)?=", text) for text in overrides)
    where = COMMAND_LINE if chosen else "defaults list"
    hint = f"did you mean {near!r}?" if near else f"there are {', '.join(options) or 'none'}"
    message = f"no file {group}/{choice}.yaml in the configuration; {hint}" if group else f"no {choice}.yaml; {hint}"
    return Problem(tuple(filter(None, [group])), message, where, repr(choice))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def to_yaml(cfg: DictConfig) -> str:
    """The configuration as composed, references unresolved: what `.hydra/config.yaml` holds, and what is hashed."""
    return OmegaConf.to_yaml(cfg, resolve=False, sort_keys=True)
