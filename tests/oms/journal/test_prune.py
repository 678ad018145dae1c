"""History that is let go: archived first, and never what is still open."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import URL, Table, func, select, text

from quantai.core.clock import SimulatedClock
from quantai.core.errors import StoreError
from quantai.events.persistence import EventReader
from quantai.oms.journal import Note, NoteKind
from quantai.oms.journal import prune as pruning
from quantai.oms.journal.archive import _below
from quantai.oms.journal.prune import prune, prune_job
from quantai.oms.journal.sql import SqlJournal
from quantai.oms.journal.tables import archiving, fills, notes, order_events, orders, venue_ids
from quantai.oms.models import Order
from tests.oms.journal.books import PERP, START_NS, Books, durable, opened

_FAR_NS = START_NS + 10**15


async def test_closed_orders_go_to_the_archive_with_all_that_is_known_of_them(url: URL, tmp_path: Path) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        done, canceled, kept = books.submit(), books.submit(instrument=PERP), books.submit()
        books.accept(done, "v1")
        books.fill(done, "0.5", "a")
        fill = books.fill(done, "1.0", "b")
        books.cancel(canceled)
        books.accept(kept, "v3")
        journal.note(Note(done.client_order_id, START_NS, NoteKind.RISK, {"limit": 1}))
        await durable(journal)
        assert (await prune(journal, _FAR_NS, tmp_path / "archive")).orders == 2
        assert await journal.find(done.client_order_id) is None
        assert await journal.find_by_venue_id("binance", "v1") is None
        assert await journal.find(kept.client_order_id) is not None
        for table, count in ((orders, 1), (order_events, 2), (notes, 0), (fills, 0), (venue_ids, 1), (archiving, 0)):
            assert await rows_of(journal, table) == count, table.name
    stored = [event for batch in EventReader(tmp_path / "archive" / "events").read_batches() for event in batch]
    assert len(stored) == 6
    assert fill in stored
    (archived,) = (tmp_path / "archive" / "orders").iterdir()
    rows = pq.read_table(archived).to_pylist()
    assert [row["client_order_id"] for row in rows] == [done.client_order_id, canceled.client_order_id]
    assert (rows[0]["filled_quantity"], rows[0]["state"], rows[0]["is_open"]) == ("1.5", "FILLED", False)
    assert (rows[1]["symbol"], rows[1]["ts_last"], rows[1]["trigger_price"]) == (PERP.symbol, canceled.ts_last, None)
    (noted,) = (tmp_path / "archive" / "notes").iterdir()
    assert [row["body"] for row in pq.read_table(noted).to_pylist()] == ['{"limit":1}']


async def test_without_an_archive_they_are_only_deleted(url: URL, tmp_path: Path) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        books.cancel(books.submit())
        await durable(journal)
        assert (await prune(journal, _FAR_NS, None)).orders == 1
        assert (await prune(journal, _FAR_NS, None)).orders == 0


async def test_an_order_is_old_by_what_was_last_heard_of_it(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        order = books.submit()
        books.cancel(order)
        await durable(journal)
        assert (await prune(journal, order.ts_last, None)).orders == 0
        assert (await prune(journal, order.ts_last + 1, None)).orders == 1


async def test_a_family_goes_when_all_of_it_is_closed(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        parent = books.submit(is_parent=True)
        first = books.submit(parent_order_id=parent.client_order_id)
        second = books.submit(parent_order_id=parent.client_order_id)
        orphan = books.submit()
        for order in (parent, first, orphan):
            books.cancel(order)
        await durable(journal)
        assert (await prune(journal, _FAR_NS, None)).orders == 1
        assert await left(journal) == names(parent, first, second)
        books.cancel(second)
        await durable(journal)
        assert (await prune(journal, _FAR_NS, None)).orders == 3


async def test_a_family_stays_while_anything_was_heard_of_it_since(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        parent = books.submit(is_parent=True)
        child, single = books.submit(parent_order_id=parent.client_order_id), books.submit()
        for order in (parent, single):
            books.cancel(order)
        books.clock.set_time(books.clock.now_ns() + 1_000)
        heard_ns = books.clock.now_ns()
        books.cancel(child)
        await durable(journal)
        assert (await prune(journal, heard_ns, None)).orders == 1
        assert await left(journal) == names(parent, child)
        assert (await prune(journal, _FAR_NS, None)).orders == 2


async def test_a_child_stays_while_its_parent_is_open(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        parent = books.submit()
        books.cancel(books.submit(parent_order_id=parent.client_order_id))
        await durable(journal)
        assert (await prune(journal, _FAR_NS, None)).orders == 0


async def test_many_go_in_batches(sqlite_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "_BATCH", 4)
    monkeypatch.setattr(pruning, "_AT_ONCE", 3)
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        for _ in range(10):
            books.cancel(books.submit())
        await durable(journal)
        assert (await prune(journal, _FAR_NS, tmp_path)).orders == 10
    files = sorted((tmp_path / "orders").iterdir())
    assert [pq.read_table(file).num_rows for file in files] == [4, 4, 2]
    assert [file.name[:17] for file in files] == [f"{number:016d}_" for number in (1, 9, 17)]


async def test_what_was_archived_when_it_was_killed_is_not_archived_again(sqlite_url: URL, tmp_path: Path) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        for _ in range(3):
            books.cancel(books.submit())
        await durable(journal)
        with pytest.raises(KilledError):
            await prune(Killed(journal, 2), _FAR_NS, tmp_path)
        assert await rows_of(journal, archiving) == 3
        assert await rows_of(journal, orders) == 3
        with pytest.raises(KilledError):
            await prune(Killed(journal, 2), _FAR_NS, tmp_path)
    async with opened(sqlite_url) as journal:
        assert (await prune(journal, 0, tmp_path)).orders == 3
        assert await rows_of(journal, orders) == 0
    assert len(list((tmp_path / "orders").iterdir())) == 1
    assert len([event for batch in EventReader(tmp_path / "events").read_batches() for event in batch]) == 6


async def test_an_order_that_changed_meanwhile_stays(sqlite_url: URL, tmp_path: Path) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        changed, other = books.submit(), books.submit()
        for order in (changed, other):
            books.cancel(order)
        await durable(journal)
        with pytest.raises(KilledError):
            await prune(Killed(journal, 2), changed.ts_last + 10**9, tmp_path)
        books.clock.advance_to(START_NS + 10**12)
        books.fill(changed, "0.1", "late")
        await durable(journal)
        assert (await prune(journal, START_NS + 10**11, tmp_path)).orders == 1
        assert await left(journal) == names(changed)
        assert await rows_of(journal, archiving) == 0


async def test_what_cannot_be_archived_stays(sqlite_url: URL, tmp_path: Path) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        order = books.submit()
        books.cancel(order)
        await durable(journal)
        await wrapped(journal, 'UPDATE order_events SET body = \'{"type": "Strange"}\'')
        with pytest.raises(StoreError, match="orders cannot be archived, and stay in the journal: no events in JSON"):
            await prune(journal, _FAR_NS, tmp_path)
        assert await left(journal) == names(order)


async def test_a_number_no_archive_can_hold_stays(sqlite_url: URL, tmp_path: Path) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        order = books.submit(quantity=books.order().quantity * 10**25)
        books.cancel(order)
        await durable(journal)
        with pytest.raises(
            StoreError, match="OrderSubmittedEvent cannot be archived, and its order stays in the journal"
        ):
            await prune(journal, _FAR_NS, tmp_path)
        assert await left(journal) == names(order)


async def test_the_job_prunes_what_is_older_than_it_keeps(sqlite_url: URL, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        old, new = books.submit(), books.submit()
        books.cancel(old)
        books.cancel(new)
        await durable(journal)
        with caplog.at_level("INFO"):
            await prune_job(journal, SimulatedClock(new.ts_last + 1_000), 1_000, None)
        assert await left(journal) == names(new)
        assert "1 closed orders were taken out of the journal" in caplog.text


async def test_a_change_that_fails_is_told_and_harms_nothing(url: URL) -> None:
    async with opened(url) as journal:
        with pytest.raises(StoreError, match="the order journal could not be changed: .*no_such_table"):
            await wrapped(journal, "DELETE FROM no_such_table")
        Books(journal).submit()
        await durable(journal)
        assert journal.is_available


async def test_a_change_nobody_waits_for_any_more_is_not_made(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        future = journal.change(lambda connection: 1 // 0)
        future.cancel()
        await wrapped(journal, "SELECT 1")


@pytest.mark.parametrize(
    ("root", "expected"),
    [("/a/b/", "/a/b/events"), ("s3://b/p", "s3://b/p/events"), ("s3://b/p/?region=x", "s3://b/p/events?region=x"),
     ("/a?b", "/a?b/events")],
)  # fmt: skip
def test_events_lie_below_the_archive(root: str, expected: str) -> None:
    assert _below(root, "events") == expected


class KilledError(Exception):
    """The process ended."""


class Killed:
    """A journal that ends after some changes."""

    def __init__(self, journal: SqlJournal, changes: int) -> None:
        self._journal = journal
        self._left = changes
        self.ask = journal.ask

    def change(self, work: Any) -> Any:
        self._left -= 1
        if not self._left:
            raise KilledError
        return self._journal.change(work)


async def wrapped(journal: SqlJournal, statement: str) -> None:
    def work(connection: Any) -> None:
        connection.execute(text(statement))

    await asyncio.wrap_future(journal.change(work))


async def rows_of(journal: SqlJournal, table: Table) -> int:
    return await journal.ask(
        lambda connection: connection.execute(select(func.count()).select_from(table)).scalar_one()
    )


async def left(journal: SqlJournal) -> list[str]:
    query = select(orders.c.client_order_id).order_by(orders.c.number)
    return await journal.ask(lambda connection: list(connection.execute(query).scalars()))


def names(*some: Order) -> list[str]:
    return [order.client_order_id for order in some]
