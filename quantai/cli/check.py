"""`quantai check`: compose and validate, show what would run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from quantai.cli.tree import config_tree
from quantai.config import load_config
from quantai.config.compose import CONFIG_NAME

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the command."""
    parser = commands.add_parser("check", help="check a configuration and show what it would run")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="as for quantai-daemon")
    parser.add_argument(
        "-cd", "--config-dir", type=Path, help="a folder of your own, looked into before the shipped conf/"
    )
    parser.add_argument(
        "-cn", "--config-name", default=CONFIG_NAME, help="the file to begin with (default: %(default)s)"
    )
    parser.set_defaults(command=check)


def check(options: argparse.Namespace) -> int:
    """Print the graph as a tree. Raises `ConfigProblems` with everything that is wrong."""
    loaded = load_config(options.overrides, options.config_dir, options.config_name)
    console = Console(highlight=False)
    console.print(config_tree(loaded.config))
    console.print(f"configuration {loaded.config_hash}: no mistakes found")
    return 0
