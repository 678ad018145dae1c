"""The commands that look into a running daemon, and stop it from trading."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from quantai.cli.control import act, look

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the commands."""
    look.add_parsers(commands)
    act.add_parsers(commands)
