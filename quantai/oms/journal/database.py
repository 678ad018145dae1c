"""Databases that a journal can be in: how they are opened, and who may write."""

from __future__ import annotations

import fcntl
import math
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from quantai.core.errors import StartupError

_LOCK = 0x7175616E746169
_LOCK_POLL_S = 0.02
_MAX_ERROR_CHARACTERS = 300

# At SQLite's own 1,000 one commit in a hundred waits for a checkpoint, which is the p99 of an order.
_CHECKPOINT_PAGES = 5_000
_LOG_BYTES = 4_096 * _CHECKPOINT_PAGES


def journal_url(url: str | URL) -> URL:
    """`url` with the driver that is used here. Raises `StartupError` for what is neither a SQLite file nor a
    PostgreSQL.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(drivername="sqlite+pysqlite")
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    raise StartupError(f"a journal is in a SQLite file or a PostgreSQL database, not at {parsed!r}")


def open_engine(url: URL, timeout_s: float, *, is_writer: bool = False) -> Engine:
    """An engine without a pool: what is closed is closed. Only a writer makes a file that is not there."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, timeout_s, is_writer)
    seconds = max(2, math.ceil(timeout_s))  # libpq takes less than two seconds for two
    options = "-c synchronous_commit=on -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
    if not is_writer:
        options += f" -c default_transaction_read_only=on -c statement_timeout={seconds * 1000}"
    arguments = {
        "connect_timeout": seconds,
        "tcp_user_timeout": seconds * 1000,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "options": options,
        "application_name": "quantai journal",
    }
    return create_engine(url, poolclass=NullPool, paramstyle="format", connect_args=arguments)


def _sqlite(url: URL, timeout_s: float, is_writer: bool) -> Engine:
    mode = "rwc" if is_writer else "ro"
    path = Path(str(url.database)).absolute().as_uri()
    engine = create_engine(
        url.set(database=path, query={"mode": mode, "uri": "true"}),
        poolclass=NullPool,
        connect_args={"timeout": timeout_s, "isolation_level": None},
    )

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        if is_writer:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    if is_writer:
        event.listen(engine, "connect", _grow_log, once=True)
    return engine


def _grow_log(connection: sqlite3.Connection, _record: object) -> None:
    """Make the write-ahead log as long as it gets: to sync a file that grows takes twice as long (160 us more here).

    What is too much for the cache goes to the log, and stays there as room when it is taken back. Where that cannot be
    done it is only slower. It is done for the first connection: a database in trouble is connected to again and again,
    and would be given 19 MB to write each time.
    """
    with suppress(sqlite3.OperationalError):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE room (body)")
        connection.execute("INSERT INTO room VALUES (zeroblob(?))", (_LOG_BYTES,))
    if connection.in_transaction:
        connection.execute("ROLLBACK")


class WriterLock:
    """Keeps a second daemon out of a journal: a locked file beside SQLite's, an advisory lock in PostgreSQL.

    PostgreSQL's belongs to the connection that writes, so that nobody writes without it.
    """

    def __init__(self, url: URL, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._file: int | None = None

    def take_file(self) -> None:
        """Lock the file beside a SQLite database. Raises `StartupError` where another has it."""
        if self._url.get_backend_name() != "sqlite":
            return
        path = Path(f"{self._url.database}.lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release_file()
            raise in_use(self._url) from None

    def take(self, connection: Connection) -> None:
        """Lock the PostgreSQL database, waiting a little for one whose process was just killed. Raises as
        `take_file`.
        """
        if self._url.get_backend_name() == "sqlite":
            return
        deadline_s = time.monotonic() + self._timeout_s
        while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}).scalar():
            connection.rollback()
            if time.monotonic() > deadline_s:
                raise in_use(self._url)
            time.sleep(_LOCK_POLL_S)
        connection.rollback()

    def release_file(self) -> None:
        """Let others in."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def in_use(url: URL) -> StartupError:
    """Two daemons would spoil each other's books."""
    place = url.database if url.get_backend_name() == "sqlite" else repr(url)
    return StartupError(
        f"another daemon has the order journal {place}: stop it first, or give this one a journal of its own (store)"
    )


def is_refusal(error: BaseException) -> bool:
    """Whether it is what is written that cannot be, whatever the database does; else it can be tried again."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError | IntegrityError) and not error.connection_invalidated
    return not isinstance(error, SQLAlchemyError | OSError | StartupError | MemoryError)


def reason_of(error: BaseException) -> str:
    """What the database says, in one line of plain text, without the rows that were to be written."""
    said = error.orig if isinstance(error, DBAPIError) else error
    first_line = next(iter(str(said).strip().splitlines()), "")
    plain = first_line.replace("\0", "").encode(errors="backslashreplace").decode()
    return f"{type(said).__name__}: {plain}"[:_MAX_ERROR_CHARACTERS]
