"""A database that is gone, locked, full or refuses: orders stop, nothing is lost, and it goes on by itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, text

from quantai.core.account import AccountChange
from quantai.core.errors import StartupError, StoreError
from quantai.events import ErrorEvent, Event, OrderAcceptedEvent
from quantai.oms.journal import Note, NoteKind
from quantai.oms.journal.sql import SqlJournal
from quantai.oms.journal.tables import INCOMPLETE
from tests.oms.journal.books import START_NS, Books, account, durable, facts, make_journal, opened, until
from tests.postgres_server import PostgresServer
from tests.torture.outage import no_large_files

_SHORT_NS = 50_000_000


class Faults:
    """Fails at a step of the writer, some times."""

    def __init__(self, step: str, times: int = 1) -> None:
        self.step = step
        self.left = times

    def __call__(self, step: str) -> None:
        if step == self.step and self.left:
            self.left -= 1
            raise OSError("the cable was cut")


def told(events: list[Event]) -> list[str]:
    return [event.error if isinstance(event, ErrorEvent) else type(event).__name__ for event in events]


async def test_orders_stop_while_the_database_fails_and_all_is_written_in_the_end(url: URL) -> None:
    events: list[Event] = []
    async with opened(url, events, on_step=Faults("begin", 3)) as journal:
        books = Books(journal)
        first = books.submit()
        await until(lambda: not journal.is_available)
        assert books.answers == [(first.client_order_id, False)]
        second = books.submit()
        assert books.answers[1:] == [(second.client_order_id, False)]
        books.deny(second)
        await durable(journal)
        await until(lambda: journal.is_available)
        third = books.submit()
        await durable(journal)
        assert books.answers[2:] == [(third.client_order_id, True)]
        assert told(events) == ["JournalDown", "ConnectedEvent"]
        assert isinstance(events[0], ErrorEvent)
        assert "OSError: the cable was cut" in events[0].message
        assert (journal.counts["outages"], journal.counts["failures"]) == (1, 3)
    recovered = await orders_in(url)
    assert recovered == [facts(order) for order in (first, second, third)]


@pytest.mark.parametrize("step", ["orders", "order_events", "fills", "commit", "committed"])
async def test_what_is_tried_again_is_there_once(url: URL, step: str) -> None:
    """At `committed` the commit was made and the answer is lost."""
    async with opened(url, on_step=Faults(step, 2)) as journal:
        books = Books(journal)
        order = books.submit()
        books.fill(order, "1", "a")
        books.fill(order, "0.5", "")
        journal.note(Note(order.client_order_id, START_NS, NoteKind.RISK, {}))
        await durable(journal)
        story = await journal.story(order.client_order_id)
        assert [event.sequence for event in story] == [1, 2, 3, 4]
        assert journal.counts["duplicate_fills"] == 0
        assert journal.counts["quarantined"] == 0
    assert await orders_in(url) == [facts(order)]


async def test_what_the_database_refuses_is_set_aside_alone(url: URL) -> None:
    """A text that is no Unicode cannot be stored."""
    events: list[Event] = []
    async with opened(url, events) as journal:
        books = Books(journal)
        orders = [books.submit() for _ in range(20)]
        books.append(orders[7], OrderAcceptedEvent(*books.head(orders[7]), "\ud800"))
        bad = books.submit(reason="\udfff")
        after = books.submit()
        await durable(journal)
        answers = dict(books.answers)
        assert [name for name, is_durable in answers.items() if not is_durable] == [bad.client_order_id]
        assert len(answers) == 22
        assert journal.is_available
        assert journal.counts["quarantined"] == 2
        assert told(events) == ["JournalRefused", "JournalIncomplete", "JournalRefused"]
        assert (await journal.find(after.client_order_id)) is not None
        assert (await journal.find(bad.client_order_id)) is None
        rows = await journal.ask(lambda connection: connection.execute(text("SELECT * FROM quarantine")).all())
        assert [row.sequence for row in rows] == [21, 22]
        assert rows[0].ts_ns == START_NS
        assert "OrderAcceptedEvent(client_order_id='alphat000008'" in rows[0].entry
        assert "\\ud800" in rows[0].entry
        assert rows[0].error.startswith("UnicodeEncodeError: 'utf-8' codec can't encode character")
    journal = make_journal(url)
    settings = (await journal.start()).settings
    await journal.close()
    assert settings[INCOMPLETE] == f"{START_NS} entry 21 was refused"


@pytest.mark.parametrize("sign", [1, -1])
async def test_a_number_beyond_the_column_is_set_aside_too(url: URL, sign: int) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        bad = books.submit(ts_submitted=sign * 2**63)
        good = books.submit(ts_submitted=sign * (2**63 - 1))
        await durable(journal)
        assert books.answers == [(bad.client_order_id, False), (good.client_order_id, True)]


async def test_a_refusal_whose_answer_is_lost_is_set_aside_once(url: URL) -> None:
    faults = Faults("committed", 0)
    async with opened(url, on_step=faults) as journal:
        books = Books(journal)
        faults.left = 1
        books.submit(reason="\udfff")
        await durable(journal)
        assert (journal.counts["quarantined"], journal.counts["failures"]) == (1, 1)
        rows = await journal.ask(lambda connection: connection.execute(text("SELECT * FROM quarantine")).all())
        assert len(rows) == 1


async def test_a_reason_with_a_zero_byte_is_kept_without_it(url: URL) -> None:
    async with opened(url) as journal:
        order = Books(journal).submit(reason="a\0b")
        await durable(journal)
        found = await journal.find(order.client_order_id)
    assert found is not None
    assert found.reason == "a\ufffdb"


async def test_a_note_that_cannot_be_encoded_is_set_aside(url: URL) -> None:
    async with opened(url) as journal:
        journal.note(Note("a", 1, NoteKind.RISK, object()))
        journal.put("a", "b")
        await durable(journal)
        assert (journal.counts["quarantined"], journal.counts["durable"]) == (1, 1)


async def test_nobody_writes_after_another_daemon_did(url: URL) -> None:
    """The lock was lost while the database was away, and another used the journal since."""
    events: list[Event] = []
    faults = Faults("begin", 0)
    journal = make_journal(url, events, on_step=faults, timeout_ns=_SHORT_NS)
    await journal.start()

    def intrude(step: str) -> None:
        if faults.left:
            engine = create_engine(journal.url)
            with engine.begin() as connection:
                connection.execute(text("INSERT INTO runs VALUES (2, 1, NULL, 0)"))
            engine.dispose()
        Faults.__call__(faults, step)

    journal._writer._store._on_step = intrude  # type: ignore[union-attr]
    faults.left = 1
    books = Books(journal)
    books.submit()
    await until(lambda: journal.counts["failures"] >= 3)
    assert not journal.is_available
    with pytest.raises(
        StoreError, match=r"with losses, 1 entries could not be written: StartupError: another daemon wrote"
    ):
        await journal.close()
    assert await orders_in(url) == []


async def test_a_close_without_a_database_says_what_is_lost(url: URL) -> None:
    journal = make_journal(url, on_step=Faults("begin", 1_000), timeout_ns=_SHORT_NS)
    await journal.start()
    books = Books(journal)
    books.submit()
    books.accept(books.order(), "v")
    await until(lambda: journal.counts["failures"] > 0)
    with pytest.raises(
        StoreError, match=r"with losses, 2 entries could not be written: OSError: the cable was cut\. Compare"
    ):
        await journal.close()
    assert journal.counts["dropped"] == 2
    assert not journal.is_available
    await journal.close()
    async with opened(url):  # the lock is free again
        pass


async def test_a_change_that_waits_when_it_is_closed_without_a_database_is_refused(sqlite_url: URL) -> None:
    journal = make_journal(sqlite_url, on_step=Faults("begin", 1_000), timeout_ns=_SHORT_NS)
    await journal.start()
    journal.put("a", "b")
    await until(lambda: journal.counts["failures"] > 0)
    journal.put("c", "d")
    change, forgotten = journal.change(lambda connection: None), journal.change(lambda connection: None)
    forgotten.cancel()
    with pytest.raises(StoreError, match="2 entries could not be written"):
        await journal.close()
    with pytest.raises(StoreError, match="was closed before it could be changed"):
        change.result()


async def test_what_waits_when_it_is_closed_is_written(url: URL) -> None:
    journal = make_journal(url, on_step=Faults("begin", 3))
    await journal.start()
    order = Books(journal).submit()
    await journal.close()
    assert await orders_in(url) == [facts(order)]


async def test_a_locked_file_stops_orders_until_it_is_free(sqlite_url: URL) -> None:
    events: list[Event] = []
    async with opened(sqlite_url, events, timeout_ns=_SHORT_NS) as journal:
        books = Books(journal)
        with closing(sqlite3.connect(str(sqlite_url.database), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            order = books.submit()
            await until(lambda: not journal.is_available)
            assert books.answers == [(order.client_order_id, False)]
            await until(lambda: "database is locked" in journal._line.trouble)  # type: ignore[union-attr]
            other.execute("COMMIT")
        await durable(journal)
        assert told(events) == ["JournalDown", "ConnectedEvent"]
        assert facts(await journal.find(order.client_order_id)) == facts(order)


async def test_a_locked_table_stops_orders_until_it_is_free(postgres: PostgresServer, postgres_url: URL) -> None:
    events: list[Event] = []
    async with opened(postgres_url, events, timeout_ns=_SHORT_NS) as journal:
        books = Books(journal)
        engine = create_engine(postgres_url)
        with engine.begin() as other:
            other.execute(text("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE"))
            order = books.submit()
            await until(lambda: not journal.is_available)
            assert books.answers == [(order.client_order_id, False)]
        engine.dispose()
        await durable(journal)
        assert told(events) == ["JournalDown", "ConnectedEvent"]
        assert facts(await journal.find(order.client_order_id)) == facts(order)


async def test_a_full_disk_stops_orders_until_there_is_room(sqlite_url: URL) -> None:
    events: list[Event] = []
    async with opened(sqlite_url, events) as journal:
        books = Books(journal)
        books.submit()
        await durable(journal)
        with no_large_files(4096):
            order = books.submit()
            await until(lambda: not journal.is_available)
            assert books.answers[1:] == [(order.client_order_id, False)]
        await durable(journal)
        assert told(events) == ["JournalDown", "ConnectedEvent"]
    assert len(await orders_in(sqlite_url)) == 2


async def test_a_server_that_dies_under_load_loses_nothing(postgres: PostgresServer, postgres_url: URL) -> None:
    events: list[Event] = []
    async with opened(postgres_url, events) as journal:
        orders = await trade_until_down(journal, Books(journal), postgres.kill)
        postgres.start()
        await durable(journal)
        assert told(events) == ["JournalDown", "ConnectedEvent"]
        assert journal.counts["quarantined"] == 0
    assert await orders_in(postgres_url) == orders


async def test_connections_that_are_cut_lose_nothing(postgres: PostgresServer, postgres_url: URL) -> None:
    async with opened(postgres_url) as journal:
        books = Books(journal)
        orders: list[dict[str, object]] = []
        for _ in range(3):
            orders += await trade_until_down(journal, books, lambda: postgres.cut(str(postgres_url.database)))
            await durable(journal)
            await until(lambda: journal.is_available)
        assert journal.counts["outages"] == 3
        assert journal.counts["quarantined"] == 0
    assert await orders_in(postgres_url) == orders


async def test_a_read_only_database_stops_orders(postgres: PostgresServer, postgres_url: URL) -> None:
    name = str(postgres_url.database)
    async with opened(postgres_url) as journal:
        books = Books(journal)
        postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        postgres.cut(name)
        books.submit()
        await until(lambda: "read-only" in journal._line.trouble)  # type: ignore[union-attr]
        postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        postgres.cut(name)
        await durable(journal)
        assert journal.counts["quarantined"] == 0


async def test_a_server_that_does_not_sync_is_told(
    postgres: PostgresServer, postgres_url: URL, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(postgres_url):
        assert "has fsync switched off: orders may be lost" in caplog.text
    caplog.clear()
    postgres.execute("ALTER SYSTEM SET fsync = on")
    postgres.execute("SELECT pg_reload_conf()")
    await until(lambda: postgres.execute("SHOW fsync") == [("on",)])
    async with opened(postgres_url):
        assert "fsync" not in caplog.text
    postgres.execute("ALTER SYSTEM RESET fsync")
    postgres.execute("SELECT pg_reload_conf()")


async def test_questions_to_a_database_that_is_gone_are_answered_with_an_error(
    postgres: PostgresServer, postgres_url: URL
) -> None:
    async with opened(postgres_url) as journal:
        postgres.kill()
        with pytest.raises(
            StoreError, match=r"the order journal postgresql\+psycopg://quantai:\*\*\*@.* cannot be read"
        ):
            await journal.find("a")
        with pytest.raises(StoreError):
            await journal.find_by_venue_id("a", "b")
        with pytest.raises(StoreError):
            await journal.story("a")
        postgres.start()
        assert await journal.find("a") is None


async def test_a_server_that_is_not_there_stops_the_start(postgres_url: URL) -> None:
    journal = make_journal(postgres_url.set(port=1))
    with pytest.raises(StartupError, match=r"cannot be opened: OperationalError: .*Check store, and that the database"):
        await journal.start()
    await journal.close()


async def test_a_file_that_is_no_database_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_text("something else " * 1000)
    journal = make_journal(URL.create("sqlite", database=str(path)))
    with pytest.raises(StartupError, match="cannot be opened: DatabaseError: file is not a database"):
        await journal.start()
    await journal.close()
    assert path.read_text() == "something else " * 1000


async def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    journal = make_journal(URL.create("sqlite", database=str(tmp_path / "file" / "journal.db")))
    with pytest.raises(StartupError, match="cannot be opened: (FileExists|NotADirectory)Error"):
        await journal.start()
    await journal.close()


async def trade_until_down(journal: SqlJournal, books: Books, fail: object) -> list[dict[str, object]]:
    """Orders and fills, in the middle of which the database fails."""
    assert callable(fail)
    orders = []
    for number in range(40):
        order = books.submit()
        books.fill(order, "0.5", f"{number}", account("1", "2"))
        orders.append(facts(order))
        await until(lambda: journal.waiting < 10)
    fail()
    for number in range(40):
        order = books.submit()
        books.fill(order, "0.5", f"{number}", AccountChange())
        orders.append(facts(order))
    await until(lambda: not journal.is_available or journal.counts["outages"] > 0)
    return orders


async def orders_in(url: URL) -> list[dict[str, object]]:
    journal = make_journal(url)
    orders = (await journal.start()).orders
    await journal.close()
    return [facts(order) for order in orders]
