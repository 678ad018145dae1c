"""The statements of the writer: compiled once, filled with rows of tuples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, Table, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from quantai.oms.journal import tables
from quantai.oms.journal.rows import Row, Rows

_KEYS = {
    tables.orders: ("client_order_id",),
    tables.venue_ids: ("venue", "venue_order_id"),
    tables.positions: ("strategy", "venue", "symbol"),
    tables.balances: ("venue", "currency"),
    tables.settings: ("key",),
}
_KEPT = {"number"}
"""What an order keeps from when it was made."""

_MOST_ROWS = 64


class Statements:
    """Inserts for one kind of database: what has a key replaces what was there, a fill that is there stays.

    Into SQLite many rows go by one statement: its driver takes the interpreter's lock again after each, and waits for
    it while the event loop is busy. PostgreSQL's sends them all before it waits, and is slow with long statements.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._driver_error: type[Exception] = dialect.loaded_dbapi.Error
        self._parts = {table: self._parts_of(table) for table in tables.metadata.tables.values()}
        self._inserts: dict[tuple[Table, int], str] = {}
        mark = update(tables.runs).where(tables.runs.c.run_id == bindparam("run")).values(last_entry=bindparam("last"))
        self._mark = self._compiled(mark)

    def insert(self, connection: Connection, table: Table, rows: Sequence[Row]) -> int:
        """Write `rows`; how many there were room for."""
        with self._cursor(connection) as cursor:
            if self._dialect.name != "sqlite":
                cursor.executemany(self._insert_of(table, 1), rows)
                return int(cursor.rowcount)
            written = first = 0
            while first < len(rows):
                size = min(_MOST_ROWS, 1 << (len(rows) - first).bit_length() - 1)
                values = tuple(chain.from_iterable(rows[first : first + size]))
                written += cursor.execute(self._insert_of(table, size), values).rowcount
                first += size
            return written

    def mark(self, connection: Connection, run_id: int, last_entry: int) -> None:
        """Write which entry is the last."""
        with self._cursor(connection) as cursor:
            cursor.execute(self._mark, (last_entry, run_id))

    def write(self, connection: Connection, rows: Rows, on_step: Callable[[str], None]) -> int:
        """Write all of `rows`, telling `on_step` of each table; how many of its fills were there before."""
        duplicates = 0
        for table, some in rows.by_table():
            written = self.insert(connection, table, some)
            if table is tables.fills:
                duplicates = len(some) - written
            on_step(table.name)
        return duplicates

    @contextmanager
    def _cursor(self, connection: Connection) -> Iterator[Any]:
        """The driver's own: SQLAlchemy's detour takes longer than SQLite does. Raises what SQLAlchemy would."""
        cursor = connection.connection.cursor()
        try:
            yield cursor
        except self._driver_error as error:
            raise DBAPIError.instance(None, None, error, self._driver_error, dialect=self._dialect) from error
        finally:
            cursor.close()

    def _insert_of(self, table: Table, size: int) -> str:
        """The statement for so many rows."""
        found = self._inserts.get((table, size))
        if found is None:
            before, values, after = self._parts[table]
            found = self._inserts[table, size] = before + ", ".join([values] * size) + after
        return found

    def _parts_of(self, table: Table) -> tuple[str, str, str]:
        """The statement before, of, and after the values of a row."""
        before, keyword, rest = self._compiled(self._insert(table)).partition(" VALUES ")
        values, bracket, after = rest.partition(")")
        return before + keyword, values + bracket, after

    def _insert(self, table: Table) -> Any:
        insert = sqlite.insert(table) if self._dialect.name == "sqlite" else postgresql.insert(table)
        if table is tables.fills:
            return insert.on_conflict_do_nothing()
        key = _KEYS.get(table)
        if key is None:
            return insert
        kept = {*key, *_KEPT}
        new = {column.name: insert.excluded[column.name] for column in table.c if column.name not in kept}
        return insert.on_conflict_do_update(index_elements=key, set_=new)

    def _compiled(self, statement: Any) -> str:
        return str(statement.compile(dialect=self._dialect))
