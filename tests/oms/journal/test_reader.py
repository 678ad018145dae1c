"""Looking into a journal from outside."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, text

from quantai.core.errors import StartupError, StoreError
from quantai.oms.journal.database import journal_url
from quantai.oms.journal.migrate import is_newer
from quantai.oms.journal.reader import JournalReader
from tests.oms.journal.books import PERP, Books, account, durable, make_journal, opened


async def test_a_reader_sees_what_a_running_daemon_has_made_durable(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        first, second, third = books.submit(), books.submit(instrument=PERP, strategy="beta"), books.submit()
        books.accept(second, "v2")
        books.fill(first, "1.5", "t", account("1.5", "900"))
        journal.put("a", "b")
        await durable(journal)
        reader = JournalReader(url)
        names = [order.client_order_id for order in (first, second, third)]
        assert [order.client_order_id for order in reader.orders()] == names
        assert [order.client_order_id for order in reader.orders(limit=2)] == names[1:]
        assert [order.client_order_id for order in reader.orders(open_only=True)] == names[1:]
        assert [order.client_order_id for order in reader.orders(strategy="alpha")] == [names[0], names[2]]
        assert [order.client_order_id for order in reader.orders(symbol="BTC/USDT:USDT")] == [names[1]]
        assert reader.order(names[0]).filled_quantity == first.filled_quantity
        assert reader.order("beta").client_order_id == names[1]
        assert reader.order("v2").client_order_id == names[1]
        assert [event.kind for event in reader.story(names[1])] == ["order.submitted", "order.accepted"]
        assert reader.settings() == {"a": "b"}
        assert reader.account() == account("1.5", "900")
    assert JournalReader(url).settings() == {"a": "b"}


async def test_an_order_must_be_named_so_that_it_is_one(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        orders = [books.submit() for _ in range(7)]
    reader = JournalReader(url)
    newest = ", ".join(order.client_order_id for order in orders[:1:-1])
    with pytest.raises(StoreError) as caught:
        reader.order("alpha")
    assert str(caught.value) == f"'alpha' may be any of {newest}, ...: give more of the id"
    for name in ("", "%", "strange", "lpha"):
        with pytest.raises(StoreError, match=f"has no order {name!r}: `quantai orders` lists them"):
            reader.order(name)


async def test_a_few_orders_are_all_named(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        orders = [books.submit() for _ in range(5)]
    with pytest.raises(StoreError, match=f"{orders[0].client_order_id}: give more"):
        JournalReader(sqlite_url).order("alpha")


def test_a_reader_makes_no_journal(sqlite_url: URL, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no order journal at sqlite.* that can be read: OperationalError"):
        JournalReader(sqlite_url).orders()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_has_no_journal(postgres_url: URL) -> None:
    with pytest.raises(StoreError, match="is empty: no daemon used it yet"):
        JournalReader(postgres_url).orders()


@pytest.mark.parametrize(
    ("revision", "said"),
    [("0005", "has schema 0005, this QuantAI knows 0004: upgrade QuantAI here"),
     ("other", "has schema other, this QuantAI knows 0004: upgrade"),
     ("0003", "has schema 0003, this QuantAI needs 0004: a daemon's start migrates it")],
)  # fmt: skip
async def test_a_reader_knows_its_own_schema_only(sqlite_url: URL, revision: str, said: str) -> None:
    await written_by(sqlite_url, revision)
    with pytest.raises(StoreError, match=said):
        JournalReader(sqlite_url).orders()


async def test_a_journal_of_a_newer_schema_is_refused_and_left_alone(url: URL) -> None:
    await written_by(url, "0005")
    for _ in range(2):
        journal = make_journal(url)
        with pytest.raises(
            StartupError, match="has schema 0005, this QuantAI knows 0004: a newer one wrote it, upgrade"
        ):
            await journal.start()
        await journal.close()


@pytest.mark.parametrize(
    ("revision", "expected"),
    [("", False), ("0000", False), ("0004", False), ("0005", True), ("abc", True)],
)
def test_revisions_grow(revision: str, expected: bool) -> None:
    assert is_newer(revision) is expected


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", "mysql://host/db"])
def test_a_journal_is_in_a_file_or_in_postgresql(address: str) -> None:
    with pytest.raises(StartupError, match="a journal is in a SQLite file or a PostgreSQL database, not at"):
        journal_url(address)


async def written_by(url: URL, revision: str) -> None:
    async with opened(url):
        pass
    engine = create_engine(journal_url(url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    engine.dispose()
