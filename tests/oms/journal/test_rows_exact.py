"""What is written of a day of trading, row by row, and where the archive puts it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import URL, Table, select

from quantai.core.account import AccountChange, BalanceRecord, PositionRecord
from quantai.core.enums import OrderType, Side
from quantai.core.errors import StoreError
from quantai.events import BalanceAdjustedEvent, OrderEvent
from quantai.events.persistence import EventReader
from quantai.oms.journal import Note, NoteKind, queries, tables
from quantai.oms.journal import archive as archiving
from quantai.oms.journal.archive import Archive, Chosen, _below, _events
from quantai.oms.journal.base import JournalledEvent
from quantai.oms.journal.prune import prune
from quantai.oms.journal.reader import JournalReader
from quantai.oms.journal.sql import SqlJournal
from quantai.oms.models import Change, Order
from tests.oms.journal.books import PERP, START_NS, Books, D, account, durable, facts, make_journal, opened

FAR_NS = START_NS + 10**15


async def rows_of(journal: SqlJournal, table: Table) -> list[dict[str, Any]]:
    """All of a table, by its key."""
    query = select(table).order_by(*table.primary_key)
    return await journal.ask(lambda connection: [dict(row._mapping) for row in connection.execute(query)])


async def values_of(journal: SqlJournal, table: Table) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in await rows_of(journal, table)]


def traded(journal: SqlJournal) -> tuple[Books, Order, Order]:
    """A stop limit that a venue calls by two names and that traded twice, and an order without a price."""
    books = Books(journal)
    order = books.submit(
        instrument=PERP, side=Side.SELL, order_type=OrderType.STOP_LIMIT, trigger_price=D("99.50"), reduce_only=True,
        parent_order_id="p", is_parent=True, quantity=D("1E+1"),
    )  # fmt: skip
    other = books.submit(strategy="beta", order_type=OrderType.MARKET, price=None, reason="a\0b")
    books.accept(order, "v1")
    order.change = Change(D(4), None)
    books.accept(order, "v2")
    books.fill(order, "0.25", "t1", account("0.25", "900.0"), D("-1E-8"))
    books.fill(order, "0.75", "", account("1", "800.50"))
    return books, order, other


async def test_the_row_of_an_order_is_what_it_was_last(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        _, order, other = traded(journal)
        await durable(journal)
        found = await rows_of(journal, tables.orders)
    expected = [
        {
            "number": 1, "client_order_id": order.client_order_id, "strategy": "alpha", "venue": "okx",
            "symbol": "BTC/USDT:USDT", "side": "sell", "order_type": "stop_limit", "quantity": "10", "price": "100.25",
            "time_in_force": "GTC", "cause": "market.tick.binance.BTC/USDT@1", "ts_submitted": START_NS + 1_000_000,
            "trigger_price": "99.50", "reduce_only": True, "parent_order_id": "p", "is_parent": True,
            "state": "PARTIALLY_FILLED", "venue_order_id": "v2", "is_sent": True, "is_accepted": True,
            "filled_quantity": "1.00", "filled_value": "100.2500", "ts_last": START_NS + 6_000_000, "reason": "",
            "change_quantity": "4", "change_price": None, "is_open": True,
        },
        {
            "number": 2, "client_order_id": other.client_order_id, "strategy": "beta", "venue": "binance",
            "symbol": "BTC/USDT", "side": "buy", "order_type": "market", "quantity": "1.50", "price": None,
            "time_in_force": "GTC", "cause": "market.tick.binance.BTC/USDT@1", "ts_submitted": START_NS + 2_000_000,
            "trigger_price": None, "reduce_only": False, "parent_order_id": "", "is_parent": False,
            "state": "PENDING_NEW", "venue_order_id": "", "is_sent": False, "is_accepted": False,
            "filled_quantity": "0", "filled_value": "0", "ts_last": START_NS + 2_000_000, "reason": "a\ufffdb",
            "change_quantity": None, "change_price": None, "is_open": True,
        },
    ]  # fmt: skip
    assert [{name: row[name] for name in expected[0]} for row in found] == expected


async def test_every_event_and_fill_and_name_has_a_row(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        _, order, other = traded(journal)
        await durable(journal)
        name = order.client_order_id
        events = await rows_of(journal, tables.order_events)
        assert [(row["client_order_id"], row["sequence"], row["ts_ns"], row["kind"]) for row in events] == [
            (name, 1, START_NS + 1_000_000, "order.submitted"),
            (name, 3, START_NS + 3_000_000, "order.accepted"),
            (name, 4, START_NS + 4_000_000, "order.accepted"),
            (name, 5, START_NS + 5_000_000, "order.partially_filled"),
            (name, 6, START_NS + 6_000_000, "order.partially_filled"),
            (other.client_order_id, 2, START_NS + 2_000_000, "order.submitted"),
        ]
        assert await values_of(journal, tables.fills) == [
            (name, 5, "t1", "100.25", "0.25", "0.01", "USDT", "maker", START_NS + 5_000_000, "-0.00000001"),
            (name, 6, "", "100.25", "0.75", "0.01", "USDT", "maker", START_NS + 6_000_000, None),
        ]
        assert await values_of(journal, tables.venue_ids) == [("okx", "v1", name), ("okx", "v2", name)]


async def test_the_account_is_kept_as_it_was_last_with_what_made_it_so(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        traded(journal)
        long = PositionRecord("beta", "okx", "X", D("-1E+2"), D(1), D(2), D(3), ())
        adjusted = BalanceAdjustedEvent(5, 7, "okx", "USDT", D(0), D(1), "x")
        journal.book(adjusted, AccountChange((long,), (BalanceRecord("okx", "USDT", D("1E-8")),)))
        await durable(journal)
        assert await values_of(journal, tables.positions) == [
            ("alpha", "binance", "BTC/USDT", "1", "1.10", "-2", "3.000", '[["BNB","0.1"],["USDT","2"]]', "-0.00000001"),
            ("beta", "okx", "X", "-100", "1", "2", "3", "[]", "0"),
        ]
        assert await values_of(journal, tables.balances) == [
            ("binance", "USDT", "800.50"), ("okx", "USDT", "0.00000001")
        ]  # fmt: skip
        [row] = await rows_of(journal, tables.account_events)
        assert (row["sequence"], row["ts_ns"], row["kind"]) == (7, 7, BalanceAdjustedEvent.topic_prefix)
        assert queries._body("report", row["body"])["reason"] == "x"


async def test_notes_and_settings_are_kept_as_they_were_given(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        for kind, body in ((NoteKind.RISK, {"a": 1}), (NoteKind.ROUTE, [1, 2]), (NoteKind.REPORT, "text")):
            journal.note(Note("a", 7, kind, body))
        journal.put("key", "old")
        journal.put("a", "b")
        journal.put("key", "new")
        await durable(journal)
        assert await values_of(journal, tables.notes) == [
            ("a", 1, 7, "risk", '{"a":1}'), ("a", 2, 7, "route", "[1,2]"), ("a", 3, 7, "report", '"text"'),
        ]  # fmt: skip
        assert await values_of(journal, tables.settings) == [("a", "b"), ("key", "new")]
        story = await journal.story("a")
        assert story == [
            JournalledEvent(1, 7, "risk", {"a": 1}),
            JournalledEvent(2, 7, "route", {"value": [1, 2]}),
            JournalledEvent(3, 7, "report", {"value": "text"}),
        ]
        assert await journal.story("b") == []


async def test_a_start_finds_all_of_it(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        books, order, other = traded(journal)
        done = books.submit(parent_order_id=other.client_order_id)
        books.cancel(done)
        journal.put("key", "value")
        await durable(journal)
    again = make_journal(sqlite_url)
    recovered = await again.start()
    await again.close()
    other.reason = "a\ufffdb"
    assert [facts(each) for each in recovered.orders] == [facts(each) for each in (order, other, done)]
    assert recovered.account == account("1", "800.50")
    assert recovered.settings == {"key": "value"}


async def test_an_order_is_found_by_every_name_at_its_own_venue_only(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        _, order, _ = traded(journal)
        await durable(journal)
        for name in ("v1", "v2"):
            found = await journal.find_by_venue_id("okx", name)
            assert facts(found) == facts(order)
            assert await journal.find_by_venue_id("binance", name) is None
            assert JournalReader(sqlite_url).order(name).number == 1
        assert await journal.find_by_venue_id("okx", "v3") is None


# The archive


@pytest.mark.parametrize(
    ("root", "expected"),
    [("/a/X", "/a/X/notes"), ("/a/X//", "/a/X/notes"), ("s3://b/X/?a=1?b", "s3://b/X/notes?a=1?b")],
)
def test_a_folder_of_the_archive(root: str, expected: str) -> None:
    assert _below(root, "notes") == expected
    assert _below(Path("/a/X"), "notes") == "/a/X/notes"


async def test_the_archive_has_every_column_under_its_name(sqlite_url: URL, tmp_path: Path) -> None:
    async with opened(sqlite_url) as journal:
        books, order, other = traded(journal)
        for each in (order, other):
            books.cancel(each)
        journal.note(Note(order.client_order_id, 7, NoteKind.RISK, {"a": 1}))
        await durable(journal)
        stored = {table.name: await rows_of(journal, table) for table in (tables.orders, tables.notes)}
        assert (await prune(journal, FAR_NS, tmp_path)).orders == 2
    numbers = [(row["number"], row["ts_last"]) for row in stored["orders"]]
    label = f"0000000000000001_{hashlib.sha256(repr(numbers).encode()).hexdigest()[:12]}"
    for name, rows in stored.items():
        path = tmp_path / name / f"{label}.parquet"
        assert pq.read_table(path).to_pylist() == rows
        assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"
    events = [event for batch in EventReader(tmp_path / "events").read_batches() for event in batch]
    assert sorted(event.ts_init for event in events if isinstance(event, OrderEvent)) == [
        START_NS + step * 1_000_000 for step in range(1, 9)
    ]


async def test_orders_without_notes_make_no_file_of_notes(sqlite_url: URL, tmp_path: Path) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        books.cancel(books.submit())
        await durable(journal)
        await prune(journal, FAR_NS, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir() and path.name != "state") == [
        "events", "orders",
    ]  # fmt: skip


async def test_many_orders_are_read_a_few_at_a_time_and_all_of_them(
    sqlite_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "_IDS_AT_ONCE", 2)
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        names = [books.submit().client_order_id for _ in range(5)]
        journal.note(Note(names[4], 7, NoteKind.RISK, {}))
        await durable(journal)
        numbers = [row["number"] for row in await rows_of(journal, tables.orders)]
        chosen = await journal.ask(lambda connection: Chosen.read(connection, numbers))
    assert [row["client_order_id"] for row in chosen.orders] == names
    assert [event.client_order_id for event in chosen.events] == names
    assert [row["client_order_id"] for row in chosen.notes] == names[4:]


def test_what_is_no_event_cannot_be_archived() -> None:
    with pytest.raises(StoreError) as error:
        _events([{"body": '{"type": "Strange"}'}])
    assert str(error.value).startswith("orders cannot be archived, and stay in the journal: no events in JSON")
    assert isinstance(error.value.__cause__, Exception)


def test_an_archive_of_nothing_writes_nothing(tmp_path: Path) -> None:
    Archive(tmp_path / "archive").write("label", Chosen([], [], []))
    assert list(tmp_path.rglob("*.parquet")) == []
