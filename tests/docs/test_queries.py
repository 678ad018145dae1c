"""Every query of the guide gives, on a recorded store, what plain Python makes of the events that were recorded."""

from __future__ import annotations

import ast
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from quantai.core.enums import Liquidity, Side
from quantai.events import FillEvent, OrderFilledEvent, OrderPartiallyFilledEvent, TickEvent
from quantai.events.persistence import PartWriter
from quantai.events.persistence.schema import arrow_schema, to_table
from tests.docs.answers import EXPECTED, Row, Rows
from tests.docs.session import FIRST_DAY, Session, to_ns

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


def test_slippage_has_a_mid_for_every_fill_where_some_files_are_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB 2.0.0 loses rows there where an ASOF join has two conditions of equality."""
    count, start_ns, parts = 1_000, to_ns(FIRST_DAY), PartWriter(tmp_path / "store")
    columns = {name: start_ns + np.arange(1, count + 1) * 10 for name in ("ts_event", "ts_init")}
    columns |= {field.name: np.full(count, 2.0) for field in arrow_schema(TickEvent) if field.name not in columns}
    parts.write(TickEvent, "binance", "BTC/USDT", pa.table(columns, schema=arrow_schema(TickEvent)))
    for cls, many in ((OrderFilledEvent, 18), (OrderPartiallyFilledEvent, 19)):
        fills = [fill(cls, start_ns + 15 + 10 * count * number // many) for number in range(many)]
        for some in (fills[:-1], fills[-1:]):
            parts.write(cls, "binance", "BTC/USDT", to_table(cls, some))
    monkeypatch.chdir(tmp_path)
    [query] = [text for language, text in code_blocks()["Slippage against mid"] if language == "sql"]
    assert [row["mid"] for row in records(duckdb.sql(query))] == [2.0] * 37


def fill(cls: type[FillEvent], ts: int) -> FillEvent:
    amounts = Decimal(2), Decimal(1), Decimal(1), Decimal(0), Decimal(0)
    return cls("order", "demo", "binance", "BTC/USDT", ts, ts, "", str(ts), Side.BUY, *amounts, "USDT", Liquidity.TAKER)


def test_every_query_is_checked() -> None:
    assert {heading: len(found) for heading, found in code_blocks().items()} == {
        heading: len(expected) for heading, expected in EXPECTED.items()
    }
