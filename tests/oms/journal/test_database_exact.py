"""How databases are opened, to the letter: what each kind is told, and what each side of a boundary does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, NullPool, event, text
from sqlalchemy.exc import OperationalError

from quantai.core.errors import StartupError
from quantai.oms.journal.database import WriterLock, in_use, is_refusal, journal_url, open_engine, reason_of
from tests.torture.outage import no_large_files

POSTGRES = URL.create("postgresql+psycopg", username="u", password="secret", host="h", database="d")


class Stopped(Exception):
    """Before anything is connected to."""


def told(engine: Engine) -> dict[str, Any]:
    """What the driver would be told."""
    found: dict[str, Any] = {}

    @event.listens_for(engine, "do_connect")
    def stop(dialect: object, record: object, positional: object, named: dict[str, Any]) -> None:
        found.update(named)
        raise Stopped

    with pytest.raises(Stopped):
        engine.connect()
    return found


def pragma(engine: Engine, name: str) -> object:
    with engine.connect() as connection:
        return connection.execute(text(f"PRAGMA {name}")).scalar()


# PostgreSQL


@pytest.mark.parametrize(("timeout_s", "seconds"), [(0.5, 2), (2, 2), (2.1, 3), (7, 7)])
def test_a_writer_of_a_server_waits_whole_seconds_and_at_least_two(timeout_s: float, seconds: int) -> None:
    arguments = told(open_engine(POSTGRES, timeout_s, is_writer=True))
    assert {
        name: arguments[name] for name in arguments if name not in ("host", "dbname", "user", "password", "context")
    } == {
        "connect_timeout": seconds,
        "tcp_user_timeout": seconds * 1000,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "options": (
            "-c synchronous_commit=on -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
        ),
        "application_name": "quantai journal",
    }


def test_a_reader_of_a_server_changes_nothing_and_is_never_waited_for_long() -> None:
    assert told(open_engine(POSTGRES, 3))["options"].endswith(
        "tcp_keepalives_count=3 -c default_transaction_read_only=on -c statement_timeout=3000"
    )


def test_nothing_is_pooled_and_rows_are_tuples() -> None:
    engine = open_engine(POSTGRES, 3)
    assert isinstance(engine.pool, NullPool)
    assert engine.dialect.paramstyle == "format"


# SQLite


def test_a_writer_of_a_file_makes_it_and_syncs_every_commit(sqlite_url: URL) -> None:
    WriterLock(sqlite_url, 1).take_file()
    engine = open_engine(sqlite_url, 0.1, is_writer=True)
    assert isinstance(engine.pool, NullPool)
    assert pragma(engine, "journal_mode") == "wal"
    assert pragma(engine, "synchronous") == 2
    assert pragma(engine, "foreign_keys") == 1
    assert pragma(engine, "busy_timeout") == 100


def test_a_reader_of_a_file_neither_makes_nor_changes_it(sqlite_url: URL) -> None:
    reader = open_engine(sqlite_url, 0.1)
    with pytest.raises(OperationalError, match="unable to open"):
        reader.connect()
    WriterLock(sqlite_url, 1).take_file()
    with open_engine(sqlite_url, 0.1, is_writer=True).connect() as connection, connection.begin():
        connection.execute(text("CREATE TABLE t (a INTEGER)"))
    assert pragma(reader, "foreign_keys") == 1
    assert isinstance(reader.pool, NullPool)
    with reader.connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(text("INSERT INTO t VALUES (1)"))


def test_a_writer_locks_when_it_begins_and_a_reader_does_not(sqlite_url: URL) -> None:
    WriterLock(sqlite_url, 1).take_file()
    writer, other = (open_engine(sqlite_url, 0.01, is_writer=True) for _ in range(2))
    with writer.connect() as connection, connection.begin():
        connection.execute(text("CREATE TABLE t (a INTEGER)"))
    with writer.connect() as connection, connection.begin():
        with other.connect() as second, pytest.raises(OperationalError, match="locked"):
            second.begin()
        with open_engine(sqlite_url, 0.01).connect() as reader, reader.begin():
            assert reader.execute(text("SELECT count(*) FROM t")).scalar() == 0


def test_a_lock_is_a_file_beside_the_database(sqlite_url: URL) -> None:
    first, second = WriterLock(sqlite_url, 1), WriterLock(sqlite_url, 1)
    first.take_file()
    with pytest.raises(StartupError) as error:
        second.take_file()
    said = str(error.value)
    assert said == str(in_use(sqlite_url))
    assert said.startswith("another daemon has the order journal ")
    assert said.endswith(": stop it first, or give this one a journal of its own (store)")
    first.release_file()
    first.release_file()
    second.take_file()
    second.release_file()


def test_a_server_needs_no_file(sqlite_url: URL) -> None:
    lock = WriterLock(POSTGRES, 1)
    lock.take_file()
    assert lock._file is None


# The room in the log

ALMOST_ALL = 0.9 * 5_000 * 4_096


def log_bytes(url: URL) -> int:
    return Path(f"{url.database}-wal").stat().st_size


def test_a_writer_makes_the_log_as_long_as_it_gets_and_keeps_nothing_in_it(sqlite_url: URL) -> None:
    WriterLock(sqlite_url, 1).take_file()
    engine = open_engine(sqlite_url, 0.1, is_writer=True)
    with engine.connect() as connection:
        whole = log_bytes(sqlite_url)
        assert whole > ALMOST_ALL
        with connection.begin():
            connection.execute(text("CREATE TABLE t (a)"))
            connection.execute(text("INSERT INTO t VALUES (randomblob(1000000))"))
        assert log_bytes(sqlite_url) == whole
        assert connection.execute(text("SELECT group_concat(name) FROM sqlite_master")).scalar() == "t"
    assert pragma(engine, "integrity_check") == "ok"


def test_only_the_first_connection_makes_that_room(sqlite_url: URL) -> None:
    WriterLock(sqlite_url, 1).take_file()
    engine = open_engine(sqlite_url, 0.1, is_writer=True)
    for is_first in (True, False, False):
        with engine.connect():
            log = Path(f"{sqlite_url.database}-wal")
            assert (log.exists() and log.stat().st_size > ALMOST_ALL) is is_first


def test_a_crash_after_that_leaves_what_was_written(sqlite_url: URL) -> None:
    WriterLock(sqlite_url, 1).take_file()
    copy = sqlite_url.set(database=f"{sqlite_url.database}.copy")
    with open_engine(sqlite_url, 0.1, is_writer=True).connect() as connection:
        with connection.begin():
            connection.execute(text("CREATE TABLE t (a)"))
            connection.execute(text("INSERT INTO t VALUES (7)"))
        for ending in ("", "-wal"):
            shutil.copy(f"{sqlite_url.database}{ending}", f"{copy.database}{ending}")
    with open_engine(copy, 0.1, is_writer=True).connect() as connection:
        assert log_bytes(copy) > ALMOST_ALL
        assert connection.execute(text("SELECT a FROM t")).scalar() == 7
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"


def test_a_file_that_somebody_writes_is_opened_without_that_room(sqlite_url: URL) -> None:
    WriterLock(sqlite_url, 1).take_file()
    writer, other = (open_engine(sqlite_url, 0.01, is_writer=True) for _ in range(2))
    with writer.connect() as connection, connection.begin(), other.connect() as second:
        driver = second.connection.driver_connection
        assert driver is not None
        assert not driver.in_transaction
        with pytest.raises(OperationalError, match="locked"):
            second.begin()


def test_a_disk_without_that_room_is_written_as_far_as_it_goes(sqlite_url: URL) -> None:
    WriterLock(sqlite_url, 1).take_file()
    engine = open_engine(sqlite_url, 0.1, is_writer=True)
    with no_large_files(1_000_000), engine.connect() as connection:
        with connection.begin():
            connection.execute(text("CREATE TABLE t (a)"))
        with pytest.raises(OperationalError), connection.begin():
            connection.execute(text("INSERT INTO t VALUES (randomblob(4000000))"))
        connection.rollback()
        with connection.begin():
            connection.execute(text("INSERT INTO t VALUES (7)"))
        assert connection.execute(text("SELECT a FROM t")).scalar() == 7
        assert log_bytes(sqlite_url) <= 1_000_000


# Addresses and errors


def test_an_address_gets_the_driver_that_is_used_here() -> None:
    assert journal_url("sqlite:///a.db").drivername == "sqlite+pysqlite"
    assert journal_url("postgresql://u@h/d").drivername == "postgresql+psycopg"
    for address in ("sqlite://", "sqlite:///:memory:", "mysql://h/d"):
        with pytest.raises(StartupError, match="a journal is in a SQLite file or a PostgreSQL database, not at "):
            journal_url(address)


def test_an_error_is_told_in_one_line_of_plain_text() -> None:
    assert reason_of(ValueError("  one\ntwo")) == "ValueError: one"
    assert reason_of(ValueError("")) == "ValueError: "
    assert reason_of(ValueError("a\0b\ud800c")) == "ValueError: ab\\ud800c"
    assert reason_of(ValueError("x" * 400)) == f"ValueError: {'x' * 288}"
    assert reason_of(OperationalError("SELECT 1", {}, ConnectionError("gone"))) == "ConnectionError: gone"


@pytest.mark.parametrize("error", [OSError(), MemoryError(), StartupError("x"), OperationalError("", {}, OSError())])
def test_what_may_go_away_is_no_refusal(error: BaseException) -> None:
    assert not is_refusal(error)
    assert is_refusal(ValueError("cannot be encoded"))
