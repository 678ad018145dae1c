"""SQLite gets a batch by one statement, which is a transaction: the rows of each table come as one JSON text.

A thread gives the interpreter's lock away for each statement, and has to wait for it afterwards while the event loop is
busy: with a few statements to a batch, waiting took longer than writing. So a trigger does the writing.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any

import msgspec
from sqlalchemy import Connection, Dialect, Table

from quantai.oms.journal.rows import WRITTEN, Row, Rows
from quantai.oms.journal.statements import Statements, Step

_encode = msgspec.json.Encoder().encode

# A NUL in a text, not a backslash that is written before "u0000". SQLite's JSON would end the text there.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class SqliteStatements(Statements):
    """Inserts into a view of that connection only, of which each column is a table's rows."""

    def __init__(self, dialect: Dialect, on_step: Step) -> None:
        super().__init__(dialect, on_step)
        self._prepared: sqlite3.Connection | None = None
        self._statement = f"INSERT INTO batch VALUES ({', '.join('?' * (len(WRITTEN) + 2))})"

    def write(self, connection: Connection, rows: Rows, run_id: int, last_entry: int) -> int:
        found = dict(rows.by_table())
        values = [_text_of(found[table]) if table in found else None for table in WRITTEN]
        driver: Any = connection.connection.driver_connection
        with self._translated():
            if driver is not self._prepared:
                self._prepare(driver)
            before = driver.total_changes
            driver.execute(self._statement, (*values, run_id, last_entry))
        changes = sum(map(len, found.values())) + 1
        return changes - int(driver.total_changes - before)

    def _prepare(self, driver: sqlite3.Connection) -> None:
        columns = ", ".join(f"NULL AS {table.name}" for table in WRITTEN)
        steps = [*map(self._spread, WRITTEN), _MARK, self._told("commit")]
        if self._is_watched:
            driver.create_function("tell_step", 1, self._on_step)
        driver.execute(f"CREATE TEMP VIEW batch AS SELECT {columns}, NULL AS run_id, NULL AS last_entry")
        driver.execute(f"CREATE TEMP TRIGGER spread INSTEAD OF INSERT ON batch BEGIN {' '.join(steps)} END")
        self._prepared = driver

    def _spread(self, table: Table) -> str:
        """What writes the rows of a table."""
        parts = self._insert_into(table)
        values = ", ".join(f"json_extract(value, '$[{index}]')" for index in range(len(table.c)))
        select = f"SELECT {values} FROM json_each(NEW.{table.name}) WHERE true"
        return f"{parts.before} {select}{parts.after}; {self._told(table.name, f'WHERE NEW.{table.name} IS NOT NULL')}"

    def _told(self, step: str, condition: str = "") -> str:
        """What tells a test of a step, where there is one that wants to know."""
        return f"SELECT tell_step('{step}') {condition};" if self._is_watched else ""


_MARK = "UPDATE runs SET last_entry = NEW.last_entry WHERE run_id = NEW.run_id;"


def _text_of(rows: list[Row]) -> str:
    """Raises `ValueError` for a NUL, and `UnicodeEncodeError` for what is no Unicode."""
    text = _encode(rows).decode()
    if "\\u0000" in text and _NUL.search(text):
        raise ValueError("a text has a NUL in it, which no database keeps")
    return text
