"""The books become what the venues say: at start, after reconnects, when nobody can explain a report."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from msgspec import structs

from quantai.config.schema.reconciliation import ReconciliationSection
from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import OrderState, Side
from quantai.core.errors import StartupError, StoreError
from quantai.events import BalanceAdjustedEvent
from quantai.exchanges.execution import ExecType, ExecutionReport
from quantai.oms.journal import MemoryJournal, Written, tables
from quantai.oms.models import EXTERNAL, Order
from quantai.oms.reconciliation.fills import INCOMPLETE, known_until
from tests.oms.reconciliation.model import Core, state_of
from tests.oms.world import PERP, D, World


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core()
    await core.start()
    yield core
    await core.reconciler.stop()


class Settings(MemoryJournal):
    """Keeps settings, and knows one order; can be broken."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.order: Order | None = None
        self.is_broken = False

    def put(self, key: str, value: str, then: Written | None = None) -> None:
        self.kept[key] = value

    async def find(self, client_order_id: str) -> Order | None:
        if self.is_broken:
            raise StoreError("the journal is gone")
        return self.order if self.order and self.order.client_order_id == client_order_id else None

    async def find_by_venue_id(self, venue: str, venue_order_id: str) -> Order | None:
        return self.order if self.order and self.order.venue_order_id == venue_order_id else None


# Start


async def test_a_start_where_everything_agrees_changes_nothing(core: Core) -> None:
    assert core.mismatches == []
    assert core.binance.model.asked == ["fills", "open_orders", "positions", "balances"]
    assert core.reconciler.counts["rounds"] == 2


async def test_venues_that_cannot_be_asked_are_left_out() -> None:
    core = Core()
    for venue in (core.binance, core.okx):
        venue.account = None
    core.restart()
    await core.reconciler.start()
    await core.reconciler.reconcile("binance")
    core.reconciler.request()
    assert core.clock.next_due_ns > core.clock.now_ns() + 10**18
    core.binance.sink(ExecutionReport(exec_type=ExecType.NEW, client_order_id="x", ts_event=1))
    assert core.orders.counts["alarms"] == 1
    await core.reconciler.stop()


async def test_nothing_is_asked_where_it_is_switched_off() -> None:
    core = Core(section=ReconciliationSection(enabled=False))
    await core.reconciler.start()
    assert core.binance.model.asked == []


async def test_a_start_fails_and_says_why_where_a_venue_does_not_answer() -> None:
    core = Core()
    core.okx.model.is_down = True
    with pytest.raises(StartupError) as error:
        await core.start()
    assert str(error.value) == ("not reconciled within 25s (reconciliation.start_timeout): okx: the model is down")
    assert core.clock.now_ns() == World().clock.now_ns() + 25 * NS_PER_SECOND
    await core.reconciler.stop()


async def test_a_start_without_proof_can_be_allowed_and_goes_on_in_the_background() -> None:
    core = Core(section=ReconciliationSection(may_start_unproven=True))
    core.okx.model.is_silent = True
    await core.start()
    assert core.mismatches == ["unproven_start"]
    core.okx.model.is_silent = False
    core.okx.balances["USDT"] = D(900)
    await core.wait(60)
    assert core.portfolio.balance("okx", "USDT") == 900
    await core.reconciler.stop()


async def test_a_start_waits_for_orders_that_an_earlier_run_left_without_an_answer() -> None:
    core = Core()
    order = core.submit()
    lost = core.submit()
    core.binance.orders.pop()
    core.binance.lose()
    core.restart()
    core.orders.recover([order, lost])
    await core.start()
    assert (order.state, lost.state) == (OrderState.NEW, OrderState.REJECTED)
    assert core.clock.now_ns() >= World().clock.now_ns() + 7 * NS_PER_SECOND
    await core.reconciler.stop()


async def test_a_failed_start_names_the_orders_that_are_not_proven() -> None:
    core = Core()
    order = core.submit()
    core.binance.lose()
    core.restart()

    async def fail(*names: str) -> None:
        raise RuntimeError("boom")

    core.binance.model.find_order = fail  # type: ignore[method-assign,assignment]
    with pytest.raises(StartupError, match=f"binance: order {order.client_order_id} is UNKNOWN .*RuntimeError: boom"):
        await core.start()
    await core.reconciler.stop()


# Orders and fills


