"""What goes to SQLite as JSON comes back as it was, type and all; what would not is refused, and nothing of its batch
is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, Connection, delete, select

from quantai.oms.journal import tables
from quantai.oms.journal.database import is_refusal, open_engine
from quantai.oms.journal.rows import Rows
from quantai.oms.journal.sqlite_statements import SqliteStatements
from quantai.oms.journal.statements import no_step

RUN = 3
LEAST, MOST = -(2**63), 2**63 - 1

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
numbers = st.integers(LEAST, MOST) | st.sampled_from([LEAST, MOST, 2**53 + 1, -(2**53) - 1, 0])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connection, SqliteStatements]]:
    """A journal with a run in it, and what writes to it."""
    path: Path = tmp_path_factory.mktemp("values") / "journal.db"
    engine = open_engine(URL.create("sqlite+pysqlite", database=str(path)), 1, is_writer=True)
    with engine.connect() as connection:
        with connection.begin():
            tables.metadata.create_all(connection)
            connection.exec_driver_sql(f"INSERT INTO runs VALUES ({RUN}, 1, NULL, 0)")
        yield connection, SqliteStatements(engine.dialect, no_step)
    engine.dispose()


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(numbers, st.tuples(numbers, texts, texts), max_size=6), numbers)
@example({1: (2, '{"a": [1, "\\u0000"]}', "null")}, MOST)
@example({1: (2, "\U0001f4a5 \x7f \u2028 \ufffe \\", "true")}, LEAST)
def test_numbers_and_texts_come_back_as_they_were(
    file: tuple[Connection, SqliteStatements], kept: dict[int, tuple[int, str, str]], last: int
) -> None:
    connection, statements = file
    with connection.begin():
        connection.execute(delete(tables.quarantine))
    rows = Rows()
    for number, (ts_ns, text, error) in kept.items():
        rows.set_aside(number, ts_ns, text, error)
    assert statements.write(connection, rows, RUN, last) == 0
    with connection.begin():
        found = connection.execute(select(tables.quarantine)).all()
        assert connection.execute(select(tables.runs.c.last_entry)).scalar_one() == last
        types = connection.exec_driver_sql(
            "SELECT DISTINCT typeof(sequence) || typeof(ts_ns) || typeof(entry) FROM quarantine"
        )
        assert set(types.scalars()) <= {"integerintegertext"}
    assert {row.sequence: tuple(row[1:]) for row in found} == kept


@pytest.mark.parametrize("text", ["a\0", "\ud800", "\udfff\0"])
def test_a_text_that_is_none_is_a_refusal_and_nothing_of_its_batch_is_kept(
    file: tuple[Connection, SqliteStatements], text: str
) -> None:
    connection, statements = file
    rows = Rows()
    rows.set_aside(1, 2, "good", text)
    rows._settings = {text: (text, "value"), "good": ("good", "value")}
    with pytest.raises((ValueError, UnicodeEncodeError)) as raised:
        statements.write(connection, rows, RUN, 77)
    assert is_refusal(raised.value)
    with connection.begin():
        assert connection.execute(select(tables.settings)).all() == []
        assert connection.execute(select(tables.runs.c.last_entry)).scalar_one() != 77
    assert statements.write(connection, Rows(), RUN, 78) == 0
