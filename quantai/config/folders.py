"""Where the shipped configuration and strategies are: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped_folder() -> Path:
    """The folder that holds the shipped `conf/` and `strategies/`."""
    inside = _PACKAGE / "shipped"
    return inside if inside.is_dir() else _PACKAGE.parent


def shipped_conf() -> Path:
    """The shipped `conf/`, the lowest layer of every configuration."""
    return shipped_folder() / "conf"


def make_strategies_importable(config_dir: Path | None) -> None:
    """Let `strategies.x.Y` be found in the working folder, beside the user's `--config-dir`, and as shipped.

    They come after everything installed, so that a file there never hides a library.
    """
    folders = [Path.cwd(), *([config_dir.parent, config_dir] if config_dir else []), shipped_folder()]
    for folder in map(str, folders):
        if folder not in sys.path:
            sys.path.append(folder)
