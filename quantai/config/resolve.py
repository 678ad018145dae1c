"""Interpolations to values, every failure told, not only the first."""

from __future__ import annotations

import re
from typing import Any

from omegaconf import Container, DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from quantai.config.problems import KeyPath, Problem


class Unresolved:
    """Stands where a value could not be had, so that one mistake is not told twice."""


UNRESOLVED = Unresolved()


def resolve(cfg: DictConfig) -> tuple[dict[str, Any], list[Problem]]:
    """The configuration as plain values, with `UNRESOLVED` where one cannot be had, and why."""
    problems: list[Problem] = []
    values = _resolve(cfg, (), problems)
    return values, problems


def _resolve(node: Container, path: KeyPath, problems: list[Problem]) -> Any:
    if isinstance(node, ListConfig):
        return [_resolve_item(node, index, (*path, str(index)), problems) for index in range(len(node))]
    return {str(key): _resolve_item(node, key, (*path, str(key)), problems) for key in node}


def _resolve_item(node: Any, key: Any, path: KeyPath, problems: list[Problem]) -> Any:
    if OmegaConf.is_missing(node, key):
        problems.append(Problem(path, "must be set: it is ??? in the configuration"))
        return UNRESOLVED
    try:
        value = node[key]
    except OmegaConfBaseException as error:
        problems.append(Problem(path, _why(error), shown=raw_text(node, key)))
        return UNRESOLVED
    return _resolve(value, path, problems) if isinstance(value, Container) else value


def raw_text(node: Any, key: Any) -> str | None:
    """The value as written, where that is an interpolation."""
    child = node._get_node(key)
    raw = child._value() if child is not None else None
    return raw if isinstance(raw, str) and "${" in raw else None


def raw_at(cfg: DictConfig, path: KeyPath) -> str | None:
    """The interpolation written at `path`, or None where a plain value is."""
    node: Any = cfg
    for key in path[:-1]:
        node = node[int(key)] if isinstance(node, ListConfig) else node[key]
        if not isinstance(node, Container):
            return None
    last: Any = int(path[-1]) if isinstance(node, ListConfig) else path[-1]
    return raw_text(node, last) if last in node or isinstance(node, ListConfig) else None


def _why(error: OmegaConfBaseException) -> str:
    text = str(error).strip().splitlines()[0]
    if match := re.search(r"Environment variable '([^']+)' not found", text):
        return f"the environment variable {match[1]} is not set"
    return text.partition(" raised while resolving interpolation: ")[2] or text
