"""Reports on orders that are not in memory."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal

import pytest

from quantai.core.errors import StoreError
from quantai.exchanges.execution import ExecType, ExecutionReport
from quantai.oms.lookups import Lookups
from quantai.oms.models import Order
from tests.oms.journals import WaitingJournal
from tests.oms.world import World

D = Decimal


def trade(client_order_id: str = "", venue_order_id: str = "", trade_id: str = "1") -> ExecutionReport:
    return ExecutionReport(
        exec_type=ExecType.TRADE, client_order_id=client_order_id, venue_order_id=venue_order_id, ts_event=1,
        trade_id=trade_id, quantity=D(1), price=D(100), fee_currency="USDT",
    )  # fmt: skip


def forgotten(journal: WaitingJournal) -> Order:
    """An order that only the journal knows."""
    order = World().submit(quantity="2")
    journal.stored[order.client_order_id] = order
    journal.by_venue_id["binance", "v1"] = order
    return order


async def test_a_late_fill_of_an_order_only_the_journal_knows_is_booked_in_order() -> None:
    journal = WaitingJournal()
    world, order = World(journal=journal), forgotten(journal)
    for trade_id in ("1", "1", "2"):
        world.orders.apply("binance", trade(order.client_order_id, trade_id=trade_id))
    assert order.filled_quantity == 0
    await world.orders.close()
    assert (order.filled_quantity, order.state.value) == (D(2), "FILLED")
    assert journal.asked == [order.client_order_id]
    assert world.orders.counts["duplicates"] == 1
    assert world.cache.get(order.client_order_id) is order


async def test_an_order_is_found_by_what_the_venue_calls_it() -> None:
    journal = WaitingJournal()
    world, order = World(journal=journal), forgotten(journal)
    world.orders.apply("binance", trade(venue_order_id="v1"))
    await world.orders.close()
    assert order.filled_quantity == 1
    assert journal.asked == ["binance:v1"]


async def test_an_order_known_by_one_name_is_found_by_the_other() -> None:
    journal = WaitingJournal()
    world, order = World(journal=journal), forgotten(journal)
    world.orders.apply("binance", trade("strange", "v1"))
    await world.orders.close()
    assert order.filled_quantity == 1
    assert journal.asked == ["strange", "binance:v1"]


async def test_one_order_found_twice_is_one_order() -> None:
    journal = WaitingJournal()
    world, order = World(journal=journal), forgotten(journal)
    order.venue_order_id = "v1"
    twin = World().submit(quantity="2")
    twin.client_order_id = order.client_order_id
    journal.by_venue_id["binance", "v1"] = twin
    world.orders.apply("binance", trade(order.client_order_id))
    world.orders.apply("binance", trade(venue_order_id="v1", trade_id="2"))
    await world.orders.close()
    assert order.filled_quantity + twin.filled_quantity == 2
    assert 2 in (order.filled_quantity, twin.filled_quantity)


async def test_what_nobody_knows_is_handed_on() -> None:
    world = World(journal=WaitingJournal())
    unmatched: list[tuple[str, ExecutionReport]] = []
    world.orders.inbox.on_unmatched = lambda venue, report: unmatched.append((venue, report))
    report = trade("strange")
    world.orders.apply("okx", report)
    await world.orders.close()
    assert unmatched == [("okx", report)]
    assert world.orders.counts["unmatched"] == 1


async def test_a_journal_that_cannot_be_asked_is_told_and_nothing_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    journal = WaitingJournal()
    journal.error = StoreError("the database is gone")
    world = World(journal=journal)
    unmatched: list[ExecutionReport] = []
    world.orders.inbox.on_unmatched = lambda venue, report: unmatched.append(report)
    with caplog.at_level(logging.ERROR):
        world.orders.apply("okx", trade("strange"))
        await world.orders.close()
    assert len(unmatched) == 1
    assert "strange cannot be looked up in the journal: the database is gone" in caplog.text


async def test_lookups_are_bounded() -> None:
    answers: list[tuple[str, Order | None]] = []
    journal = WaitingJournal()
    lookups = Lookups(journal, lambda venue, report, order: answers.append((report.trade_id, order)), max_waiting=2)
    for trade_id in ("1", "2", "3"):
        lookups.ask("okx", trade("strange", trade_id=trade_id))
    assert answers == [("3", None)]
    assert lookups.waiting == 2
    await lookups.close()
    assert [name for name, _ in answers] == ["3", "1", "2"]
    assert lookups.waiting == 0
    lookups.ask("okx", trade("strange"))
    await asyncio.sleep(0)
    await lookups.close()
    assert len(answers) == 4


async def test_an_order_of_that_name_at_another_venue_is_another_order() -> None:
    journal = WaitingJournal()
    world, order = World(journal=journal), forgotten(journal)
    unmatched: list[str] = []
    world.orders.inbox.on_unmatched = lambda venue, report: unmatched.append(venue)
    world.orders.apply("okx", trade(order.client_order_id, "v1"))
    await world.orders.close()
    assert (order.filled_quantity, unmatched) == (D(0), ["okx"])
    assert journal.asked == [order.client_order_id, "okx:v1"]


async def test_a_name_only_the_journal_knows_leads_to_the_order_in_memory() -> None:
    journal = WaitingJournal()
    world = World(journal=journal)
    order, twin = world.submit(quantity="2"), World().submit(quantity="2")
    assert twin.client_order_id == order.client_order_id
    journal.by_venue_id["binance", "old"] = twin
    world.orders.apply("binance", trade(venue_order_id="old"))
    await world.orders.close()
    assert (order.filled_quantity, twin.filled_quantity) == (D(1), D(0))
    assert world.cache.get(order.client_order_id) is order
