"""Where each key of the composed configuration was written: file and line, or the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from quantai.config.problems import KeyPath

COMMAND_LINE = "command line"


class Origins:
    """Key path → place. Later writers win, as in the composition."""

    def __init__(self) -> None:
        self._places: dict[KeyPath, str] = {}
        self._overrides: dict[KeyPath, str] = {}

    def add_file(self, file: Path, package: str) -> None:
        """Every key of a YAML file that is merged at the dotted `package`."""
        prefix = tuple(package.split(".")) if package else ()
        with file.open(encoding="utf-8") as stream:
            root = yaml.compose(stream, Loader=yaml.SafeLoader)
        self._places.setdefault(prefix, _short(file))
        if root is not None:
            for path, line in _keys(root, prefix):
                self._places[path] = f"{_short(file)}:{line}"

    def add_override(self, path: KeyPath) -> None:
        """A key set, or taken away, on the command line; what it had below is gone from files."""
        self._places = {known: place for known, place in self._places.items() if known[: len(path)] != path}
        self._overrides[path] = self._places[path] = COMMAND_LINE

    def place(self, path: KeyPath) -> str:
        """Where `path` was written, or the nearest of its parents; empty where nobody wrote either.

        What is wrong with a whole section is blamed on the command line where that changed something in it.
        """
        below = [place for known, place in self._overrides.items() if known[: len(path)] == path]
        if below:
            return below[-1]
        for length in range(len(path), 0, -1):
            if path[:length] in self._places:
                return self._places[path[:length]]
        return ""


def _keys(node: yaml.Node, prefix: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    children: Sequence[tuple[str, yaml.Node, int]] = ()
    if isinstance(node, yaml.MappingNode):
        children = [(str(key.value), value, key.start_mark.line + 1) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        children = [(str(index), value, value.start_mark.line + 1) for index, value in enumerate(node.value)]
    for key, value, line in children:
        path = (*prefix, key)
        yield path, line
        yield from _keys(value, path)


def _short(file: Path) -> str:
    """The path people see: from the folder they are in, or from `conf/` on where that is elsewhere."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)
