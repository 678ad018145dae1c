"""The statements of the writer: compiled once, filled with rows of tuples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Table, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from quantai.oms.journal import tables
from quantai.oms.journal.rows import Row, Rows

_PLAIN = (tables.order_events, tables.notes, tables.account_events, tables.quarantine, tables.runs)
_KEYS = {
    tables.orders: ("client_order_id",),
    tables.venue_ids: ("venue", "venue_order_id"),
    tables.positions: ("strategy", "venue", "symbol"),
    tables.balances: ("venue", "currency"),
    tables.settings: ("key",),
}
_KEPT = {"number"}
"""What an order keeps from when it was made."""


class Statements:
    """Inserts for one kind of database: what has a key replaces what was there, a fill that is there stays."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._inserts = {table.name: self._compiled(self._insert(table)) for table in _PLAIN}
        for table, key in _KEYS.items():
            insert = self._insert(table)
            new = {column.name: insert.excluded[column.name] for column in table.c if column.name not in {*key, *_KEPT}}
            self._inserts[table.name] = self._compiled(insert.on_conflict_do_update(index_elements=key, set_=new))
        self._inserts[tables.fills.name] = self._compiled(self._insert(tables.fills).on_conflict_do_nothing())
        mark = update(tables.runs).where(tables.runs.c.run_id == bindparam("run")).values(last_entry=bindparam("last"))
        self._mark = self._compiled(mark)

    def insert(self, connection: Connection, table: str, rows: Sequence[Row]) -> int:
        """Write `rows`; how many there were room for."""
        return connection.exec_driver_sql(self._inserts[table], list(rows)).rowcount

    def mark(self, connection: Connection, run_id: int, last_entry: int) -> None:
        """Write which entry is the last."""
        connection.exec_driver_sql(self._mark, (last_entry, run_id))

    def write(self, connection: Connection, rows: Rows, on_step: Callable[[str], None]) -> int:
        """Write all of `rows`, telling `on_step` of each table; how many of its fills were there before."""
        duplicates = 0
        for table, some in rows.by_table():
            written = self.insert(connection, table, some)
            if table == tables.fills.name:
                duplicates = len(some) - written
            on_step(table)
        return duplicates

    def _insert(self, table: Table) -> Any:
        return sqlite.insert(table) if self._dialect.name == "sqlite" else postgresql.insert(table)

    def _compiled(self, statement: Any) -> str:
        return str(statement.compile(dialect=self._dialect))
