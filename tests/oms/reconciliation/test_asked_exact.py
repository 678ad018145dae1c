"""To the letter: what reconciliation asks of a venue and of the journal, when, and what it counts and logs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from msgspec import structs

from quantai.core.enums import OrderState, Side
from quantai.exchanges.execution import CancelOrder, ExecType, ExecutionReport, OrderStatus
from quantai.oms.journal import MemoryJournal
from quantai.oms.models import Order
from quantai.oms.reconciliation import Settings
from tests.oms.reconciliation.model import Core, state_of
from tests.oms.world import PERP, START_NS, D

S = 1_000_000_000


class Asked(MemoryJournal):
    """Remembers what it is asked; knows one order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.order: Order | None = None

    async def find(self, client_order_id: str) -> Order | None:
        self.asked.append((client_order_id,))
        return self.order if self.order and self.order.client_order_id == client_order_id else None

    async def find_by_venue_id(self, venue: str, venue_order_id: str) -> Order | None:
        self.asked.append((venue, venue_order_id))
        return None


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core(journal=Asked())
    await core.start()
    yield core
    await core.reconciler.stop()


def listened(core: Core) -> tuple[list[int], list[tuple[str, str, str]]]:
    """From when fills, and which orders, binance is asked for from now on."""
    since: list[int] = []
    named: list[tuple[str, str, str]] = []
    model = core.binance.model
    fills, find_order = model.fills, model.find_order

    async def listen_fills(since_ns: int) -> Sequence[ExecutionReport]:
        since.append(since_ns)
        return await fills(since_ns)

    async def listen_order(symbol: str, client_order_id: str, venue_order_id: str = "") -> OrderStatus | None:
        named.append((symbol, client_order_id, venue_order_id))
        return await find_order(symbol, client_order_id, venue_order_id)

    model.fills, model.find_order = listen_fills, listen_order  # type: ignore[method-assign]
    return since, named


def asked_of_journal(core: Core) -> list[tuple[str, ...]]:
    assert isinstance(core.journal, Asked)
    return core.journal.asked


# Fills


async def test_where_nothing_is_known_fills_are_asked_for_since_now() -> None:
    core = Core()
    fills = core.reconciler._rounds["binance"].fills
    assert fills.known_ns == 0
    since, _ = listened(core)
    await core.start()
    assert since == [START_NS - 60 * S]
    assert fills.known_ns == START_NS
    await core.reconciler.stop()


async def test_or_since_the_oldest_order_that_is_at_this_venue() -> None:
    core = Core()
    core.submit(instrument=PERP)
    await core.wait(100)
    order = core.submit()
    core.binance.deliver()
    await core.wait(100)
    core.submit()
    core.binance.deliver()
    await core.wait(100)
    since, _ = listened(core)
    await core.start()
    assert since[0] == order.ts_submitted - 60 * S
    await core.reconciler.stop()


async def test_no_fill_is_asked_for_before_the_beginning_of_time(core: Core) -> None:
    fills = core.reconciler._rounds["binance"].fills
    fills.known_ns = 60 * S
    since, _ = listened(core)
    await fills.catch_up()
    fills.known_ns = 1
    await fills.catch_up()
    assert since == [0, 0]


async def test_missed_fills_are_counted(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    fills = core.reconciler._rounds["binance"].fills
    core.binance.trade(core.binance.of(order), "0.2")
    core.binance.deliver()
    for _ in range(2):
        core.binance.trade(core.binance.of(order), "0.1")
    core.binance.lose()
    assert await fills.catch_up() == 2
    assert await fills.catch_up() == 0


async def test_what_is_known_never_goes_back(core: Core) -> None:
    fills = core.reconciler._rounds["binance"].fills
    known_ns = fills.known_ns
    await core.wait(10)
    await fills.catch_up()
    assert fills.known_ns == known_ns


async def test_the_fills_of_an_order_are_asked_for_since_it_was_placed(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    await core.wait(1000)
    other = core.submit()
    core.binance.trade(core.binance.of(other), "1")
    core.binance.deliver()
    await core.reconcile()
    core.binance.of(order).state = OrderState.CANCELED
    since, _ = listened(core)
    core.binance.model.forgotten.add(order.client_order_id)
    core.binance.orders[0].venue_order_id = "gone"
    await core.reconcile()
    assert state_of(order) is OrderState.CANCELED
    assert since[0] == START_NS + 1000 * S - 60 * S
    assert order.ts_submitted - 60 * S in since


async def test_fills_that_are_owed_are_asked_for_so_often_before_they_are_inferred(core: Core) -> None:
    core.binance.model.hides_fills = True
    order = core.submit(quantity="2")
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "0.5")
    core.binance.trade(core.binance.of(order), "0.25")
    core.binance.lose()
    _, named = listened(core)
    core.reconciler.request()
    await core.wait(5 * 60)
    assert named == [("BTC/USDT", order.client_order_id, "v1")] * (Settings().fill_tries + 1)
    assert order.filled_quantity == D("0.75")


async def test_a_market_order_is_inferred_to_have_traded_at_the_last_price(core: Core) -> None:
    core.binance.model.hides_fills = True
    order = core.submit(price=None)
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "1")
    core.binance.lose()
    core.reconciler.request()
    await core.wait(100)
    assert (order.state, order.average_price) == (OrderState.FILLED, D(100))


