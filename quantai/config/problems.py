"""What is wrong with a configuration, a line each, all at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quantai.core.errors import ConfigError

KeyPath = tuple[str, ...]

_MAX_VALUE = 60
_LOOKS_SECRET = re.compile(r"api|key|secr|token|pass|pwd|pin|auth|credential|private", re.IGNORECASE)
_HAS_USER = re.compile(r"://.*@")

HIDDEN = "(not shown)"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it was written, which key, what is wrong. `shown` is the value, never a secret."""

    path: KeyPath
    message: str
    where: str = ""
    shown: str | None = None

    def __str__(self) -> str:
        key = ".".join(self.path) or "the configuration"
        value = "" if self.shown is None else f" = {self.shown}"
        return f"{self.where or 'composed configuration'}: {key}{value}: {self.message}"


class ConfigProblems(ConfigError):
    """The configuration is wrong; `problems` says everything that is."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(set(problems), key=lambda problem: (problem.where, problem.path, problem.message))
        count = len(self.problems)
        super().__init__(
            "\n".join([*map(str, self.problems), f"{count} mistake{'s' if count != 1 else ''}, nothing was started"])
        )


def show_value(path: KeyPath, value: Any) -> str:
    """`value` as one short line, hidden where the key sounds like a secret, or the value like an address with one."""
    if path and _LOOKS_SECRET.search(path[-1]) and value is not None and not _is_reference(value):
        return HIDDEN
    if isinstance(value, str) and _HAS_USER.search(value):
        return HIDDEN
    text = repr(value) if isinstance(value, str) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("${")
