"""What the databases are told by the writer, word by word and in which portions: no server is needed to see it."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest
from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError

from quantai.oms.journal import tables
from quantai.oms.journal.database import open_engine
from quantai.oms.journal.rows import Rows
from quantai.oms.journal.statements import Statements

POSTGRES = URL.create("postgresql+psycopg", username="u", host="h", database="d")
SQLITE = URL.create("sqlite+pysqlite", database="/none/journal.db")
BOTH = pytest.mark.parametrize(("url", "mark"), [(SQLITE, "?"), (POSTGRES, "%s")], ids=["sqlite", "postgresql"])


def statements(url: URL) -> Statements:
    return Statements(open_engine(url, 1, is_writer=True).dialect)


def plain(statement: str) -> str:
    """Without the casts and quotes that one of the two writes."""
    return re.sub(r'::[A-Z]+|"', "", statement)


class Cursor:
    """Remembers what the driver was told, and takes all but `refused` rows."""

    def __init__(self, refused: int = 0, error: Exception | None = None) -> None:
        self.one: list[tuple[str, Any]] = []
        self.many: list[tuple[str, Any]] = []
        self.rowcount = 0
        self.is_closed = False
        self._refused = refused
        self._error = error

    @property
    def connection(self) -> Cursor:
        """It is its own connection, and that of the driver."""
        return self

    def cursor(self) -> Cursor:
        return self

    def execute(self, statement: str, values: Any) -> Cursor:
        if self._error is not None:
            raise self._error
        self.one.append((statement, values))
        self.rowcount = statement.count("(?") - self._refused
        return self

    def executemany(self, statement: str, rows: Any) -> None:
        self.many.append((statement, rows))
        self.rowcount = len(rows) - self._refused

    def close(self) -> None:
        self.is_closed = True


def connected(cursor: Cursor) -> Connection:
    return cast(Connection, cursor)


@BOTH
def test_what_has_a_key_replaces_what_was_there(url: URL, mark: str) -> None:
    made = statements(url)
    row = f"({mark}, {mark})"
    assert plain(made._insert_of(tables.settings, 1)) == (
        f"INSERT INTO settings (key, value) VALUES {row} ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    )
    assert plain(made._insert_of(tables.balances, 2)) == (
        f"INSERT INTO balances (venue, currency, amount) VALUES ({mark}, {mark}, {mark}), ({mark}, {mark}, {mark}) "
        "ON CONFLICT (venue, currency) DO UPDATE SET amount = excluded.amount"
    )
    assert made._insert_of(tables.venue_ids, 1).endswith(
        " ON CONFLICT (venue, venue_order_id) DO UPDATE SET client_order_id = excluded.client_order_id"
    )
    assert made._insert_of(tables.positions, 1).endswith(
        " ON CONFLICT (strategy, venue, symbol) DO UPDATE SET quantity = excluded.quantity, cost = excluded.cost, "
        "realized_pnl = excluded.realized_pnl, traded_notional = excluded.traded_notional, fees = excluded.fees"
    )


@BOTH
def test_an_order_keeps_its_number_and_its_id(url: URL, mark: str) -> None:
    _, _, after = statements(url)._insert_of(tables.orders, 1).partition(")" + " ON CONFLICT ")
    assert after.startswith("(client_order_id) DO UPDATE SET strategy = excluded.strategy, venue = excluded.venue, ")
    assert after.count("= excluded.") == len(tables.orders.c) - 2
    assert "number" not in after


@BOTH
def test_a_fill_that_is_there_stays_and_what_has_no_key_is_added(url: URL, mark: str) -> None:
    made = statements(url)
    assert plain(made._insert_of(tables.fills, 1)).endswith(f", {mark}) ON CONFLICT DO NOTHING")
    values = ", ".join([mark] * 4)
    assert plain(made._insert_of(tables.quarantine, 1)) == (
        f"INSERT INTO quarantine (sequence, ts_ns, entry, error) VALUES ({values})"
    )
    assert made._insert_of(tables.quarantine, 1) is made._insert_of(tables.quarantine, 1)


@BOTH
def test_the_last_entry_is_noted_with_the_run(url: URL, mark: str) -> None:
    cursor = Cursor()
    statements(url).mark(connected(cursor), 3, 44)
    [(statement, values)] = cursor.one
    assert plain(statement) == f"UPDATE runs SET last_entry={mark} WHERE runs.run_id = {mark}"
    assert values == (44, 3)
    assert cursor.is_closed


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (2, [2]), (3, [2, 1]), (64, [64]), (65, [64, 1]), (102, [64, 32, 4, 2])]
)
def test_a_file_gets_many_rows_by_one_statement(count: int, sizes: list[int]) -> None:
    cursor = Cursor()
    rows = [(str(number), "v") for number in range(count)]
    assert statements(SQLITE).insert(connected(cursor), tables.settings, rows) == count
    assert [len(values) // 2 for _, values in cursor.one] == sizes
    assert [value for _, values in cursor.one for value in values] == [value for row in rows for value in row]
    assert (cursor.many, cursor.is_closed) == ([], True)


def test_a_server_gets_a_row_by_a_statement_and_all_at_once() -> None:
    made, cursor = statements(POSTGRES), Cursor(refused=1)
    rows = [("a", "1"), ("b", "2"), ("c", "3")]
    assert made.insert(connected(cursor), tables.settings, rows) == 2
    assert cursor.many == [(made._insert_of(tables.settings, 1), rows)]
    assert (cursor.one, cursor.is_closed) == ([], True)


def test_every_table_is_a_step_and_only_fills_that_were_there_are_counted() -> None:
    rows = Rows()
    rows._settings = {"a": ("a", "1"), "b": ("b", "2")}
    rows._fills = [("a", number, "", "1", "1", "0", "USDT", "MAKER", 1) for number in range(4)]
    steps: list[str] = []
    cursor = Cursor(refused=1)
    assert statements(SQLITE).write(connected(cursor), rows, steps.append) == 1
    assert steps == ["fills", "settings"]


def test_what_the_driver_raises_is_raised_as_sqlalchemy_would() -> None:
    made = statements(SQLITE)
    error = made._driver_error("disk I/O error")
    cursor = Cursor(error=error)
    with pytest.raises(DBAPIError) as raised:
        made.mark(connected(cursor), 1, 1)
    assert raised.value.orig is error
    assert raised.value.__cause__ is error
    assert cursor.is_closed
