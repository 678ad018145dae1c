"""Where the daemon of a configuration is.

Only `ops` is looked at: who halts a daemon may have none of its secrets, and a mistake elsewhere in the configuration
must not keep anybody from it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from pydantic import ValidationError, create_model

from quantai.config.compose import CONFIG_NAME, Composed, compose_config
from quantai.config.problems import ConfigProblems
from quantai.config.resolve import resolve
from quantai.config.schema import OpsSection
from quantai.config.validate import problems_of
from quantai.core.errors import ConfigError
from quantai.core.params import Section
from quantai.ops.control.client import NoDaemon, ask
from quantai.ops.control.requests import AnyRequest

View = TypeVar("View", bound=msgspec.Struct)


def add_arguments(parser: argparse.ArgumentParser, *, name: str = "") -> None:
    """The arguments that say which configuration it is; among them may be the `name` of something."""
    metavar = f"{name} | key=value" if name else "key=value"
    parser.add_argument("overrides", nargs="*", metavar=metavar, help="overrides are as for quantai-daemon")
    parser.add_argument(
        "-cd", "--config-dir", type=Path, help="a folder of your own, looked into before the shipped conf/"
    )
    parser.add_argument(
        "-cn", "--config-name", default=CONFIG_NAME, help="the file that the daemon began with (default: %(default)s)"
    )


def split_name(words: Sequence[str], what: str) -> tuple[str | None, list[str]]:
    """The word that is no override, if there is one, and the overrides. Raises `ConfigError` for several."""
    names = [word for word in words if "=" not in word and not word.startswith("~")]
    if len(names) > 1:
        raise ConfigError(f"one {what} at a time, not {', '.join(names)}; overrides are written key=value")
    return (names[0] if names else None), [word for word in words if word not in names]


class Place:
    """What the command line, `options` and `overrides`, says of a daemon. Composed once: that takes a while."""

    def __init__(self, options: argparse.Namespace, overrides: Sequence[str]) -> None:
        self._overrides = overrides
        self._config_dir: Path | None = options.config_dir
        self._config_name: str = options.config_name
        self._composed: dict[tuple[str, ...], Composed] = {}

    def ask(self, request: AnyRequest, answer: type[View], timeout_s: float = 10.0) -> View:
        """What the daemon answers. Raises `ConfigProblems`, and as `quantai.ops.control.client.ask`."""
        socket: str | None = self.section("ops", OpsSection).control
        if socket is None:
            raise NoDaemon("there is no control socket (ops.control is null)")
        return ask(socket, request, answer, timeout_s)

    def section(self, group: str, kind: Any, *more: str) -> Any:
        """What the configuration, with `more` overrides, has under `group`, which is of type `kind`. Raises
        `ConfigProblems` for mistakes there, and for no others.
        """
        composed = self._compose(more)
        values, problems = resolve(composed.cfg)
        mistakes = [problem for problem in problems if problem.path[:1] == (group,)]
        field: dict[str, Any] = {group: (kind, ...)}
        part = create_model(group, __base__=Section, **field)
        own = {group: values.get(group)}
        try:
            found = part.model_validate(own)
        except ValidationError as error:
            mistakes += problems_of(error, part, own)
        if mistakes:
            raise ConfigProblems([replace(each, where=composed.origins.place(each.path)) for each in mistakes])
        return getattr(found, group)

    def _compose(self, more: tuple[str, ...]) -> Composed:
        if more not in self._composed:
            self._composed[more] = compose_config([*self._overrides, *more], self._config_dir, self._config_name)
        return self._composed[more]