async def test_a_fill_of_an_order_that_nobody_knows_is_asked_for_by_both_names(core: Core) -> None:
    core.binance.trade(core.binance.place("x1", "BTC/USDT", Side.BUY, D(1), D(100)), "1")
    core.binance.lose()
    _, named = listened(core)
    await core.reconcile()
    assert named == [("BTC/USDT", "x1", "v1")]
    assert asked_of_journal(core) == [("x1",), ("binance", "v1"), ("x1",), ("binance", "v1")]


async def test_a_fill_of_what_is_not_configured_is_nobodys(core: Core) -> None:
    core.binance.trade(core.binance.place("x1", "BTC/USDT", Side.BUY, D(1), D(100)), "1")
    core.binance.fills = [structs.replace(fill, symbol="DOGE/USDT") for fill in core.binance.fills]
    core.binance.lose()
    _, named = listened(core)
    core.reconciler.request()
    await core.wait(1)
    assert named == []
    assert core.mismatches[0] == "unconfigured_instrument"
    assert core.cache.get("x1") is None


# Orders


async def test_an_order_is_asked_for_by_both_names_and_an_adopted_one_by_the_venues(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.place("x1", "BTC/USDT", Side.BUY, D(1), D(100))
    core.binance.lose()
    await core.reconcile()
    core.binance.orders[0].quantity = core.binance.orders[1].quantity = D("0.5")
    core.binance.lose()
    _, named = listened(core)
    await core.reconcile()
    assert sorted(named) == [("BTC/USDT", "", "v2"), ("BTC/USDT", order.client_order_id, "v1")]


async def test_a_cancel_is_sent_again_under_all_its_names_and_the_comparison_goes_on(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.loses_commands = True
    core.orders.cancel(order)
    await core.wait(6)
    assert core.binance.cancels == [CancelOrder(order.client_order_id, "BTC/USDT", "v1")] * 2
    assert core.reconciler._rounds["binance"].resolver.unproven == []
    await core.reconcile()
    assert state_of(order) is OrderState.PENDING_CANCEL


async def test_what_is_not_proven_is_told_with_the_error_first(core: Core) -> None:
    order = core.submit()
    core.binance.lose()
    core.binance.model.is_silent = True
    rounds = core.reconciler._rounds["binance"]
    assert rounds.unproven == "it was not asked yet"
    await core.wait(6)
    assert rounds.unproven == f"order {order.client_order_id} is UNKNOWN"
    rounds.error = "no line"
    assert rounds.unproven == f"no line; order {order.client_order_id} is UNKNOWN"
    core.binance.model.is_silent = False
    core.binance.model.is_down = True
    await core.wait(10)
    assert rounds.resolver.unproven == [f"order {order.client_order_id} is UNKNOWN (the model is down)"]


async def test_a_closed_order_that_was_forgotten_comes_back_when_it_is_asked_for(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.report(order, ExecType.CANCELED)
    core.cache._closed.clear()
    core.cache._by_venue_id.clear()
    core.reconciler._rounds["binance"].resolver.suspect(order)
    await core.wait(5)
    assert core.cache.get(order.client_order_id) is order
    assert state_of(order) is OrderState.NEW


# Whose order it is


async def test_an_order_in_memory_is_found_without_the_journal(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    known = core.reconciler._rounds["binance"].known
    assert await known.find(order.client_order_id, "") is order
    assert await known.find("", "v1") is order
    assert await known.find("other", "v1") is order
    assert known.in_memory("", "") is None
    assert asked_of_journal(core) == []


async def test_else_the_journal_is_asked_by_both_names(core: Core) -> None:
    known = core.reconciler._rounds["binance"].known
    assert await known.find("x1", "v9") is None
    assert await known.find("", "v9") is None
    assert await known.find("x1", "") is None
    assert asked_of_journal(core) == [("x1",), ("binance", "v9"), ("binance", "v9"), ("x1",)]


async def test_an_order_that_the_journal_has_is_brought_back(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.report(order, ExecType.CANCELED)
    core.cache._closed.clear()
    core.cache._by_venue_id.clear()
    assert isinstance(core.journal, Asked)
    core.journal.order = order
    known = core.reconciler._rounds["binance"].known
    assert await known.find(order.client_order_id, "v1") is order
    assert asked_of_journal(core) == [(order.client_order_id,)]
    assert core.cache.get(order.client_order_id) is order


async def test_an_order_of_another_venue_that_the_journal_has_keeps_its_id(core: Core) -> None:
    order = core.submit(instrument=PERP)
    core.okx.deliver()
    core.report(order, ExecType.CANCELED)
    core.cache._closed.clear()
    core.cache._by_venue_id.clear()
    assert isinstance(core.journal, Asked)
    core.journal.order = order
    known = core.reconciler._rounds["binance"].known
    assert await known.find(order.client_order_id, "v9") is None
    assert asked_of_journal(core) == [(order.client_order_id,), ("binance", "v9")]
    assert core.cache.get(order.client_order_id) is order
