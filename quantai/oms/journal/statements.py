"""What the writer tells a database: what has a key replaces what was there, and a fill that is there stays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from quantai.oms.journal import tables
from quantai.oms.journal.rows import Rows

Step = Callable[[str], None]


def no_step(step: str) -> None:
    """Nobody wants to know."""


_KEYS = {
    tables.orders: ("client_order_id",),
    tables.venue_ids: ("venue", "venue_order_id"),
    tables.positions: ("strategy", "venue", "symbol"),
    tables.balances: ("venue", "currency"),
    tables.settings: ("key",),
}
_KEPT = {"number"}
"""What an order keeps from when it was made."""


class Parts(NamedTuple):
    """A statement up to its columns, its placeholders, and what it does about a row that is there."""

    before: str
    values: str
    after: str


class Statements(ABC):
    """Writes batches of rows in one kind of database. `on_step` is told of each step of a transaction, for tests that
    kill the process there.
    """

    def __init__(self, dialect: Dialect, on_step: Step) -> None:
        self._dialect = dialect
        self._driver_error: type[Exception] = dialect.loaded_dbapi.Error
        self._on_step = on_step
        self._is_watched = on_step is not no_step

    @abstractmethod
    def write(self, connection: Connection, rows: Rows, run_id: int, last_entry: int) -> int:
        """Write `rows`, and which entry is the last of the run, in one transaction: how many of the fills were there
        before. Raises what SQLAlchemy would.
        """

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The driver is spoken to directly, as SQLAlchemy's detour takes longer than SQLite does."""
        try:
            yield
        except self._driver_error as error:
            raise DBAPIError.instance(None, None, error, self._driver_error, dialect=self._dialect) from error

    def _insert_into(self, table: Table) -> Parts:
        """How a row is written."""
        text = self._compiled(self._insert(table))
        before, _, rest = text.partition(" VALUES ")
        values, bracket, after = rest.partition(")")
        return Parts(before, values + bracket, after)

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