async def test_an_order_that_is_gone_at_the_venue_is_closed_with_its_fills(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "0.3")
    core.binance.end(core.binance.of(order), OrderState.CANCELED)
    core.binance.lose()
    await core.reconcile()
    assert (order.state, order.filled_quantity) == (OrderState.CANCELED, D("0.3"))
    assert core.mismatches == ["missed_fill", "order"]


async def test_an_order_that_the_venue_changed_by_itself_is_taken_over(core: Core) -> None:
    order = core.submit(quantity="2")
    core.binance.deliver()
    core.binance.of(order).quantity = D(1)
    await core.reconcile()
    assert (order.state, order.quantity) == (OrderState.NEW, D(1))
    assert core.reconciler.report()[0].ours == "NEW 0 of 2 at 100"
    assert core.reconciler.report()[0].theirs == "NEW 0 of 1 at 100"


async def test_an_order_that_is_closed_here_and_open_there_is_opened_again_after_two_reads(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.report(order, ExecType.CANCELED)
    asked_ns = core.clock.now_ns()
    await core.reconcile()
    assert state_of(order) is OrderState.NEW
    assert core.clock.now_ns() >= asked_ns + 2 * NS_PER_SECOND
    assert core.mismatches == ["reopened_order"]


async def test_an_order_nobody_here_placed_is_adopted_with_its_fills(core: Core) -> None:
    stranger = core.binance.place("", "BTC/USDT", Side.BUY, D(2), D(100))
    core.binance.trade(stranger, "0.5")
    core.binance.lose()
    await core.reconcile()
    order = core.cache.get("ext-binance-v1")
    assert order is not None
    assert (order.strategy, order.state, order.filled_quantity) == (EXTERNAL, OrderState.PARTIALLY_FILLED, D("0.5"))
    assert core.portfolio.position("binance", "BTC/USDT", EXTERNAL) == D("0.5")
    assert core.portfolio.balance("binance", "USDT") == core.binance.balances["USDT"]
    before = len(core.events)
    await core.reconcile()
    assert len(core.events) == before


async def test_an_order_adopted_by_the_venues_name_is_asked_for_by_that_name(core: Core) -> None:
    stranger = core.binance.place("", "BTC/USDT", Side.BUY, D(2), D(100))
    core.binance.lose()
    await core.reconcile()
    core.binance.end(stranger, OrderState.CANCELED)
    core.binance.lose()
    await core.reconcile()
    order = core.cache.get("ext-binance-v1")
    assert order is not None
    assert state_of(order) is OrderState.CANCELED


async def test_a_fill_of_an_order_that_the_venue_forgot_is_booked_to_nobody_here(core: Core) -> None:
    stranger = core.binance.place("x1", "BTC/USDT", Side.SELL, D(2), D(100))
    core.binance.trade(stranger, "0.5")
    core.binance.trade(stranger, "0.25")
    core.binance.end(stranger, OrderState.CANCELED)
    core.binance.model.forgotten.add("x1")
    core.binance.lose()
    await core.reconcile()
    order = core.cache.get("x1")
    assert order is not None
    assert (order.state, order.quantity) == (OrderState.FILLED, D("0.75"))
    assert core.portfolio.position("binance", "BTC/USDT") == D("-0.75")


async def test_a_report_nobody_can_explain_makes_it_ask_once_the_venue_has_settled(core: Core) -> None:
    stranger = core.binance.place("x1", "BTC/USDT", Side.BUY, D(2), D(100))
    core.binance.trade(stranger, "1")
    asked = len(core.binance.model.asked)
    core.binance.deliver()
    await core.wait(1.9)
    assert core.binance.model.asked[asked:] == []
    await core.wait(0.2)
    assert core.binance.model.asked[asked:] == ["fills", "find_order", "open_orders"]
    assert core.portfolio.position("binance", "BTC/USDT", EXTERNAL) == 1
    assert core.orders.counts["alarms"] == 0


async def test_what_is_not_configured_is_told_of_once(core: Core) -> None:
    core.binance.orders.append(core.okx.place("x1", "DOGE/USDT", Side.BUY, D(2), D(1)))
    core.okx.orders.clear()
    core.okx.deliver()
    await core.reconcile()
    await core.reconcile()
    assert core.mismatches == ["unconfigured_instrument", "unconfigured_instrument"]
    assert {line.venue for line in core.reconciler.report()} == {"binance", "okx"}
    assert core.cache.get("x1") is None


async def test_after_a_reconnect_everything_is_compared(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.connection(False)
    core.binance.trade(core.binance.of(order), "1")
    core.binance.lose()
    await core.wait(1)
    assert state_of(order) is OrderState.NEW
    core.binance.connection(True)
    await core.wait(1)
    assert state_of(order) is OrderState.FILLED


async def test_a_round_that_fails_is_run_again(core: Core) -> None:
    core.binance.balances["USDT"] = D(900)
    core.binance.model.is_down = True
    core.reconciler.request(["binance", "nowhere"])
    await core.wait(3)
    assert core.reconciler.counts["failed_rounds"] >= 1
    core.binance.model.is_down = False
    await core.wait(30)
    assert core.portfolio.balance("binance", "USDT") == 900


async def test_rounds_that_are_wanted_while_one_runs_are_one(core: Core) -> None:
    asked = len(core.binance.model.asked)
    for _ in range(10):
        core.reconciler.request(["binance"])
    await core.wait(1)
    assert len(core.binance.model.asked) == asked + 4
    assert core.okx.model.asked.count("fills") == 1


async def test_who_waits_when_it_stops_is_let_go(core: Core) -> None:
    core.binance.model.is_silent = True
    waiting = asyncio.ensure_future(core.reconciler.reconcile("binance"))
    await core.wait(1)
    await core.reconciler.stop()
    with pytest.raises(asyncio.CancelledError):
        await waiting


# The journal


async def test_until_when_fills_are_known_survives_a_restart() -> None:
    journal = Settings()
    core = Core(journal=journal)
    await core.start()
    order = core.submit()
    core.binance.deliver()
    await core.wait(1000)
    core.binance.trade(core.binance.of(order), "1")
    filled_ns = core.clock.now_ns()
    await core.reconcile()
    assert journal.kept["fills_known.binance"] == str(filled_ns)
    await core.reconciler.stop()
    core.restart()
    core.reconciler.restore(journal.kept)
    asked: list[int] = []
    fills = core.binance.model.fills

    async def listen(since_ns: int) -> object:
        asked.append(since_ns)
        return await fills(since_ns)

    core.binance.model.fills = listen  # type: ignore[method-assign,assignment]
    await core.wait(10_000)
    await core.start()
    assert asked[0] == filled_ns - 60 * NS_PER_SECOND
    assert order.filled_quantity == 1
    await core.reconciler.stop()


def test_the_setting_of_a_loss_is_the_journals() -> None:
    assert INCOMPLETE == tables.INCOMPLETE


@pytest.mark.parametrize(
    ("settings", "known_ns"),
    [
        ({}, 0),
        ({"fills_known.binance": "70"}, 70),
        ({"fills_known.binance": "70", "journal_incomplete": ""}, 70),
        ({"fills_known.binance": "70", "journal_incomplete": "50 4 entries wait"}, 50),
        ({"fills_known.binance": "40", "journal_incomplete": "50 4 entries wait"}, 40),
    ],
)
def test_fills_are_known_no_longer_than_until_the_journal_lost_something(
    settings: dict[str, str], known_ns: int
) -> None:
    assert known_until("binance", settings) == known_ns


@pytest.mark.parametrize(
    ("counts", "kept"), [({}, ""), ({"dropped": 1}, "7 lost"), ({"quarantined": 1}, "7 lost"), ({"refused": 1}, "")]
)
async def test_a_loss_of_an_earlier_run_is_over_when_the_start_has_compared_everything(
    counts: dict[str, int], kept: str
) -> None:
    journal = Settings()
    journal.counts = counts
    journal.kept["journal_incomplete"] = "7 lost"
    core = Core(journal=journal)
    core.reconciler.restore(journal.kept)
    assert journal.kept["journal_incomplete"] == "7 lost"
    await core.start()
    assert journal.kept["journal_incomplete"] == kept
    await core.reconciler.stop()


async def test_a_journal_that_lost_nothing_is_told_nothing() -> None:
    journal = Settings()
    core = Core(journal=journal)
    core.reconciler.restore({"journal_incomplete": ""})
    await core.start()
    assert "journal_incomplete" not in journal.kept
    await core.reconciler.stop()


async def test_a_loss_is_not_over_where_the_start_proved_nothing() -> None:
    journal = Settings()
    journal.kept["journal_incomplete"] = "7 lost"
    core = Core(journal=journal, section=ReconciliationSection(may_start_unproven=True))
    core.reconciler.restore(journal.kept)
    core.okx.model.is_down = True
    await core.start()
    assert journal.kept["journal_incomplete"] == "7 lost"
    await core.reconciler.stop()


async def test_an_order_that_only_the_journal_knows_is_ours() -> None:
    journal = Settings()
    core = Core(journal=journal)
    await core.start()
    order = core.submit()
    core.binance.deliver()
    core.report(order, ExecType.CANCELED)
    core.binance.trade(core.binance.of(order), "1")
    core.binance.lose()
    core.cache._closed.clear()
    core.cache._by_venue_id.clear()
    journal.order = order
    await core.reconcile()
    assert core.portfolio.position("binance", "BTC/USDT", "alpha") == 1
    assert core.mismatches == ["missed_fill"]
    await core.reconciler.stop()


@pytest.mark.parametrize("is_elsewhere", [True, False])
async def test_a_name_that_the_journal_has_for_another_venues_order_is_not_taken(is_elsewhere: bool) -> None:
    journal = Settings()
    core = Core(journal=journal)
    await core.start()
    theirs = core.submit(instrument=PERP)
    core.okx.deliver()
    core.report(theirs, ExecType.CANCELED)
    journal.order = theirs
    if is_elsewhere:  # forgotten here
        core.cache._closed.clear()
        core.cache._by_venue_id.clear()
    core.binance.place(theirs.client_order_id, "BTC/USDT", Side.BUY, D(2), D(100))
    core.binance.lose()
    await core.reconcile()
    assert core.cache.get(theirs.client_order_id) is theirs
    adopted = core.cache.by_venue_id("binance", "v1")
    assert adopted is not None
    assert (adopted.client_order_id, adopted.strategy) == ("ext-binance-v1", EXTERNAL)
    await core.reconciler.stop()


async def test_an_order_that_came_into_memory_while_the_journal_was_asked_is_that_one() -> None:
    journal = Settings()
    core = Core(journal=journal)
    await core.start()
    order = core.submit()
    core.binance.deliver()
    core.cache._open.clear()
    core.cache._by_venue_id.clear()
    journal.order = replace(order)
    find = journal.find_by_venue_id

    async def meanwhile(venue: str, venue_order_id: str) -> Order | None:
        core.cache.keep(order)
        core.cache._by_venue_id.clear()  # known by another name only
        return await find(venue, venue_order_id)

    journal.find_by_venue_id = meanwhile  # type: ignore[method-assign]
    known = core.reconciler._rounds["binance"].known
    assert await known.find("", "v1") is order
    await core.reconciler.stop()


async def test_nothing_is_adopted_while_the_journal_cannot_be_asked() -> None:
    journal = Settings()
    core = Core(journal=journal)
    await core.start()
    core.binance.place("x1", "BTC/USDT", Side.BUY, D(2), D(100))
    journal.is_broken = True
    core.reconciler.request()
    await core.wait(10)
    assert core.cache.get("x1") is None
    journal.is_broken = False
    await core.wait(30)
    assert core.cache.get("x1") is not None
    await core.reconciler.stop()


# The account


async def test_a_balance_that_differs_twice_is_adjusted(core: Core) -> None:
    core.binance.balances |= {"USDT": D("1005.5"), "BTC": D("0.1")}
    await core.reconcile()
    adjusted = [event for event in core.events if isinstance(event, BalanceAdjustedEvent)]
    assert [(each.currency, each.before, each.after) for each in adjusted] == [
        ("BTC", D(0), D("0.1")),
        ("USDT", D(1000), D("1005.5")),
    ]
    assert core.portfolio.balance("binance", "USDT") == D("1005.5")
    assert core.mismatches == ["balance", "balance"]
    await core.reconcile()
    assert core.mismatches == ["balance", "balance"]


async def test_a_difference_that_a_fill_explains_is_no_mismatch_of_the_balance(core: Core) -> None:
    """The fill is booked at the venue after the fills were asked for, and told only after the balances were."""
    order = core.submit()
    core.binance.deliver()
    balances = core.binance.model.balances

    async def trade_then_answer() -> object:
        core.binance.model.balances = balances  # type: ignore[method-assign]
        core.binance.trade(core.binance.of(order), "1")
        return await balances()

    core.binance.model.balances = trade_then_answer  # type: ignore[method-assign,assignment]
    await core.reconcile()
    assert state_of(order) is OrderState.FILLED
    assert core.mismatches == ["missed_fill"]
    assert core.portfolio.balance("binance", "USDT") == core.binance.balances["USDT"]


async def test_a_balance_is_not_touched_while_an_order_is_in_flight(core: Core) -> None:
    core.binance.balances["USDT"] = D(900)
    core.section = ReconciliationSection(answer_timeout="1h")
    await core.reconciler.stop()
    core.restart()
    await core.start()
    core.binance.balances["USDT"] = D(800)
    order = core.submit()
    core.reconciler.request()
    await core.wait(60)
    assert state_of(order) is OrderState.PENDING_NEW
    assert core.portfolio.balance("binance", "USDT") == 900
    core.binance.deliver()
    await core.wait(60)
    assert core.portfolio.balance("binance", "USDT") == 800


async def test_dust_is_left_as_it_is() -> None:
    core = Core(section=ReconciliationSection(dust={"USDT": D(1)}))
    core.binance.balances["USDT"] = D(1001)
    core.okx.balances["USDT"] = D("1001.01")
    await core.start()
    assert core.portfolio.balance("binance", "USDT") == 1000
    assert core.portfolio.balance("okx", "USDT") == D("1001.01")
    await core.reconciler.stop()


@pytest.mark.parametrize(("theirs", "side"), [("3", Side.BUY), ("-2", Side.SELL)])
async def test_a_position_that_no_fill_explains_is_booked_to_nobody_here(core: Core, theirs: str, side: Side) -> None:
    core.okx.positions[PERP.symbol] = D(theirs)
    await core.reconcile("okx")
    assert core.portfolio.position("okx", PERP.symbol, EXTERNAL) == D(theirs)
    (order,) = core.cache.closed_orders()
    assert (order.strategy, order.state, order.side) == (EXTERNAL, OrderState.FILLED, side)
    assert (order.quantity, order.average_price) == (abs(D(theirs)), D(100))
    assert order.client_order_id.startswith("ext-okx-adjust-")
    assert core.mismatches == ["position"]
    assert core.portfolio.balance("okx", "USDT") == 1000
    await core.reconcile("okx")
    assert core.mismatches == ["position"]


async def test_a_position_that_is_gone_at_the_venue_is_closed_at_what_it_cost(core: Core) -> None:
    order = core.submit(quantity="3", price="90", instrument=PERP)
    core.okx.trade(core.okx.of(order), "3", "90", fee="0")
    core.okx.deliver()
    core.okx.positions.clear()
    await core.reconcile("okx")
    assert core.portfolio.position("okx", PERP.symbol) == 0
    assert core.portfolio.position("okx", PERP.symbol, "alpha") == 3
    assert core.reconciler.report()[0].action == "booked -3 at 90 to external"


async def test_the_same_difference_is_booked_again_when_it_comes_again(core: Core) -> None:
    for theirs in ("3", "0", "3"):
        core.okx.positions[PERP.symbol] = D(theirs)
        await core.reconcile("okx")
        assert core.portfolio.position("okx", PERP.symbol) == D(theirs)
    assert len(list(core.cache.closed_orders())) == 3


async def test_the_books_are_adjusted_under_the_same_names_by_anyone_who_finds_the_same() -> None:
    names = set[str]()
    for _ in range(2):
        core = Core()
        core.okx.positions[PERP.symbol] = D(3)
        await core.start()
        names |= {order.client_order_id for order in core.cache.closed_orders()}
        await core.reconciler.stop()
    assert len(names) == 1


async def test_two_runs_do_the_same_things_at_the_same_times() -> None:
    def story(core: Core) -> list[tuple[str, str]]:
        return [(event.reference, repr(event)) for event in core.events]

    async def run() -> list[tuple[str, str]]:
        core = Core()
        await core.start()
        core.binance.model.is_down = True
        orders = [core.submit(quantity="0.001") for _ in range(10)]
        core.binance.lose()
        await core.wait(20)
        core.binance.model.is_down = False
        await core.wait(60)
        assert {order.state for order in orders} == {OrderState.NEW}
        await core.reconciler.stop()
        return story(core)

    assert await run() == await run()


async def test_a_fill_that_names_the_venues_order_only_is_booked_to_ours_whose_acceptance_was_lost() -> None:
    core = Core()
    await core.start()
    order = core.submit(Side.BUY, "3", "100")
    core.binance.trade(core.binance.of(order), "3")
    core.binance.lose()
    core.binance.fills = [structs.replace(fill, client_order_id="") for fill in core.binance.fills]
    await core.reconcile()
    assert (order.state, order.trade_ids, order.venue_order_id) == (OrderState.FILLED, {"t1"}, "v1")
    assert core.portfolio.balance("binance", "USDT") == core.binance.balances["USDT"]
    assert not {"external_order", "inferred_fill", "balance"} & set(core.mismatches)
    await core.reconciler.stop()
