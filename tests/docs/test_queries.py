"""Every query of the guide gives, on a recorded store, what plain Python makes of the events that were recorded."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tests.docs.answers import EXPECTED, Row, Rows
from tests.docs.session import Session

GUIDE = Path(__file__).parents[2] / "docs/guides/queries.md"


def code_blocks() -> dict[str, list[tuple[str, str]]]:
    """Language and text of the blocks below each heading."""
    sections = re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    pattern = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return {heading: found for heading, body in sections if (found := pattern.findall(body))}


def queries() -> list[Any]:
    return [
        pytest.param(heading, number, language, text, id=f"{heading}, {number + 1}: {language}")
        for heading, found in code_blocks().items()
        for number, (language, text) in enumerate(found)
    ]


def records(result: Any) -> Rows:
    if isinstance(result, duckdb.DuckDBPyRelation):
        return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]
    if isinstance(result, pl.DataFrame):
        return result.to_dicts()
    rows: Rows = result.to_dict("records")
    return rows


def run_python(text: str) -> Any:
    """What the block assigns last."""
    assigned = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Assign | ast.AugAssign)]
    last = max(assigned, key=lambda node: node.lineno)
    target = last.targets[0] if isinstance(last, ast.Assign) else last.target
    namespace: Row = {}
    exec(compile(text, GUIDE.name, "exec"), namespace)
    return namespace[next(node.id for node in ast.walk(target) if isinstance(node, ast.Name))]


def is_same(found: Any, expected: Any) -> bool:
    """Exactly, but for floats: their sums depend on the order."""
    return bool(found == (pytest.approx(expected, rel=1e-9, abs=1e-9) if isinstance(expected, float) else expected))


def check(found: Rows, expected: Rows) -> None:
    assert len(found) == len(expected)
    for row, wanted in zip(found, expected, strict=True):
        assert {name: row[name] for name in wanted if not is_same(row[name], wanted[name])} == {}, wanted


@pytest.mark.parametrize(("heading", "number", "language", "text"), queries())
def test_a_query_of_the_guide_gives_what_plain_python_gives(
    heading: str,
    number: int,
    language: str,
    text: str,
    folder: Path,
    session: Session,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    if "s3://" in text:
        request.getfixturevalue("bucket")
    expected = EXPECTED[heading][number](session)
    found = duckdb.sql(text) if language == "sql" else run_python(text)
    if isinstance(expected, float):
        assert found == pytest.approx(expected)
    else:
        assert expected
        check(records(found), expected)


def test_every_query_is_checked() -> None:
    assert {heading: len(found) for heading, found in code_blocks().items()} == {
        heading: len(expected) for heading, expected in EXPECTED.items()
    }
