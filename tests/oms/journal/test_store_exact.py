"""The writer's side of the database without a server: who may write, what is checked first, what errors say."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import URL, Boolean, Column, Connection, Text, event, insert, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from quantai.core.clock import SimulatedClock
from quantai.core.errors import StartupError, StoreError
from quantai.oms.journal import tables
from quantai.oms.journal.database import WriterLock, in_use, is_refusal, journal_url
from quantai.oms.journal.entries import Entry, Setting
from quantai.oms.journal.reader import JournalReader
from quantai.oms.journal.store import Store
from tests.oms.journal.books import START_NS, Books, durable, opened

POSTGRES = URL.create("postgresql+psycopg", username="u", host="h", database="d")


class Server:
    """A connection to PostgreSQL that answers as it is told."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, object]] = []
        self.rollbacks = 0
        self.dialect = self
        self.name = "postgresql"

    def execute(self, statement: Any, values: object = None) -> Server:
        self.asked.append((str(statement), values))
        return self

    exec_driver_sql = execute

    def scalar(self) -> object:
        return self.answers.pop(0)

    def rollback(self) -> None:
        self.rollbacks += 1


def connection_to(server: Server) -> Connection:
    return cast(Connection, server)


@pytest.fixture
def time_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, as the last of what was slept."""
    times = [100.0]

    def sleep(seconds: float) -> None:
        times.append(times[-1] + seconds)

    monkeypatch.setattr(time, "monotonic", lambda: times[-1])
    monkeypatch.setattr(time, "sleep", sleep)
    return times


# The lock of a server


def test_a_server_is_locked_by_one_question(time_s: list[float]) -> None:
    server = Server(True)
    WriterLock(POSTGRES, 1.0).take(connection_to(server))
    assert server.asked == [("SELECT pg_try_advisory_lock(:key)", {"key": 0x7175616E746169})]
    assert (server.rollbacks, time_s) == (1, [100.0])


def test_a_server_that_another_has_locked_is_asked_until_its_process_is_gone(time_s: list[float]) -> None:
    server = Server(False, False, True)
    WriterLock(POSTGRES, 1.0).take(connection_to(server))
    assert (server.answers, server.rollbacks) == ([], 3)
    assert time_s == pytest.approx([100.0, 100.02, 100.04])


def test_a_server_that_stays_locked_is_refused_after_the_timeout(time_s: list[float]) -> None:
    server = Server(*[False] * 10)
    with pytest.raises(StartupError) as error:
        WriterLock(POSTGRES, 0.07).take(connection_to(server))
    assert str(error.value) == str(in_use(POSTGRES))
    assert f"order journal {POSTGRES!r}: stop it" in str(error.value)
    assert time_s[-1] == pytest.approx(100.08)
    assert len(server.asked) == server.rollbacks == 5


def test_a_server_may_be_asked_at_the_very_end_of_the_timeout(time_s: list[float]) -> None:
    server = Server(False, True)
    WriterLock(POSTGRES, 0.0).take(connection_to(server))
    assert len(server.asked) == 2


def test_a_file_is_not_asked_for_a_lock(sqlite_url: URL) -> None:
    server = Server()
    WriterLock(sqlite_url, 1.0).take(connection_to(server))
    assert (server.asked, server.rollbacks) == ([], 0)


def test_folders_for_a_new_journal_are_made(tmp_path: Path) -> None:
    lock = WriterLock(URL.create("sqlite", database=str(tmp_path / "a" / "b" / "journal.db")), 1.0)
    lock.take_file()
    lock.release_file()
    path = tmp_path / "a" / "b" / "journal.db.lock"
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.stat().st_size == 0


def test_a_store_waits_for_a_lock_as_long_as_for_all_else() -> None:
    assert Store(POSTGRES, SimulatedClock(1), 1.5, lambda step: None)._lock._timeout_s == 1.5


# What is checked first


@pytest.mark.parametrize(("answer", "told"), [("on", []), ("off", ["has fsync switched off"]), (None, ["fsync"])])
def test_a_server_that_does_not_sync_is_told_of(
    answer: object, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(answer)
    store = Store(POSTGRES, SimulatedClock(1), 1.0, lambda step: None)
    store._check_safety(connection_to(server))
    assert (server.asked, server.rollbacks) == ([("SHOW fsync", None)], 1)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * len(told)
    for message in caplog.messages:
        assert message == f"{POSTGRES!r} has fsync switched off: orders may be lost when its machine fails"


def test_a_file_is_not_asked_whether_it_syncs(sqlite_url: URL, caplog: pytest.LogCaptureFixture) -> None:
    server = Server(7)
    server.name = "sqlite"
    Store(sqlite_url, SimulatedClock(1), 1.0, lambda step: None)._check_safety(connection_to(server))
    assert ([statement for statement, _ in server.asked], server.rollbacks, caplog.messages) == (
        ["SELECT json_extract('[7]', '$[0]')"], 1, [],
    )  # fmt: skip


class Locks:
    """Notes what it is asked to lock."""

    def __init__(self) -> None:
        self.taken: list[Connection] = []
        self.files: list[str] = []

    def take_file(self) -> None:
        self.files.append("taken")

    def release_file(self) -> None:
        self.files.append("released")

    def take(self, connection: Connection) -> None:
        self.taken.append(connection)


@pytest.fixture
def store(sqlite_url: URL) -> Store:
    """Open, with locks that only note."""
    Path(str(sqlite_url.database)).parent.mkdir()
    made = Store(journal_url(sqlite_url), SimulatedClock(START_NS), 1.0, lambda step: None)
    made._lock = cast(WriterLock, Locks())
    assert made.open(lambda connection: "read") == (0, "read")
    return made


def entry(number: int, value: str = "v") -> Entry:
    return Entry(number, Setting("key", value), None, 0.0)


def test_a_file_gets_a_batch_as_one_statement(store: Store) -> None:
    assert store._connection is not None
    driver = store._connection.connection.driver_connection
    assert driver is not None
    store.write([entry(1)])  # which prepares the connection
    told: list[str] = []
    driver.set_trace_callback(told.append)
    store.write([entry(2, "a"), entry(3, "b")])
    driver.set_trace_callback(None)
    assert told[0].startswith("INSERT INTO batch VALUES ")
    assert not [each for each in told if each.startswith(("BEGIN", "COMMIT"))]


def test_every_connection_takes_the_lock(store: Store) -> None:
    locks = cast(Locks, store._lock)
    first = store._connection
    assert locks.taken == [first]
    store._disconnect()
    assert store._connection is None
    assert store.write([entry(1)]) == 0
    assert locks.taken == [first, store._connection]
    store.close()
    assert (store._connection, locks.files) == (None, ["taken", "released"])


def test_what_was_written_is_not_written_again(store: Store) -> None:
    assert store.write([entry(1), entry(2)]) == 0
    store._disconnect()
    store.write([entry(2, "other")])
    assert store._last_entry == 2
    store.set_aside(entry(2), ValueError("x"))
    settings = store.transact(lambda connection: connection.execute(select(tables.settings)).all())
    aside = store.transact(lambda connection: connection.execute(select(tables.quarantine)).all())
    assert ([tuple(row) for row in settings], aside) == ([("key", "v")], [])
    store.write([entry(2, "other"), entry(3, "new")])
    assert store.transact(lambda connection: connection.execute(select(tables.settings.c.value)).scalar()) == "new"
    store.close()


def test_what_is_set_aside_can_be_looked_at(store: Store) -> None:
    store.set_aside(entry(1, "x" * 30_000), ValueError("too long"))
    [row] = store.transact(lambda connection: connection.execute(select(tables.quarantine)).all())
    assert (row.sequence, row.ts_ns, row.error) == (1, START_NS, "ValueError: too long")
    assert row.entry == ascii(Setting("key", "x" * 30_000))[:20_000]
    store.close()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda connection: connection.execute(insert(tables.runs).values((2, 1, None, 0))),
        lambda connection: connection.execute(update(tables.runs).values(run_id=7)),
    ],
    ids=["another", "replaced"],
)
def test_a_journal_that_is_another_meanwhile_is_not_written_to(
    store: Store, spoil: Callable[[Connection], Any]
) -> None:
    store.transact(spoil)
    store._disconnect()
    with pytest.raises(StartupError) as error:
        store.write([entry(1)])
    assert str(error.value) == (
        f"another daemon wrote to the order journal {store._url!r} while it could not be reached from here, or it was "
        "replaced: restart, so that what is there is read"
    )
    assert store._connection is None
    store.close()


def test_a_refusal_keeps_the_connection_and_all_else_does_not(store: Store) -> None:
    connection = store._connection
    with pytest.raises(UnicodeEncodeError):
        store.write([entry(1, "\ud800")])
    assert store._connection is connection
    with pytest.raises(OperationalError):
        store.transact(lambda found: found.execute(text("SELECT * FROM nothing")))
    assert store._connection is None
    store.close()


def test_a_journal_that_cannot_be_opened_says_what_to_check(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_text("something else " * 1000)
    url = journal_url(URL.create("sqlite", database=str(path)))
    made = Store(url, SimulatedClock(1), 1.0, lambda step: None)
    with pytest.raises(StartupError) as error:
        made.open(lambda connection: None)
    made.close()
    assert str(error.value) == (
        f"the order journal {url!r} cannot be opened: DatabaseError: file is not a database. Check store, and that the "
        "database runs and can be written"
    )


def test_only_what_a_living_connection_refuses_is_a_refusal() -> None:
    for kind, expected in ((IntegrityError, True), (DatabaseError, False)):
        assert is_refusal(kind("", {}, ValueError())) is expected
        assert not is_refusal(kind("", {}, ValueError(), connection_invalidated=True))


# Columns


def test_columns_are_never_empty_unless_they_may_be() -> None:
    columns: list[Column[Any]] = [
        tables._text("a"), tables._time("b"), tables._flag("c"), tables._maybe_text("d"),
    ]  # fmt: skip
    assert [(column.name, column.nullable) for column in columns] == [
        ("a", False), ("b", False), ("c", False), ("d", True),
    ]  # fmt: skip
    assert [str(column.type) for column in columns] == ["TEXT", "BIGINT", "BOOLEAN", "TEXT"]
    assert (type(columns[0].type), type(columns[2].type)) == (Text, Boolean)


# What is found


async def test_an_order_that_is_named_in_full_is_meant_though_another_begins_so(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        for name in ("a1", "a12"):
            books.submit(client_order_id=name)
        await durable(journal)
    reader = JournalReader(sqlite_url)
    assert reader.order("a1").number == 1
    assert reader.order("a12").number == 2
    with pytest.raises(StoreError, match="'a' may be any of a12, a1: give more of the id"):
        reader.order("a")


async def test_migrating_is_not_a_word_in_the_log(sqlite_url: URL, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("alembic").setLevel(logging.NOTSET)
    caplog.set_level(logging.DEBUG)
    async with opened(sqlite_url):
        pass
    assert [record for record in caplog.records if record.name.startswith("alembic")] == []


def test_a_sqlite_without_json_is_refused_at_the_start(sqlite_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(str(sqlite_url.database)).parent.mkdir()
    made = Store(journal_url(sqlite_url), SimulatedClock(1), 1.0, lambda step: None)

    def without_json(connection: sqlite3.Connection, record: object) -> None:
        connection.create_function("json_extract", 2, None)

    event.listen(made._engine, "connect", without_json)
    with pytest.raises(StartupError, match="was built without its JSON functions"):
        made.open(lambda connection: None)
    made.close()
