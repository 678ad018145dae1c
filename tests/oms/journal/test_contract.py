"""What every durable journal does."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import fields
from decimal import Decimal

import pytest
from sqlalchemy import URL

from quantai.core.account import AccountChange, BalanceRecord
from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import StartupError, StoreError
from quantai.events import BalanceAdjustedEvent, Event
from quantai.instruments import InstrumentCatalogue
from quantai.oms.journal import MemoryJournal, Note, NoteKind
from quantai.oms.journal.entries import ORDER_FIELDS
from quantai.oms.models import Change, Order
from tests.oms.journal.books import (
    PERP,
    SPOT,
    START_NS,
    Books,
    D,
    account,
    durable,
    facts,
    make_journal,
    opened,
)


async def test_an_empty_journal_gives_nothing(url: URL) -> None:
    journal = make_journal(url)
    assert not journal.is_available
    recovered = await journal.start()
    assert (recovered.orders, recovered.account, recovered.settings) == ([], AccountChange(), {})
    assert journal.is_available
    await journal.close()
    assert not journal.is_available


async def test_an_order_comes_back_as_it_was_last(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        order = books.submit(
            instrument=PERP, side=Side.SELL, order_type=OrderType.STOP_LIMIT, quantity=D("3.00"), price=D("1E+2"),
            time_in_force=TimeInForce.POST_ONLY, trigger_price=D("0.000000001"), reduce_only=True,
            parent_order_id="parent", is_parent=True, options=(("a", "1"), ("b", 'x \" y')), at_venue=True,
        )  # fmt: skip
        books.accept(order, "v1")
        order.change = Change(D("4.5"), D("99.9"))
        order.reason = "because «ü»"
        books.fill(order, "1.25", "t1")
    recovered = await make_and_close(url)
    assert [facts(found) for found in recovered] == [facts(order)]


async def test_what_an_order_does_not_have_stays_away(url: URL) -> None:
    async with opened(url) as journal:
        order = Books(journal).submit(price=None, change=Change(D(2), None))
    (found,) = await make_and_close(url)
    assert (found.price, found.trigger_price, found.change) == (None, None, Change(D(2), None))
    assert facts(found) == facts(order)


def test_every_field_of_an_order_is_kept() -> None:
    elsewhere = {"instrument", "trade_ids", "is_inferred"}
    assert set(ORDER_FIELDS) == {field.name for field in fields(Order)} - elsewhere


async def test_the_newest_children_of_an_order_are_found(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        parent = books.submit()
        children = [books.submit(parent_order_id=parent.client_order_id) for _ in range(3)]
        await durable(journal)
        found = await journal.children(parent.client_order_id, 2)
        assert [facts(child) for child in found] == [facts(child) for child in children[1:]]
        assert await journal.children("", 9) == await journal.children(children[0].client_order_id, 9) == []


async def test_children_of_instruments_that_nobody_configures_are_left_out(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        parent = books.submit(state=OrderState.CANCELED)
        books.submit(parent_order_id=parent.client_order_id, instrument=PERP, state=OrderState.CANCELED)
        kept = books.submit(parent_order_id=parent.client_order_id, state=OrderState.CANCELED)
    async with opened(url, catalogue=InstrumentCatalogue([SPOT])) as journal:
        found = await journal.children(parent.client_order_id, 9)
        assert [child.client_order_id for child in found] == [kept.client_order_id]


async def test_an_order_is_kept_as_it_was_when_it_was_given(url: URL) -> None:
    async with opened(url) as journal:
        order = Books(journal).submit()
        order.state = OrderState.REJECTED
    (found,) = await make_and_close(url)
    assert found.state is OrderState.PENDING_NEW


async def test_answers_come_in_order_and_only_when_it_is_durable(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        orders = [books.submit() for _ in range(5)]
        assert books.answers == []
        assert journal.waiting == 5
        journal.put("a", "1", lambda is_durable: books.answers.append(("setting", is_durable)))
        await durable(journal)
        expected = [(order.client_order_id, True) for order in orders]
        assert books.answers == [*expected, ("setting", True)]
        assert await journal.find(orders[4].client_order_id) is not None
        assert journal.counts["entries"] == journal.counts["durable"] == 6


async def test_open_orders_and_the_newest_closed_ones_come_back_as_they_were_made(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        orders = [books.submit() for _ in range(6)]
        await durable(journal)
        for order in (orders[4], orders[1], orders[3], orders[2]):
            books.cancel(order)
    recovered = await make_and_close(url, max_closed=2)
    names = [order.client_order_id for order in recovered]
    assert names == [orders[i].client_order_id for i in (0, 3, 4, 5)]


async def test_two_starts_find_the_same(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        books.fill(books.submit(), "1.5", "t", account("1.5", "900"))
        books.accept(books.submit(), "v")
        journal.put("key", "value")
    first, second = make_journal(url), make_journal(url)
    one = await first.start()
    await first.close()
    other = await second.start()
    await second.close()
    assert [facts(order) for order in one.orders] == [facts(order) for order in other.orders]
    assert (one.account, one.settings) == (other.account, other.settings)
    assert one.settings == {"key": "value"}
    assert len(one.orders) == 2


async def test_the_account_is_what_it_was_last(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        order = books.submit()
        books.fill(order, "0.5", "t1", account("0.5", "950.10"))
        books.fill(order, "0.5", "t2", account("1", "900.00"))
        journal.book(adjusted("okx", "7"), AccountChange(balances=(BalanceRecord("okx", "USDT", D("7")),)))
    journal = make_journal(url)
    recovered = await journal.start()
    await journal.close()
    expected = account("1", "900.00")
    assert recovered.account.positions == expected.positions
    assert recovered.account.balances == (*expected.balances, BalanceRecord("okx", "USDT", D("7")))
    assert str(recovered.account.balances[0].amount) == "900.00"


async def test_trade_ids_come_back_and_a_fill_without_one_has_none(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        first, second = books.submit(), books.submit()
        for trade_id in ("a", "b", "", ""):
            books.fill(first, "0.1", trade_id)
        books.fill(second, "1.5", "a")
        await durable(journal)
        assert facts(await journal.find(first.client_order_id)) == facts(first)
        assert journal.counts["duplicate_fills"] == 0
    recovered = await make_and_close(url)
    assert [order.trade_ids for order in recovered] == [{"a", "b"}, {"a"}]


async def test_a_fill_that_comes_twice_is_counted_and_kept_once(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        order = books.submit()
        for trade_id in ("a", "b", "a"):
            books.fill(order, "0.1", trade_id)
        await durable(journal)
        assert journal.counts["duplicate_fills"] == 1
        books.fill(order, "0.1", "b")
        books.fill(order, "0.1", "c")
        await durable(journal)
        assert journal.counts["duplicate_fills"] == 2
        assert journal.is_available
        assert len(await journal.story(order.client_order_id)) == 6
    (found,) = await make_and_close(url)
    assert found.trade_ids == {"a", "b", "c"}


async def test_an_order_is_found_by_every_id_that_the_venue_gave_it(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        order, other = books.submit(), books.submit(instrument=PERP)
        books.accept(order, "v1")
        books.accept(other, "v1")
        await durable(journal)
        books.accept(order, "v2")
        await durable(journal)
        for venue_order_id in ("v1", "v2"):
            assert facts(await journal.find_by_venue_id("binance", venue_order_id)) == facts(order)
        assert facts(await journal.find_by_venue_id("okx", "v1")) == facts(other)
        assert await journal.find_by_venue_id("okx", "v2") is None
        assert await journal.find("strange") is None


async def test_a_story_has_events_and_notes_as_they_came(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        order, other = books.submit(), books.submit()
        journal.note(Note(order.client_order_id, START_NS + 5, NoteKind.RISK, {"limit": D("1.0"), "ok": True}))
        books.accept(order, "v1")
        journal.note(Note(order.client_order_id, START_NS + 9, NoteKind.REPORT, ["raw"]))
        journal.note(Note(other.client_order_id, START_NS + 9, NoteKind.ROUTE, {}))
        await durable(journal)
        story = await journal.story(order.client_order_id)
    assert [part.kind for part in story] == ["order.submitted", "risk", "order.accepted", "report"]
    assert [part.sequence for part in story] == [1, 3, 4, 5]
    assert [part.ts_ns for part in story] == [order.ts_submitted, START_NS + 5, order.ts_last, START_NS + 9]
    assert story[0].body["type"] == "OrderSubmittedEvent"
    assert story[0].body["quantity"] == "1.50"
    assert story[1].body == {"limit": "1.0", "ok": True}
    assert story[2].body["venue_order_id"] == "v1"
    assert story[3].body == {"value": ["raw"]}
    assert len(await story_of(url, "nobody")) == 0


async def test_a_setting_replaces_what_was_there(url: URL) -> None:
    async with opened(url) as journal:
        for value in ("1", "2"):
            journal.put("a", value)
        await durable(journal)
        journal.put("a", "3")
        journal.put("b", "")
    journal = make_journal(url)
    assert (await journal.start()).settings == {"a": "3", "b": ""}
    await journal.close()


async def test_sequences_go_on_after_a_restart(url: URL) -> None:
    async with opened(url) as journal:
        order = Books(journal).submit()
    async with opened(url) as journal:
        books = Books(journal, "u")
        books.accept(order, "v1")
        await durable(journal)
        assert [part.sequence for part in await journal.story(order.client_order_id)] == [1, 2]


async def test_an_open_order_of_an_instrument_that_is_gone_stops_the_start(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        gone = [books.submit(instrument=PERP) for _ in range(6)]
    journal = make_journal(url, catalogue=InstrumentCatalogue([SPOT]))
    with pytest.raises(StartupError) as caught:
        await journal.start()
    ids = ", ".join(order.client_order_id for order in gone[:5])
    assert str(caught.value) == (
        f"6 open orders ({ids}, ...) are of instruments that are not configured: okx:BTC/USDT:USDT. Add them to "
        "instruments until these orders are closed"
    )
    await journal.close()
    assert len(await make_and_close(url)) == 6


async def test_a_closed_order_of_an_instrument_that_is_gone_is_left_out_and_counted(
    url: URL, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(url) as journal:
        books = Books(journal)
        gone, kept = books.submit(instrument=PERP), books.submit()
        books.cancel(gone)
    journal = make_journal(url, catalogue=InstrumentCatalogue([SPOT]))
    with caplog.at_level(logging.WARNING):
        recovered = await journal.start()
        assert [order.client_order_id for order in recovered.orders] == [kept.client_order_id]
        assert journal.counts["unknown_instruments"] == 1
        assert await journal.find(gone.client_order_id) is None
    assert journal.counts["unknown_instruments"] == 2
    assert "1 closed orders are of instruments that nobody configures" in caplog.text
    assert f"order {gone.client_order_id} is of okx:BTC/USDT:USDT, which nobody configures" in caplog.text
    await journal.close()


async def test_a_second_daemon_is_refused(url: URL) -> None:
    async with opened(url) as journal:
        second = make_journal(url, timeout_ns=50_000_000)
        with pytest.raises(StartupError, match="another daemon has the order journal .* stop it first") as refused:
            await second.start()
        place = str(url.database) if url.get_backend_name() == "sqlite" else repr(second.url)
        assert f"the order journal {place}: stop it first" in str(refused.value)
        await second.close()
        Books(journal).submit()
    assert len(await make_and_close(url)) == 1


async def test_a_journal_that_is_not_open_takes_and_gives_nothing(url: URL) -> None:
    journal = make_journal(url)
    books = Books(journal)
    for attempt in (
        books.submit,
        lambda: journal.put("a", "b"),
        lambda: journal.book(adjusted("okx", "1"), AccountChange()),
        lambda: journal.note(Note("a", 0, NoteKind.RISK, 0)),
        lambda: journal.change(lambda connection: None),
    ):
        with pytest.raises(StoreError, match="the order journal is not open"):
            attempt()
    assert journal.waiting == 0
    await journal.close()


async def test_everything_at_once_is_one_story(url: URL) -> None:
    """More than fits in one transaction."""
    async with opened(url) as journal:
        books = Books(journal)
        orders = [books.submit() for _ in range(2_500)]
        await asyncio.sleep(0)
        for order in orders:
            books.cancel(order)
        await durable(journal)
        assert [answer for answer in books.answers if not answer[1]] == []
        assert len(books.answers) == 2_500
    recovered = await make_and_close(url)
    assert [order.client_order_id for order in recovered] == [order.client_order_id for order in orders]
    assert {order.state for order in recovered} == {OrderState.CANCELED}


async def test_the_memory_journal_answers_at_once_and_forgets() -> None:
    journal = MemoryJournal()
    assert (await journal.start()).orders == []
    books = Books(journal)
    order = books.submit()
    assert books.answers == [(order.client_order_id, True)]
    journal.put("a", "b", lambda is_durable: books.answers.append(("a", is_durable)))
    assert books.answers[1:] == [("a", True)]
    books.accept(order, "v")
    journal.put("c", "d")
    journal.note(Note(order.client_order_id, 0, NoteKind.RISK, 0))
    journal.book(adjusted("okx", "1"), AccountChange())
    assert journal.is_available
    assert not journal.is_durable
    assert dict(journal.counts) == {}
    assert await journal.find(order.client_order_id) is None
    assert await journal.find_by_venue_id("binance", "v") is None
    assert list(await journal.story(order.client_order_id)) == []
    await journal.close()


def adjusted(venue: str, after: str) -> Event:
    return BalanceAdjustedEvent(START_NS, START_NS, venue, "USDT", Decimal(0), D(after), "found")


async def make_and_close(url: URL, max_closed: int = 10_000) -> list[Order]:
    journal = make_journal(url, max_closed=max_closed)
    recovered = await journal.start()
    await journal.close()
    return recovered.orders


async def story_of(url: URL, client_order_id: str) -> list[object]:
    async with opened(url) as journal:
        return list(await journal.story(client_order_id))


async def test_closed_orders_come_back_while_their_parent_child_or_sibling_is_open(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)

        def closed(parent: str = "") -> Order:
            order = books.submit(parent_order_id=parent)
            books.fill(order, "1.50", f"t{order.client_order_id}")
            return order

        entry = closed()
        leg = books.submit(parent_order_id=entry.client_order_id)
        routed = books.submit(is_parent=True)
        child = closed(routed.client_order_id)
        head = closed()
        sibling, resting = closed(head.client_order_id), books.submit(parent_order_id=head.client_order_id)
        over = closed()
        closed(over.client_order_id)
        alone, newest = closed(), closed()
    recovered = await make_and_close(url, max_closed=1)
    expected = (entry, leg, routed, child, head, sibling, resting, newest)
    assert [facts(order) for order in recovered] == [facts(order) for order in expected]
    assert [facts(order) for order in await make_and_close(url, max_closed=2)] == [
        facts(order) for order in (*expected[:-1], alone, newest)
    ]


async def test_the_newest_closed_orders_come_back_with_their_families(url: URL) -> None:
    async with opened(url) as journal:
        books = Books(journal)

        def closed(parent: str = "") -> Order:
            order = books.submit(parent_order_id=parent)
            books.fill(order, "1.50", f"t{order.client_order_id}")
            return order

        head = closed()
        sibling = closed(head.client_order_id)
        closed()
        child = closed(head.client_order_id)
    recovered = await make_and_close(url, max_closed=1)
    assert [facts(order) for order in recovered] == [facts(order) for order in (head, sibling, child)]
    assert [order.trade_ids for order in recovered] == [order.trade_ids for order in (head, sibling, child)]


async def test_a_journal_that_works_has_no_trouble_and_one_without_a_memory_no_children(url: URL) -> None:
    journal = make_journal(url)
    assert journal.trouble == ""
    await journal.start()
    assert journal.trouble == ""
    await journal.close()
    forgetful = MemoryJournal()
    assert (forgetful.trouble, await forgetful.children("parent", 9)) == ("", ())
