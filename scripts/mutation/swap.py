"""Puts the code of a mutant in the place of the code that is loaded."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import CodeType, FunctionType

from scripts.mutation.mutants import Mutant, code_of_functions

Key = tuple[str, str, int]
"""Of a function: file, qualified name, first line."""

Functions = Mapping[Key, Sequence[FunctionType]]


class NothingToSwap(Exception):
    """The mutant is the code that is there, or none, or no function that is loaded can take its code."""


def loaded_functions(root: Path) -> Functions:
    """All functions of the files under `root` that exist now."""
    found: dict[Key, list[FunctionType]] = defaultdict(list)
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename.startswith(str(root)):
            code = thing.__code__
            found[code.co_filename, code.co_qualname, code.co_firstlineno].append(thing)
    return found


def swap(mutant: Mutant, functions: Functions) -> None:
    """From now on the mutant runs.

    Raises:
        NothingToSwap: It would change nothing.
    """
    path = str(mutant.path.resolve())
    original = compile(mutant.original, path, "exec", dont_inherit=True)
    swapped = False
    try:
        mutated = compile(mutant.source, path, "exec", dont_inherit=True)
        for old, new in zip(code_of_functions(original), code_of_functions(mutated), strict=True):
            # Functions below a change of several lines differ in their first line only: they stay as they are.
            if mutant.line in _lines(old) and old != new:
                for function in functions.get((path, old.co_qualname, old.co_firstlineno), ()):
                    function.__code__ = new
                    swapped = True
    except (SyntaxError, ValueError) as error:  # ValueError: it needs other cells around it
        raise NothingToSwap(str(mutant)) from error
    if not swapped:
        raise NothingToSwap(str(mutant))


def _lines(code: CodeType) -> range:
    return range(code.co_firstlineno, max(line for *_, line in code.co_lines() if line) + 1)
