"""PostgreSQL gets the rows of each table at once: its driver sends them all before it waits for an answer."""

from __future__ import annotations

from contextlib import closing

from sqlalchemy import Connection, Dialect, bindparam, update

from quantai.oms.journal import tables
from quantai.oms.journal.rows import WRITTEN, Rows
from quantai.oms.journal.statements import Statements, Step


class PostgresqlStatements(Statements):
    """Inserts table by table, in a transaction."""

    def __init__(self, dialect: Dialect, on_step: Step) -> None:
        super().__init__(dialect, on_step)
        parts = {table: self._insert_into(table) for table in WRITTEN}
        self._inserts = {table: f"{one.before} VALUES {one.values}{one.after}" for table, one in parts.items()}
        runs = tables.runs
        mark = update(runs).where(runs.c.run_id == bindparam("run")).values(last_entry=bindparam("last"))
        self._mark = self._compiled(mark)

    def write(self, connection: Connection, rows: Rows, run_id: int, last_entry: int) -> int:
        duplicates = 0
        with connection.begin():
            with self._translated(), closing(connection.connection.cursor()) as cursor:
                for table, some in rows.by_table():
                    cursor.executemany(self._inserts[table], some)
                    if table is tables.fills:
                        duplicates = len(some) - int(cursor.rowcount)
                    self._on_step(table.name)
                cursor.execute(self._mark, (last_entry, run_id))
            self._on_step("commit")
        return duplicates
