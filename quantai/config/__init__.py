"""The configuration: composed by Hydra, guarded by Pydantic, refused before anything starts."""

from quantai.config.load import LoadedConfig, check_config, load_config
from quantai.config.problems import ConfigProblems, Problem
from quantai.config.schema import Config

__all__ = ["Config", "ConfigProblems", "LoadedConfig", "Problem", "check_config", "load_config"]
