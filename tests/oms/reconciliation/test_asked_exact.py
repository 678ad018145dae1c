"""To the letter: what reconciliation asks of a venue and of the journal, when, and what it counts and logs."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence

import pytest
from msgspec import structs

from quantai.core.enums import OrderState, Side
from quantai.core.errors import VenueError
from quantai.exchanges.execution import CancelOrder, ExecType, ExecutionReport, OrderStatus
from quantai.oms.journal import MemoryJournal
from quantai.oms.models import EXTERNAL, Order
from quantai.oms.reconciliation import Settings
from quantai.oms.reconciliation.asking import Backoff
from tests.oms.reconciliation.model import Core, idle, state_of
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


# The account


async def test_a_balance_that_does_not_hold_still_is_not_compared(core: Core) -> None:
    balances = core.binance.model.balances
    reads = 0

    async def drift() -> object:
        nonlocal reads
        reads += 1
        core.binance.balances["USDT"] += 1
        return await balances()

    core.binance.model.balances = drift  # type: ignore[method-assign,assignment]
    core.reconciler.request(["binance"])
    await core.wait(10.1)
    assert reads == 2 * Settings().account_tries
    rounds = core.reconciler._rounds["binance"]
    assert rounds.error == "binance: balances do not hold still long enough to be compared"
    assert core.portfolio.balance("binance", "USDT") == 1000


async def test_nor_is_a_position(core: Core) -> None:
    async def drift() -> object:
        core.okx.positions[PERP.symbol] = core.okx.positions.get(PERP.symbol, D(0)) + 1
        return await positions()

    positions = core.okx.model.positions
    core.okx.model.positions = drift  # type: ignore[method-assign,assignment]
    core.reconciler.request(["okx"])
    await core.wait(10.1)
    error = core.reconciler._rounds["okx"].error
    assert error == "okx: positions do not hold still long enough to be compared"
    assert core.portfolio.position("okx", PERP.symbol) == 0


async def test_a_position_that_is_gone_is_closed_at_what_the_largest_part_of_it_cost(core: Core) -> None:
    for strategy, side, quantity, price in (("beta", Side.BUY, "1", "90"), ("alpha", Side.SELL, "3", "80")):
        order = core.submit(side, quantity, price, instrument=PERP, strategy=strategy)
        core.okx.trade(core.okx.of(order), quantity, price, fee="0")
        core.okx.deliver()
    core.okx.positions.clear()
    await core.reconcile("okx")
    assert core.reconciler.report()[0].action == "booked 2 at 80 to external"
    assert core.portfolio.position("okx", PERP.symbol, EXTERNAL) == 2


async def test_the_name_of_an_adjustment_is_the_same_in_every_version(core: Core) -> None:
    core.okx.positions[PERP.symbol] = D(3)
    await core.reconcile("okx")
    (order,) = core.cache.closed_orders()
    assert order.venue_order_id == "adjust-4f9d2291beccc4cb"


# Patience, counts and logs


@pytest.mark.parametrize(("longest_ns", "waits"), [(1, {1}), (2, {1, 2}), (5, {3, 4, 5})])
def test_a_wait_is_between_half_of_it_and_all_of_it(longest_ns: int, waits: set[int]) -> None:
    backoff = Backoff(Settings(backoff_ns=longest_ns), "a")
    assert {backoff.delay_ns(0) for _ in range(200)} == waits


async def test_rounds_are_counted_and_the_last_that_failed_says_why(
    core: Core, caplog: pytest.LogCaptureFixture
) -> None:
    rounds = core.reconciler._rounds["binance"]
    await core.reconcile()
    await core.reconcile()
    assert (rounds.counts["rounds"], rounds.counts["failed_rounds"]) == (3, 0)
    caplog.clear()
    core.binance.model.is_down = True
    core.reconciler.request(["binance"])
    await core.wait(0)
    assert (rounds.error, rounds.counts["failed_rounds"]) == ("the model is down", 1)
    assert caplog.messages == ["binance is not reconciled, it is asked again: the model is down"]


def test_nothing_is_proven_before_the_first_round() -> None:
    rounds = Core().reconciler._rounds["binance"]
    assert (rounds.proven_ns, rounds.error) == (0, "")


async def test_an_error_of_our_own_is_logged_with_its_trace(
    core: Core, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def boom() -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(core.reconciler._rounds["binance"]._account, "compare", boom)
    core.reconciler.request(["binance"])
    await core.wait(0)
    (record,) = (each for each in caplog.records if each.levelno == logging.ERROR)
    assert record.getMessage() == "binance could not be reconciled, it is tried again"
    assert record.exc_info is not None
    assert record.exc_info[0] is RuntimeError


async def test_a_mismatch_is_logged(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    core.binance.balances["USDT"] = D(900)
    await core.reconcile()
    assert "binance: balance USDT: here 1000, there 900; adjusted" in caplog.messages


async def test_a_cancel_that_cannot_be_sent_again_is_logged(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.loses_commands = True
    core.orders.cancel(order)

    def refuse(command: CancelOrder) -> None:
        raise VenueError("no line")

    core.reconciler._rounds["binance"].resolver._send_cancel = refuse
    await core.wait(6)
    assert f"binance: the cancel of {order.client_order_id} could not be sent again" in caplog.messages


async def test_a_report_that_nobody_can_explain_is_an_alarm_that_names_the_venue(
    caplog: pytest.LogCaptureFixture,
) -> None:
    core = Core()
    core.binance.place("x1", "BTC/USDT", Side.BUY, D(1), D(100))
    core.binance.deliver()
    await idle()
    assert core.orders.counts["alarms"] == 1
    assert any("binance" in message and "x1" in message for message in caplog.messages)


async def test_rounds_start_their_patience_anew_once_one_succeeded(core: Core) -> None:
    """Those of one run of rounds: wanted again while one succeeds."""
    rounds = core.reconciler._rounds["binance"]
    delays: list[int] = []
    delay_ns = rounds._backoff.delay_ns

    def listen(tries: int) -> int:
        delays.append(tries)
        return delay_ns(tries)

    rounds._backoff.delay_ns = listen  # type: ignore[method-assign]
    compare = rounds._account.compare
    outcomes = iter([True, True, False, True, True, False])

    async def sometimes() -> None:
        await compare()
        if next(outcomes):
            raise VenueError("busy")
        rounds.request()

    rounds._account.compare = sometimes  # type: ignore[method-assign]
    core.reconciler.request(["binance"])
    await core.wait(60)
    assert delays[:4] == [0, 1, 0, 1]
