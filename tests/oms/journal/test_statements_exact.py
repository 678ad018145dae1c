"""What the databases are told by the writer, word by word: no server is needed to see it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import URL, Connection, select
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from quantai.oms.journal import tables
from quantai.oms.journal.database import open_engine
from quantai.oms.journal.postgresql_statements import PostgresqlStatements
from quantai.oms.journal.rows import WRITTEN, Row, Rows
from quantai.oms.journal.sqlite_statements import SqliteStatements, _text_of
from quantai.oms.journal.statements import Statements, Step, no_step

POSTGRES = URL.create("postgresql+psycopg", username="u", host="h", database="d")
SQLITE = URL.create("sqlite+pysqlite", database="/none/journal.db")


def statements(url: URL, on_step: Step = no_step) -> Statements:
    dialect = open_engine(url, 1, is_writer=True).dialect
    return SqliteStatements(dialect, on_step) if dialect.name == "sqlite" else PostgresqlStatements(dialect, on_step)


@pytest.fixture(params=[SQLITE, POSTGRES], ids=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest) -> Statements:
    return statements(request.param)


def plain(statement: str) -> str:
    """Without the casts and quotes that one of the two writes, and with one kind of placeholder."""
    return re.sub(r'::[A-Z]+|"', "", statement).replace("%s", "?")


def told(made: Statements, name: str) -> tuple[str, str, str]:
    """The parts of the statement that writes a row of a table."""
    before, values, after = map(plain, made._insert_into(tables.metadata.tables[name]))
    return before, values, after


def test_what_has_a_key_replaces_what_was_there(made: Statements) -> None:
    assert told(made, "settings") == (
        "INSERT INTO settings (key, value)", "(?, ?)", " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )  # fmt: skip
    assert told(made, "balances") == (
        "INSERT INTO balances (venue, currency, amount)", "(?, ?, ?)",
        " ON CONFLICT (venue, currency) DO UPDATE SET amount = excluded.amount",
    )  # fmt: skip
    assert told(made, "venue_ids")[2] == (
        " ON CONFLICT (venue, venue_order_id) DO UPDATE SET client_order_id = excluded.client_order_id"
    )
    assert told(made, "positions")[2].startswith(
        " ON CONFLICT (strategy, venue, symbol) DO UPDATE SET quantity = excluded.quantity, cost = excluded.cost, "
        "realized_pnl = excluded.realized_pnl, traded_notional = excluded.traded_notional, fees = excluded.fees"
    )


def test_an_order_keeps_its_number_and_its_id(made: Statements) -> None:
    after = told(made, "orders")[2].removeprefix(" ON CONFLICT ")
    assert after.startswith("(client_order_id) DO UPDATE SET strategy = excluded.strategy, venue = excluded.venue, ")
    assert after.count("= excluded.") == len(tables.orders.c) - 2
    assert "number" not in after


def test_a_fill_that_is_there_stays_and_what_has_no_key_is_added(made: Statements) -> None:
    assert told(made, "fills")[2] == " ON CONFLICT DO NOTHING"
    assert told(made, "quarantine") == (
        "INSERT INTO quarantine (sequence, ts_ns, entry, error)", "(?, ?, ?, ?)", "",
    )  # fmt: skip


# PostgreSQL


class Cursor:
    """A connection, that of the driver, its cursor and a transaction in one: remembers what it was told."""

    def __init__(self, refused: int = 0, error: Exception | None = None) -> None:
        self.told: list[Any] = []
        self.rowcount = 0
        self._refused = refused
        self._error = error

    @property
    def connection(self) -> Cursor:
        return self

    def cursor(self) -> Cursor:
        return self

    def begin(self) -> Cursor:
        return self

    def __enter__(self) -> Cursor:
        self.told.append("begin")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.told.append("commit" if kind is None else "rollback")

    def execute(self, statement: str, values: Any) -> None:
        if self._error is not None:
            raise self._error
        self.told.append((plain(statement), values))

    def executemany(self, statement: str, rows: Any) -> None:
        self.told.append((statement.split()[2], rows))
        self.rowcount = len(rows) - self._refused

    def close(self) -> None:
        self.told.append("close")


def connected(cursor: Cursor) -> Connection:
    return cast(Connection, cursor)


FILLS: list[Row] = [("a", number, "", "1", "1", "0", "USDT", "MAKER", 1, None) for number in range(4)]


def filled(**settings: str) -> Rows:
    rows = Rows()
    rows._fills = list(FILLS)
    rows._settings = {key: (key, value) for key, value in settings.items()}
    return rows


def test_a_server_gets_all_rows_of_a_table_at_once_in_a_transaction_that_ends_with_the_last_entry() -> None:
    steps: list[str] = []
    cursor = Cursor(refused=1)
    assert statements(POSTGRES, steps.append).write(connected(cursor), filled(a="1", b="2"), 3, 44) == 1
    assert cursor.told == [
        "begin", ("fills", FILLS), ("settings", [("a", "1"), ("b", "2")]),
        ("UPDATE runs SET last_entry=? WHERE runs.run_id = ?", (44, 3)), "close", "commit",
    ]  # fmt: skip
    assert steps == ["fills", "settings", "commit"]


def test_what_the_driver_raises_is_raised_as_sqlalchemy_would() -> None:
    made = statements(POSTGRES)
    error = made._driver_error("gone")
    cursor = Cursor(error=error)
    with pytest.raises(DBAPIError) as raised:
        made.write(connected(cursor), Rows(), 1, 1)
    assert raised.value.orig is error
    assert raised.value.__cause__ is error
    assert cursor.told == ["begin", "close", "rollback"]


# SQLite


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Connection]:
    """A journal with a run and an order in it."""
    engine = open_engine(SQLITE.set(database=str(tmp_path / "journal.db")), 1, is_writer=True)
    with engine.connect() as connection:
        with connection.begin():
            tables.metadata.create_all(connection)
            connection.exec_driver_sql("INSERT INTO runs VALUES (3, 1, NULL, 0)")
        yield connection
    engine.dispose()


def kept(connection: Connection, table: Any) -> list[Row]:
    with connection.begin():
        return [tuple(row) for row in connection.execute(select(table))]


ORDER: Row = (
    1, "a", "s", "v", "X/Y", "buy", "limit", "1", "99.5", "GTC", "", 1795383600304252180, None, True, "", False,
    "PENDING_NEW", "", False, False, "0", "0", 2**63 - 1, 'a "quoted" \\u0000 \\ reason', None, None, True, "", False,
)  # fmt: skip


def ordered(order: Row = ORDER) -> Rows:
    """Rows of an order that is there as it is."""

    class Known(Rows):
        def by_table(self) -> Any:
            return iter([(tables.orders, [order]), *super().by_table()])

    return Known()


def test_a_file_keeps_numbers_flags_texts_and_what_is_not_there(file: Connection) -> None:
    made = statements(SQLITE)
    assert made.write(file, ordered(), 3, 7) == 0
    assert kept(file, tables.orders) == [ORDER]
    [run] = kept(file, tables.runs)
    assert run == (3, 1, None, 7)
    types = file.exec_driver_sql("SELECT typeof(number), typeof(ts_last), typeof(price), typeof(is_open) FROM orders")
    assert tuple(types.one()) == ("integer", "integer", "text", "integer")


def test_a_batch_is_one_transaction_whatever_is_in_it(file: Connection) -> None:
    made = statements(SQLITE)
    rows = filled(a="1")  # of an order that is not there
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        made.write(file, rows, 3, 9)
    assert (kept(file, tables.fills), kept(file, tables.settings), kept(file, tables.runs)) == (
        [],
        [],
        [(3, 1, None, 0)],
    )
    assert made.write(file, ordered(), 3, 1) == 0
    assert made.write(file, rows, 3, 9) == 0
    assert (len(kept(file, tables.fills)), kept(file, tables.settings)) == (4, [("a", "1")])


def test_fills_that_were_there_are_counted_and_nothing_else_is(file: Connection) -> None:
    made = statements(SQLITE)
    first = ordered()
    first._fills = [("a", 2, "t1", *FILLS[0][3:])]
    assert made.write(file, first, 3, 2) == 0
    again = ordered((*ORDER[:16], "FILLED", *ORDER[17:]))
    again._fills = [("a", 5, "t1", *FILLS[0][3:]), ("a", 6, "t2", *FILLS[0][3:]), ("a", 2, "t3", *FILLS[0][3:])]
    again._settings = {"k": ("k", "v")}
    assert made.write(file, again, 3, 6) == 2
    assert [row[1:3] for row in kept(file, tables.fills)] == [(2, "t1"), (6, "t2")]
    assert kept(file, tables.orders)[0][16] == "FILLED"


def test_every_table_is_a_step_for_those_who_watch(file: Connection) -> None:
    steps: list[str] = []
    made = statements(SQLITE, steps.append)
    rows = ordered()
    rows._fills = [("a", 2, "t1", *FILLS[0][3:])]
    rows.set_aside(3, 1, "text", "error")
    made.write(file, rows, 3, 2)
    assert steps == ["orders", "fills", "quarantine", "commit"]
    assert {table.name for table in WRITTEN} == set(tables.metadata.tables) - {"runs", "archiving"}


def test_nothing_is_kept_of_a_batch_that_fails_at_a_step(file: Connection) -> None:
    def fail(step: str) -> None:
        if step == "commit":
            raise OSError("the disk is gone")

    made = statements(SQLITE, fail)
    with pytest.raises(OperationalError, match="user-defined function raised exception") as raised:
        made.write(file, ordered(), 3, 2)
    assert isinstance(raised.value.orig, sqlite3.OperationalError)
    assert kept(file, tables.orders) == []


def test_another_connection_is_prepared_too(file: Connection, tmp_path: Path) -> None:
    made = statements(SQLITE)
    made.write(file, ordered(), 3, 1)
    engine = open_engine(SQLITE.set(database=str(tmp_path / "journal.db")), 1, is_writer=True)
    with engine.connect() as other:
        made.write(other, filled(), 3, 2)
        assert len(kept(other, tables.fills)) == 4
    engine.dispose()


@pytest.mark.parametrize("text", ["\0", "a\0b", "\\\0", '"\0'])
def test_a_nul_is_refused_as_json_would_cut_the_text_there(text: str) -> None:
    with pytest.raises(ValueError, match="NUL"):
        _text_of([("a", text)])


@pytest.mark.parametrize("text", ["\\u0000", "a\\\\u0000", '{"reason":"a\\u0000b"}', "u0000", "\x01"])
def test_what_only_looks_like_a_nul_is_kept(file: Connection, text: str) -> None:
    rows = Rows()
    rows._settings = {"key": ("key", text)}
    statements(SQLITE).write(file, rows, 3, 1)
    assert kept(file, tables.settings) == [("key", text)]
