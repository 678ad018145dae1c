"""What mutmut would change in a file: one small change of a function's code each."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import CO_NEWLOCALS
from itertools import takewhile
from pathlib import Path
from textwrap import indent
from types import CodeType

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider, WhitespaceInclusivePositionProvider
from mutmut.mutation.file_mutation import NEVER_MUTATE_FUNCTION_NAMES, MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

CONTEXT = 24
"""Letters around a change that are shown."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file."""

    path: Path
    """Of the file, seen from the root of the repository."""

    number: int
    """Counts the mutants of a file."""

    line: int
    """The first line that changes, counted from 1."""

    statement: range
    """The lines of the statement around it, without the lines of its body."""

    original: str
    """The whole file as it was when the run began: nobody needs to keep his hands off it."""

    source: str
    """The whole file with the change."""

    change: str
    """What is replaced by what, on one line."""

    @property
    def name(self) -> str:
        """What it is called, as long as its file stays the same."""
        return f"{self.path}:{self.line} #{self.number}"

    def __str__(self) -> str:
        return f"{self.name}  {self.change}"


class _Visitor(MutationVisitor):
    """Mutates properties and the like too: code is swapped in place, so decorators do not matter here."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef) and node.decorators:
            return node.name.value in NEVER_MUTATE_FUNCTION_NAMES
        return super()._skip_node_and_children(node)


def mutants_of(path: Path) -> Iterator[Mutant]:
    """All mutants of the functions in a file, in the order of the text."""
    source = path.read_text(encoding="utf-8")
    wrapper = MetadataWrapper(cst.parse_module(source))
    visitor = _Visitor(mutation_operators, IgnoredCode(set(), set(), set()))  # no pragma hides anything
    wrapper.visit(visitor)
    starts = wrapper.resolve(PositionProvider)
    spans = wrapper.resolve(WhitespaceInclusivePositionProvider)
    statements = _statements(source)
    offsets = _offsets(source)
    for number, mutation in enumerate(visitor.mutations):
        original, span = mutation.original_node, spans.get(mutation.original_node)
        if mutation.contained_by_top_level_function is None or span is None:
            continue
        start, end = (offsets[at.line - 1] + at.column for at in (span.start, span.end))
        text = wrapper.module.code_for_node(mutation.mutated_node)
        if isinstance(original, cst.Match):  # the one kind of statement that changes as a whole
            text = indent(text, " " * starts[original].start.column)
        line = starts[original].start.line
        yield Mutant(
            path=path,
            number=number,
            line=line,
            statement=statements.get(line, range(line, line + 1)),
            original=source,
            source=source[:start] + text + source[end:],
            change=_change(" ".join(source[start:end].split()), " ".join(text.split())),
        )


def code_of_functions(code: CodeType) -> Iterator[CodeType]:
    """The code of the functions of a module and of the classes in it, not of the functions inside functions."""
    for const in code.co_consts:
        if isinstance(const, CodeType):
            if const.co_flags & CO_NEWLOCALS:  # not the body of a class
                yield const
            else:
                yield from code_of_functions(const)


def _change(before: str, after: str) -> str:
    """The two without most of what they have in common."""
    start = max(_common(before, after) - CONTEXT, 0)
    end = max(_common(before[:start:-1], after[:start:-1]) - CONTEXT, 0)
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    return f"{'…' * bool(start)}{old}{'…' * bool(end)}  ->  {new}"


def _common(one: str, other: str) -> int:
    """How many letters are the same from the start."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return sum(1 for _ in same)


def _offsets(source: str) -> Sequence[int]:
    """Where each line starts, in characters."""
    offsets = [0]
    for line in source.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    return offsets


def _statements(source: str) -> dict[int, range]:
    """For each line, the lines of the innermost statement there."""
    found: dict[int, range] = {}
    for node in ast.walk(ast.parse(source)):  # breadth first: what is inside comes later
        if isinstance(node, ast.stmt) and node.end_lineno is not None:
            body = getattr(node, "body", None) or getattr(node, "cases", None)
            first = body[0] if body else None
            if isinstance(first, ast.match_case):
                first = first.pattern
            last = first.lineno - 1 if isinstance(first, ast.stmt | ast.pattern) else node.end_lineno
            lines = range(node.lineno, max(last, node.lineno) + 1)
            found.update(dict.fromkeys(lines, lines))
    return found
