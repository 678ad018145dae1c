"""To the letter: what reconciliation makes the order manager hear, and what it tells of each mismatch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import structs

from quantai.config.schema.reconciliation import ReconciliationSection
from quantai.core.account import AccountChange
from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.events import BalanceAdjustedEvent, Event, MismatchEvent, OrderRestatedEvent
from quantai.exchanges.execution import ExecType, ExecutionReport, VenuePosition
from quantai.oms.journal import MemoryJournal
from quantai.oms.order_manager import OrderManager
from tests.oms.reconciliation.model import Core
from tests.oms.world import PERP, START_NS, D


class Kept(MemoryJournal):
    """Keeps what is booked into it."""

    def __init__(self) -> None:
        self.booked: list[tuple[Event, AccountChange]] = []

    def book(self, event: Event, change: AccountChange) -> None:
        self.booked.append((event, change))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ExecutionReport]]:
    """What the order manager is told as if a venue had said it, or by one."""
    reports: list[tuple[str, ExecutionReport]] = []
    apply = OrderManager.apply

    def listen(self: OrderManager, venue: str, report: ExecutionReport) -> None:
        reports.append((venue, report))
        apply(self, venue, report)

    monkeypatch.setattr(OrderManager, "apply", listen)
    return reports


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core(journal=Kept())
    await core.start()
    yield core
    await core.reconciler.stop()


def lines(core: Core) -> list[tuple[str, ...]]:
    """The report: venue, kind, subject, ours, theirs, action."""
    return [(each.venue, *structs.astuple(each)[2:]) for each in core.reconciler.report()]


def of(order: Any, exec_type: ExecType, ts_event: int, **fields: Any) -> ExecutionReport:
    """A report on an order of ours."""
    return ExecutionReport(
        exec_type=exec_type, client_order_id=order.client_order_id, ts_event=ts_event, symbol=order.symbol,
        side=order.side, **fields,
    )  # fmt: skip


async def test_a_lost_acceptance(core: Core, heard: list[tuple[str, ExecutionReport]]) -> None:
    order = core.submit()
    core.binance.lose()
    await core.wait(6)
    unknown, new = (each for _, each in heard)
    assert unknown == of(order, ExecType.UNKNOWN, START_NS + 5_500_000_000, reason="the venue did not answer in time")
    assert new == of(order, ExecType.NEW, new.ts_event, venue_order_id="v1")
    assert [venue for venue, _ in heard] == ["binance", "binance"]
    assert lines(core) == [
        ("binance", "lost_answer", order.client_order_id, "UNKNOWN 0 of 1 at 100", "NEW 0 of 1 at 100",
         "now NEW 0 of 1 at 100")
    ]  # fmt: skip


async def test_a_mismatch_is_an_event_with_the_same_words(core: Core) -> None:
    core.submit()
    core.binance.lose()
    await core.wait(6)
    (line,) = core.reconciler.report()
    (event,) = (each for each in core.events if isinstance(each, MismatchEvent))
    assert event == MismatchEvent(
        "binance", line.ts_ns, line.ts_ns, line.kind, line.subject, line.ours, line.theirs, line.action
    )


async def test_a_change_that_never_arrived(core: Core, heard: list[tuple[str, ExecutionReport]]) -> None:
    order = core.submit()
    core.binance.deliver()
    heard.clear()
    core.binance.loses_commands = True
    core.orders.amend(order, D(2), D(98))
    await core.wait(9)
    (venue, refused) = heard[-1]
    assert venue == "binance"
    assert refused == of(order, ExecType.REPLACE_REJECTED, refused.ts_event, reason="the venue did not change it")
    assert lines(core) == [
        ("binance", "lost_answer", order.client_order_id, "PENDING_REPLACE 0 of 1 at 100", "NEW 0 of 1 at 100",
         "now NEW 0 of 1 at 100")
    ]  # fmt: skip


async def test_a_change_whose_answer_was_lost(core: Core, heard: list[tuple[str, ExecutionReport]]) -> None:
    order = core.submit()
    core.binance.deliver()
    heard.clear()
    core.orders.amend(order, D(2), D(98))
    core.binance.lose()
    await core.wait(6)
    (venue, replaced) = heard[-1]
    assert venue == "binance"
    assert replaced == of(
        order, ExecType.REPLACED, replaced.ts_event, venue_order_id="v1", order_quantity=D(2), order_price=D(98)
    )
    assert replaced.ts_event > START_NS
    assert lines(core)[0][3:] == (
        "PENDING_REPLACE 0 of 1 at 100", "NEW 0 of 2 at 98", "now NEW 0 of 2 at 98"
    )  # fmt: skip


async def test_a_lost_end(core: Core, heard: list[tuple[str, ExecutionReport]]) -> None:
    order = core.submit()
    core.binance.deliver()
    heard.clear()
    core.binance.end(core.binance.of(order), OrderState.EXPIRED)
    core.binance.lose()
    await core.reconcile()
    ((_, ended),) = heard
    assert ended == of(order, ExecType.EXPIRED, START_NS, venue_order_id="v1", reason="told when asked")
    assert lines(core) == [
        ("binance", "order", order.client_order_id, "NEW 0 of 1 at 100", "EXPIRED 0 of 1 at 100",
         "now EXPIRED 0 of 1 at 100")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("is_accepted", "exec_type", "reason", "ours", "now"),
    [
        (True, ExecType.CANCELED, "the venue does not know it any more", "NEW", "CANCELED"),
        (False, ExecType.REJECTED, "the venue never had it", "UNKNOWN", "REJECTED"),
    ],
)
async def test_an_order_that_is_not_known_there(
    core: Core, heard: list[tuple[str, ExecutionReport]], is_accepted: bool, exec_type: ExecType, reason: str,
    ours: str, now: str,
) -> None:  # fmt: skip
    order = core.submit()
    if is_accepted:
        core.binance.deliver()
    core.binance.lose()
    core.binance.orders.clear()
    core.reconciler.request()
    await core.wait(20)
    _, closed = heard[-1]
    assert closed == of(order, exec_type, closed.ts_event, reason=reason)
    assert closed.ts_event == order.ts_last > START_NS
    assert lines(core) == [
        ("binance", "missing_order", order.client_order_id, f"{ours} 0 of 1 at 100", "not known",
         f"now {now} 0 of 1 at 100")
    ]  # fmt: skip


async def test_an_order_that_is_open_again(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.report(order, ExecType.CANCELED)
    await core.reconcile()
    (event,) = (each for each in core.events if isinstance(each, OrderRestatedEvent))
    assert event.reason == order.reason == "it is open at the venue"
    assert lines(core) == [
        ("binance", "reopened_order", order.client_order_id, "CANCELED 0 of 1 at 100", "NEW 0 of 1 at 100",
         "now NEW 0 of 1 at 100")
    ]  # fmt: skip


async def test_more_traded_here_than_there(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.fill(order, "0.5", trade_id="ours")
    core.reconciler.request()
    await core.wait(10)
    (line,) = (each for each in lines(core) if each[1] == "excess_fill")
    assert line == (
        "binance", "excess_fill", order.client_order_id, "0.5 traded", "0 traded",
        "left as it is: a fill is never taken back",
    )  # fmt: skip


async def test_as_much_traded_here_as_there_is_no_excess(core: Core) -> None:
    order = core.submit(quantity="2")
    core.binance.trade(core.binance.of(order), "0.5")
    core.binance.deliver()
    core.binance.of(order).quantity = D(1)
    await core.reconcile()
    assert core.mismatches == ["order"]


async def test_a_fill_that_is_inferred(core: Core, heard: list[tuple[str, ExecutionReport]]) -> None:
    core.binance.model.hides_fills = True
    order = core.submit(quantity="2")
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "0.5")
    core.binance.lose()
    core.reconciler.request()
    await core.wait(100)
    (booked,) = (each for _, each in heard if each.exec_type is ExecType.TRADE)
    assert booked == of(
        order, ExecType.TRADE, booked.ts_event, venue_order_id="v1", trade_id=booked.trade_id, price=D(100),
        quantity=D("0.5"), fee_currency="USDT",
    )  # fmt: skip
    assert booked.trade_id.startswith("inferred-")
    assert booked.ts_event > START_NS
    assert lines(core)[0] == (
        "binance", "inferred_fill", order.client_order_id, "0 traded", "0.5 traded",
        "booked 0.5 at 100, without a fee",
    )  # fmt: skip


async def test_a_fill_that_has_no_price(core: Core) -> None:
    core.market.__init__()  # type: ignore[misc]
    core.binance.model.hides_fills = True
    order = core.submit(price=None)
    core.binance.trade(core.binance.of(order), "1")
    core.binance.lose()
    await core.wait(200)
    assert lines(core) == [
        ("binance", "unsound_fill", order.client_order_id, "0 traded", "1 traded", "left out: it has no price")
    ]


async def test_a_fill_without_id(core: Core) -> None:
    order = core.submit()
    core.binance.deliver()
    core.binance.trade(core.binance.of(order), "0.5")
    core.binance.fills = [structs.replace(fill, trade_id="") for fill in core.binance.fills]
    core.binance.lose()
    core.reconciler.request()
    await core.wait(1)
    (line,) = lines(core)
    assert line == (
        "binance", "unsound_fill", order.client_order_id, "nothing", f"a fill without id: {core.binance.fills[0]}",
        "left out: it could be booked twice",
    )  # fmt: skip


async def test_an_order_nobody_here_placed(core: Core) -> None:
    core.binance.place("x1", "BTC/USDT", Side.BUY, D(2), D(100))
    core.binance.lose()
    await core.reconcile()
    order = core.cache.get("x1")
    assert order is not None
    assert order.reason == "it is open at the venue, and nobody here placed it"
    assert lines(core) == [
        ("binance", "external_order", "x1", "not known", "NEW 0 of 2 at 100", "adopted as x1")
    ]  # fmt: skip


async def test_a_fill_of_an_order_that_nobody_knows(core: Core) -> None:
    stranger = core.binance.place("x1", "BTC/USDT", Side.SELL, D(2), D(100))
    core.binance.trade(stranger, "0.5")
    await core.wait(1)
    core.binance.trade(stranger, "0.25")
    core.binance.end(stranger, OrderState.CANCELED)
    core.binance.model.forgotten.add("x1")
    core.binance.lose()
    await core.reconcile()
    order = core.cache.get("x1")
    assert order is not None
    assert (order.side, order.order_type, order.time_in_force) == (Side.SELL, OrderType.MARKET, TimeInForce.GTC)
    assert (order.price, order.venue_order_id, order.ts_submitted) == (None, "v1", START_NS)
    (event,) = (each for each in core.events if isinstance(each, OrderRestatedEvent))
    assert event.reason == "it traded, and nobody here placed it"
    assert lines(core) == [
        ("binance", "external_order", "x1", "not known", "FILLED 0.75 of 0.75", "adopted as x1"),
        ("binance", "missed_fill", "x1 t1", "0 traded", "0.5 more at 100", "booked"),
        ("binance", "missed_fill", "x1 t2", "0.5 traded", "0.25 more at 100", "booked"),
    ]


async def test_an_instrument_that_is_not_configured(core: Core) -> None:
    core.okx.positions["DOGE/USDT:USDT"] = D(5)
    await core.reconcile("okx")
    assert lines(core) == [
        ("okx", "unconfigured_instrument", "DOGE/USDT:USDT", "not configured", "orders, fills or a position",
         "left out: add it to instruments")
    ]  # fmt: skip


async def test_a_balance_that_differs(core: Core) -> None:
    core.binance.balances["USDT"] = D("1005.50")
    await core.reconcile()
    assert lines(core) == [("binance", "balance", "USDT", "1000", "1005.5", "adjusted")]
    (event,) = (each for each in core.events if isinstance(each, BalanceAdjustedEvent))
    assert event.reason == "the venue, asked twice, says so"
    assert isinstance(core.journal, Kept)
    ((booked, change),) = core.journal.booked
    assert booked == event
    assert [(each.venue, each.currency, each.amount) for each in change.balances] == [
        ("binance", "USDT", D("1005.5"))
    ]  # fmt: skip


async def test_a_currency_that_the_venue_does_not_list_is_none(core: Core) -> None:
    core.binance.balances.clear()
    await core.reconcile()
    assert lines(core) == [("binance", "balance", "USDT", "1000", "0", "adjusted")]
    assert core.portfolio.balance("okx", "USDT") == 1000


async def test_a_position_that_differs(core: Core, heard: list[tuple[str, ExecutionReport]]) -> None:
    core.okx.positions[PERP.symbol] = D(-2)
    await core.reconcile("okx")
    (order,) = core.cache.closed_orders()
    (venue, booked), *_ = heard
    name = order.venue_order_id
    assert venue == "okx"
    assert booked == ExecutionReport(
        exec_type=ExecType.TRADE, client_order_id=order.client_order_id, ts_event=order.ts_submitted,
        venue_order_id=name, symbol=PERP.symbol, side=Side.SELL, trade_id=name, price=D(100), quantity=D(2),
        fee_currency="USDT",
    )  # fmt: skip
    assert (order.order_type, order.time_in_force, order.price) == (OrderType.MARKET, TimeInForce.GTC, None)
    assert order.client_order_id == f"ext-okx-{name}"
    assert order.ts_submitted > START_NS
    (restated,) = (each for each in core.events if isinstance(each, OrderRestatedEvent))
    assert restated.reason == "the venue has another position, and lists no fill that explains it"
    assert lines(core) == [("okx", "position", PERP.symbol, "0", "-2", "booked -2 at 100 to external")]


async def test_a_position_without_price(core: Core) -> None:
    async def positions() -> list[VenuePosition]:
        return [VenuePosition(PERP.symbol, D(4), D(0))]

    core.okx.model.positions = positions  # type: ignore[method-assign]
    await core.reconcile("okx")
    assert lines(core) == [("okx", "position", PERP.symbol, "0", "4", "left as it is: it has no price")]


async def test_a_start_without_proof() -> None:
    core = Core(section=ReconciliationSection(may_start_unproven=True))
    core.okx.model.is_silent = True
    await core.start()
    (line,) = lines(core)
    assert line[:4] == ("okx", "unproven_start", "okx", "not compared")
    assert line[4].startswith("okx gave no answer within 5s")
    assert line[5] == "started without, as reconciliation.may_start_unproven says"
    await core.reconciler.stop()
