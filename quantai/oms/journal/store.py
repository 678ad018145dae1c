"""The writer's side of the database: one connection, of which nothing is known after an error.

Everything here runs in the writer's thread.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, func, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from quantai.core.clock import Clock
from quantai.core.errors import StartupError
from quantai.oms.journal.database import WriterLock, is_refusal, open_engine, reason_of
from quantai.oms.journal.entries import Entry
from quantai.oms.journal.migrate import migrate
from quantai.oms.journal.postgresql_statements import PostgresqlStatements
from quantai.oms.journal.rows import Rows
from quantai.oms.journal.sqlite_statements import SqliteStatements
from quantai.oms.journal.statements import Statements, Step
from quantai.oms.journal.tables import runs

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
_MAX_QUARANTINED_CHARACTERS = 20_000


class Store:
    """Writes entries, each once, whatever becomes of a commit.

    The number of the last entry is written with the entries: a connection that was lost in a commit tells, when it is
    there again, whether that commit was made. `on_step` is told of every step, for tests that kill the process there.
    """

    def __init__(self, url: URL, clock: Clock, timeout_s: float, on_step: Step) -> None:
        self._url = url
        self._clock = clock
        self._engine = open_engine(url, timeout_s, is_writer=True)
        self._statements = _statements_for(self._engine, on_step)
        self._lock = WriterLock(url, timeout_s)
        self._on_step = on_step
        self._connection: Connection | None = None
        self._run_id = 0
        self._last_entry = 0

    def open(self, read: Callable[[Connection], Answer]) -> tuple[int, Answer]:
        """Lock, migrate, and begin a run: the number of the last entry there is, and what `read` finds. Raises
        `StartupError`.
        """
        try:
            self._lock.take_file()
            connection = self._connection = self._engine.connect()
            self._lock.take(connection)
            self._check_safety(connection)
            with connection.begin():
                migrate(connection)
            with connection.begin():
                found = read(connection)
                self._begin_run(connection)
        except (SQLAlchemyError, OSError) as error:
            raise StartupError(
                f"the order journal {self._url!r} cannot be opened: {reason_of(error)}. Check store, and that the "
                "database runs and can be written"
            ) from error
        return self._last_entry, found

    def write(self, entries: Sequence[Entry]) -> int:
        """Write what is not written yet of `entries`, in one transaction; how many of its fills were there before.

        Raises what the database raises; `is_refusal` tells errors that will not go away.
        """
        connection = self._connected()
        new = [entry for entry in entries if entry.number > self._last_entry]
        if not new:
            return 0
        rows = Rows()
        for entry in new:
            rows.add(entry)
        return self._commit(connection, new[-1].number, rows)

    def set_aside(self, entry: Entry, error: BaseException) -> None:
        """Keep `entry`, which cannot be written as what it is, where somebody can look at it. Raises as `write`."""
        connection = self._connected()
        if entry.number <= self._last_entry:
            return
        rows = Rows()
        text_of = ascii(entry.item)[:_MAX_QUARANTINED_CHARACTERS]
        rows.set_aside(entry.number, self._clock.now_ns(), text_of, reason_of(error))
        self._commit(connection, entry.number, rows)

    def transact(self, work: Callable[[Connection], Answer]) -> Answer:
        """Do `work` in a transaction of its own. Raises as `write`."""
        connection = self._connected()
        try:
            with connection.begin():
                return work(connection)
        except Exception:
            self._disconnect()
            raise

    def close(self) -> None:
        """End the run, if that can be told, and let others in."""
        if self._connection is not None and self._run_id:
            with suppress(SQLAlchemyError), self._connection.begin():
                end = update(runs).where(runs.c.run_id == self._run_id).values(ended_ns=self._clock.now_ns())
                self._connection.execute(end)
        self._disconnect()
        self._engine.dispose()
        self._lock.release_file()

    def _commit(self, connection: Connection, number: int, rows: Rows) -> int:
        try:
            self._on_step("begin")
            duplicates = self._statements.write(connection, rows, self._run_id, number)
            self._on_step("committed")
        except Exception as error:
            if not is_refusal(error):
                self._disconnect()
            raise
        self._last_entry = number
        return duplicates

    def _connected(self) -> Connection:
        """The connection; a new one after an error, where nobody else wrote meanwhile."""
        if self._connection is None:
            connection = self._connection = self._engine.connect()
            try:
                self._lock.take(connection)
                with connection.begin():
                    self._find_run(connection)
            except Exception:
                self._disconnect()
                raise
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                self._connection.invalidate()
                self._connection.close()
            self._connection = None

    def _check_safety(self, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            if connection.execute(text("SHOW fsync")).scalar() != "on":
                logger.warning("%r has fsync switched off: orders may be lost when its machine fails", self._url)
            connection.rollback()
        elif not _has_json(connection):
            raise StartupError(
                f"{self._url!r}: this Python's SQLite {sqlite3.sqlite_version} was built without its JSON functions: "
                "use one of 3.38 or newer"
            )

    def _begin_run(self, connection: Connection) -> None:
        run_id, last_entry = connection.execute(select(func.max(runs.c.run_id), func.max(runs.c.last_entry))).one()
        self._run_id, self._last_entry = (run_id or 0) + 1, last_entry or 0
        row = (self._run_id, self._clock.now_ns(), None, self._last_entry)
        connection.execute(insert(runs).values(row))

    def _find_run(self, connection: Connection) -> None:
        """What is durable of this run. A commit that is still being made holds the row until it is."""
        if connection.execute(select(func.max(runs.c.run_id))).scalar() != self._run_id:
            raise StartupError(
                f"another daemon wrote to the order journal {self._url!r} while it could not be reached from here, or "
                "it was replaced: restart, so that what is there is read"
            )
        own = select(runs.c.last_entry).where(runs.c.run_id == self._run_id).with_for_update()
        self._last_entry = connection.execute(own).scalar_one()


def _has_json(connection: Connection) -> bool:
    try:
        return connection.exec_driver_sql("SELECT json_extract('[7]', '$[0]')").scalar() == 7
    except SQLAlchemyError:
        return False
    finally:
        connection.rollback()


def _statements_for(engine: Engine, on_step: Step) -> Statements:
    dialect = engine.dialect
    return SqliteStatements(dialect, on_step) if dialect.name == "sqlite" else PostgresqlStatements(dialect, on_step)
