"""The durable journal to the letter: runs, counts, limits, what is asked and what is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, select

from quantai.core.clock import SimulatedClock
from quantai.core.enums import OrderType, Side, TimeInForce
from quantai.core.errors import StartupError, StoreError
from quantai.instruments import InstrumentCatalogue
from quantai.oms.journal import prune as pruning
from quantai.oms.journal import queries
from quantai.oms.journal.archive import Archive, Chosen
from quantai.oms.journal.prune import prune, prune_job
from quantai.oms.journal.reader import JournalReader
from quantai.oms.journal.rows import exact
from quantai.oms.journal.sql import SqlJournal
from quantai.oms.journal.stored import StoredOrder
from quantai.oms.journal.tables import orders, runs
from quantai.oms.models import Change
from tests.oms.journal.books import CATALOGUE, PERP, SPOT, START_NS, Books, D, durable, facts, opened

FAR_NS = START_NS + 10**15


async def run_rows(journal: SqlJournal) -> list[tuple[Any, ...]]:
    return await journal.ask(
        lambda connection: [tuple(row) for row in connection.execute(select(runs).order_by(runs.c.run_id))]
    )


async def run(url: URL, now_ns: int, ends_ns: int) -> None:
    """A daemon that is there for a while and makes two entries."""
    clock = SimulatedClock(now_ns)
    journal = SqlJournal(url, clock, CATALOGUE, on_event=lambda event: None)
    await journal.start()
    for value in "ab":
        journal.put("key", value)
    await durable(journal)
    clock.advance_to(ends_ns)
    await journal.close()


async def test_each_run_is_kept_with_its_times_and_its_last_entry(sqlite_url: URL) -> None:
    await run(sqlite_url, 100, 200)
    await run(sqlite_url, 300, 400)
    async with opened(sqlite_url) as journal:
        assert await run_rows(journal) == [(1, 100, 200, 2), (2, 300, 400, 4), (3, START_NS, None, 4)]


async def test_what_is_asked_of_a_journal_that_is_gone_is_an_error_that_says_so(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        path = Path(str(sqlite_url.database))
        path.rename(path.with_suffix(".moved"))
        with pytest.raises(StoreError) as error:
            await journal.find("x")
        said = str(error.value)
        assert said.startswith("the order journal ")
        assert said.endswith(" cannot be read: OperationalError: unable to open database file")
        path.with_suffix(".moved").rename(path)


async def test_a_question_may_take_three_times_the_timeout(sqlite_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    wait_for = asyncio.wait_for

    async def listen(awaitable: Any, timeout: float) -> Any:
        waited.append(timeout)
        return await wait_for(awaitable, timeout)

    monkeypatch.setattr(asyncio, "wait_for", listen)
    async with opened(sqlite_url, timeout_ns=2_500_000_000) as journal:
        await journal.find("x")
    assert waited == [7.5]


async def test_an_order_of_an_instrument_that_is_gone_is_counted_and_told_of(
    sqlite_url: URL, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        order = books.submit(instrument=PERP)
        books.cancel(order)
    async with opened(sqlite_url, catalogue=InstrumentCatalogue([SPOT])) as journal:
        assert journal.counts["unknown_instruments"] == 1
        for found in (1, 2):
            assert await journal.find(order.client_order_id) is None
            assert journal.counts["unknown_instruments"] == 1 + found
    assert caplog.messages == [
        "1 closed orders are of instruments that nobody configures: they are left out",
        *[f"order {order.client_order_id} is of okx:{PERP.symbol}, which nobody configures"] * 2,
    ]


@pytest.mark.parametrize(("count", "more"), [(5, ""), (6, ", ...")])
async def test_open_orders_of_an_instrument_that_is_gone_are_named(sqlite_url: URL, count: int, more: str) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        made = [books.submit(instrument=PERP) for _ in range(count)]
    named = ", ".join(order.client_order_id for order in made[:5])
    with pytest.raises(StartupError) as error:
        async with opened(sqlite_url, catalogue=InstrumentCatalogue([SPOT])):
            raise AssertionError("it must not open")
    assert str(error.value) == (
        f"{count} open orders ({named}{more}) are of instruments that are not configured: okx:{PERP.symbol}. "
        "Add them to instruments until these orders are closed"
    )


async def test_a_journal_that_is_not_open_says_so(sqlite_url: URL) -> None:
    journal = SqlJournal(sqlite_url, SimulatedClock(1), CATALOGUE, on_event=lambda event: None)
    for work in (lambda: journal.put("a", "b"), lambda: journal.change(lambda connection: None)):
        with pytest.raises(StoreError) as error:
            work()
        assert str(error.value) == "the order journal is not open"
    assert (journal.waiting, journal.is_available) == (0, False)


async def test_the_limits_of_a_journal(sqlite_url: URL) -> None:
    journal = SqlJournal(sqlite_url, SimulatedClock(1), CATALOGUE, on_event=lambda event: None)
    assert (journal._timeout_s, journal._max_waiting, journal._max_closed) == (2.0, 100_000, 10_000)
    assert set(journal.counts.values()) == {0}


# Pruning


async def test_the_job_archives_what_it_takes_out(
    sqlite_url: URL, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        first, second = books.submit(), books.submit()
        books.cancel(first)
        books.cancel(second)
        await durable(journal)
        caplog.set_level("INFO")
        await prune_job(journal, SimulatedClock(second.ts_last + 5), 5, tmp_path / "archive")
        assert await journal.find(first.client_order_id) is None
        assert await journal.find(second.client_order_id) is not None
    assert len(list((tmp_path / "archive" / "orders").iterdir())) == 1
    assert "1 closed orders were taken out of the journal" in caplog.messages


async def test_archived_files_are_named_by_what_is_in_them(sqlite_url: URL, tmp_path: Path) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        books.submit()
        books.cancel(books.submit())
        await durable(journal)
        await prune(journal, FAR_NS, tmp_path)
    (path,) = (tmp_path / "orders").iterdir()
    assert path.name == "0000000000000002_c4c5d6fb0f54.parquet"


async def test_all_are_deleted_a_few_at_a_time(sqlite_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "_AT_ONCE", 2)
    deleted: list[int] = []
    delete = pruning._delete

    def listen(connection: Any, numbers: list[int]) -> int:
        deleted.append(len(numbers))
        return delete(connection, numbers)

    monkeypatch.setattr(pruning, "_delete", listen)
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        for _ in range(5):
            books.cancel(books.submit())
        await durable(journal)
        assert (await prune(journal, FAR_NS, None)).orders == 5
    assert deleted == [2, 2, 1]


async def test_orders_without_a_parent_are_no_family(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        books.submit()
        books.cancel(books.submit())
        await durable(journal)
        assert (await prune(journal, FAR_NS, None)).orders == 1


# Reading


async def test_an_order_that_is_read_is_all_that_was_written(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        order = books.submit(
            instrument=PERP, side=Side.SELL, order_type=OrderType.STOP_LIMIT, quantity=D(3), price=D("100.5"),
            time_in_force=TimeInForce.IOC, trigger_price=D(99), reduce_only=True, parent_order_id="p",
        )  # fmt: skip
        books.accept(order, "v1")
        order.change = Change(D(4), D(98))
        books.fill(order, "1.25", "t1")
        await durable(journal)
        found = await journal.find(order.client_order_id)
        stored = JournalReader(sqlite_url).order(order.client_order_id)
    assert facts(found) == facts(order)
    assert stored == StoredOrder(
        1, order.client_order_id, "alpha", "okx", PERP.symbol, Side.SELL, OrderType.STOP_LIMIT, D(3), D("100.5"),
        TimeInForce.IOC, order.cause, order.ts_submitted, D(99), True, "p", False, order.state, "v1", True, True,
        D("1.25"), D("125.3125"), order.ts_last, "", Change(D(4), D(98)),
    )  # fmt: skip


async def test_orders_are_listed_newest_last_as_they_fit(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        made = [
            books.submit(),
            books.submit(strategy="beta"),
            books.submit(instrument=PERP),
            books.submit(),
        ]
        books.cancel(made[3])
        await durable(journal)
    reader = JournalReader(sqlite_url)

    def listed(**fit: Any) -> list[int]:
        return [order.number for order in reader.orders(**fit)]

    assert listed() == [1, 2, 3, 4]
    assert listed(limit=2) == [3, 4]
    assert listed(open_only=True) == [1, 2, 3]
    assert listed(strategy="beta") == [2]
    assert listed(symbol=PERP.symbol) == [3]
    assert listed(strategy="alpha", symbol="BTC/USDT", open_only=True) == [1]


async def test_an_order_is_named_by_its_beginning_or_by_the_venue(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        made = [books.submit() for _ in range(6)]
        books.accept(made[0], "v1")
        await durable(journal)
    reader = JournalReader(sqlite_url)
    assert reader.order("v1").client_order_id == made[0].client_order_id
    assert reader.order(made[5].client_order_id[:-1] + "6").client_order_id == made[5].client_order_id
    newest = ", ".join(order.client_order_id for order in made[:0:-1])
    with pytest.raises(StoreError) as error:
        reader.order("alpha")
    assert str(error.value) == f"'alpha' may be any of {newest}, ...: give more of the id"
    for name in ("nothing", "", "%"):
        with pytest.raises(StoreError) as error:
            reader.order(name)
        assert str(error.value).endswith(f" has no order {name!r}: `quantai orders` lists them")


async def test_a_body_that_is_no_object_is_told_as_a_value() -> None:
    assert queries._body("report", "[1,2]") == {"value": [1, 2]}
    assert queries._body("report", '{"a":1}') == {"a": 1}


async def test_the_table_of_orders_says_which_are_open(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        books.submit()
        books.cancel(books.submit())
        await durable(journal)
        query = select(orders.c.number, orders.c.is_open).order_by(orders.c.number)
        found = await journal.ask(lambda connection: [tuple(row) for row in connection.execute(query)])
    assert found == [(1, True), (2, False)]


@pytest.mark.parametrize(
    ("number", "text"), [("1E+3", "1000"), ("1E-9", "0.000000001"), ("1.50", "1.50"), ("-0.1", "-0.1")]
)
def test_numbers_are_text_without_exponents(number: str, text: str) -> None:
    assert exact(D(number)) == text


async def test_only_what_is_asked_for_is_read(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        made = [books.submit() for _ in range(3)]
        for number, order in enumerate(made):
            books.fill(order, "1.5", f"t{number}")
        await durable(journal)
        none = await journal.ask(lambda connection: queries.recent_trade_ids(connection, 0))
        newest = await journal.ask(lambda connection: queries.recent_trade_ids(connection, 1))
        assert (none, newest) == ({}, {made[2].client_order_id: {"t2"}})
        like = await journal.ask(lambda connection: queries.find_like(connection, "alpha", 2))
        assert [order.number for order in like] == [3, 2]


async def test_a_short_name_that_two_orders_have_is_refused(sqlite_url: URL) -> None:
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        names = [books.submit().client_order_id for _ in range(2)]
        await durable(journal)
    with pytest.raises(StoreError) as error:
        JournalReader(sqlite_url).order("alpha")
    assert str(error.value) == f"'alpha' may be any of {names[1]}, {names[0]}: give more of the id"


async def test_what_was_archived_and_not_deleted_is_deleted_without_being_archived_again(
    sqlite_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = Archive.write

    def listen(self: Archive, label: str, chosen: Chosen) -> None:
        written.append(label)
        write(self, label, chosen)

    def fail(connection: Any, numbers: list[int]) -> int:
        raise OSError("not now")

    monkeypatch.setattr(Archive, "write", listen)
    async with opened(sqlite_url) as journal:
        books = Books(journal)
        books.cancel(books.submit())
        await durable(journal)
        with monkeypatch.context() as broken:
            broken.setattr(pruning, "_delete", fail)
            with pytest.raises(StoreError):
                await prune(journal, FAR_NS, tmp_path)
        assert (await prune(journal, FAR_NS, tmp_path)).orders == 1
    assert len(written) == 1
