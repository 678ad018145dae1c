"""What a venue reports of an order, and what it does to the order and the books."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.core.enums import OrderState
from quantai.events import (
    ErrorEvent,
    FillEvent,
    OrderCanceledEvent,
    OrderEvent,
    OrderFilledEvent,
    OrderPartiallyFilledEvent,
    PositionEvent,
)
from quantai.exchanges.execution import ExecType, ExecutionReport
from quantai.oms.ledger import COMPONENT
from quantai.portfolio.position import Position
from tests.oms.world import START_NS, World

D = Decimal


def alarms(world: World) -> list[str]:
    return [e.error for e in world.events if isinstance(e, ErrorEvent) and e.component == COMPONENT]


def fills(world: World) -> list[FillEvent]:
    return [event for event in world.events if isinstance(event, FillEvent)]


@pytest.mark.parametrize("report", [ExecType.NEW, ExecType.CANCELED, ExecType.REJECTED, ExecType.EXPIRED])
def test_an_illegal_report_changes_nothing_and_is_not_republished(
    report: ExecType, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    world.orders.inbox.on_unmatched = lambda venue, report: None
    order = world.submit()
    world.report(order, ExecType.REJECTED, reason="why", venue_order_id="v1")
    before = (order.state, order.reason, order.venue_order_id, order.ts_last)
    world.events.clear()
    world.report(order, report, reason="other", venue_order_id="v2")
    assert (order.state, order.reason, order.venue_order_id, order.ts_last) == before
    assert world.events == []
    assert world.orders.counts["illegal"] == 1
    assert f"illegal report {report}" in caplog.text


def test_a_report_on_an_order_nobody_knows_raises_the_alarm() -> None:
    world = World()
    world.orders.apply(
        "binance", ExecutionReport(exec_type=ExecType.TRADE, client_order_id="strange", ts_event=1, trade_id="1")
    )
    assert world.orders.counts["unmatched"] == 1
    assert alarms(world) == ["UnmatchedReport"]


def test_fills_add_up_and_the_last_one_closes_the_order() -> None:
    world = World()
    order = world.submit(quantity="1", price="101")
    world.report(order, ExecType.NEW)
    world.fill(order, "0.25", "100", trade_id="1")
    world.fill(order, "0.75", "101", trade_id="2")
    first, last = fills(world)
    assert isinstance(first, OrderPartiallyFilledEvent)
    assert (first.cumulative_quantity, first.leaves_quantity) == (D("0.25"), D("0.75"))
    assert isinstance(last, OrderFilledEvent)
    assert (last.cumulative_quantity, last.leaves_quantity) == (D(1), D(0))
    assert order.average_price == D("100.75")
    assert order.state is OrderState.FILLED
    assert world.orders.open_orders() == []


def test_the_position_event_follows_its_fill_and_the_books_are_right_before_it() -> None:
    world = World()
    order = world.submit()
    seen: list[Decimal] = []

    world.subscribe("order.filled.*", lambda e: seen.append(world.portfolio.position(e.venue, e.symbol)))
    world.fill(order, "1")
    assert seen == [D(1)]
    fill, position = world.events[-2:]
    assert isinstance(fill, FillEvent)
    assert isinstance(position, PositionEvent)


def test_a_fill_that_is_reported_twice_is_booked_once() -> None:
    world = World()
    order = world.submit()
    world.fill(order, "0.5", trade_id="7")
    world.fill(order, "0.5", trade_id="7")
    assert order.filled_quantity == D("0.5")
    assert world.portfolio.position("binance", "BTC/USDT") == D("0.5")
    assert world.orders.counts["duplicates"] == 1
    assert len(fills(world)) == 1


def test_two_fills_without_a_trade_id_are_both_booked() -> None:
    world = World()
    order = world.submit()
    world.fill(order, "0.5", trade_id="")
    world.fill(order, "0.5", trade_id="")
    assert order.state is OrderState.FILLED
    assert world.portfolio.position("binance", "BTC/USDT") == 1


@pytest.mark.parametrize("closing", [ExecType.CANCELED, ExecType.REJECTED, ExecType.EXPIRED])
def test_a_fill_after_the_order_closed_is_kept(closing: ExecType, caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    order = world.submit()
    world.report(order, closing)
    closed = order.state
    world.fill(order, "0.4")
    assert order.state is closed
    assert world.portfolio.position("binance", "BTC/USDT") == D("0.4")
    assert "after it was" in caplog.text
    world.fill(order, "0.6", trade_id="2")
    assert order.state is OrderState.FILLED
    assert world.cache.get(order.client_order_id) is order


def test_a_fill_before_the_acceptance_is_kept_and_the_acceptance_is_not_illegal() -> None:
    world = World()
    order = world.submit()
    world.fill(order, "1")
    world.report(order, ExecType.NEW, venue_order_id="v9")
    assert (order.state, order.venue_order_id) == (OrderState.FILLED, "v9")
    assert world.orders.counts["illegal"] == 0


def test_an_overfill_is_booked_and_raises_the_alarm() -> None:
    world = World()
    order = world.submit(quantity="1")
    world.fill(order, "1", trade_id="1")
    world.fill(order, "0.5", trade_id="2")
    assert world.portfolio.position("binance", "BTC/USDT") == D("1.5")
    assert order.leaves_quantity == 0
    assert fills(world)[-1].leaves_quantity == 0
    assert world.orders.counts["overfills"] == 1
    assert alarms(world) == ["Overfill"]


@pytest.mark.parametrize(
    "numbers", [{"quantity": "0"}, {"quantity": "-1"}, {"quantity": "NaN"}, {"quantity": "1", "price": "Infinity"}]
)
def test_a_fill_with_impossible_numbers_is_not_booked_and_raises_the_alarm(numbers: dict[str, str]) -> None:
    world = World()
    order = world.submit()
    world.fill(order, **numbers)
    assert order.filled_quantity == 0
    assert world.portfolio.position("binance", "BTC/USDT") == 0
    assert alarms(world) == ["UnsoundFill"]


def test_a_portfolio_that_fails_does_not_lose_the_fill_of_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Position, quantity: Decimal, price: Decimal) -> Decimal:
        raise ArithmeticError("no more digits")

    world = World()
    order = world.submit()
    monkeypatch.setattr(Position, "trade", fail)
    world.fill(order, "1")
    assert order.state is OrderState.FILLED
    assert alarms(world) == ["UnbookedFill"]
    assert len(fills(world)) == 1


def test_a_cancelled_order_tells_what_did_not_trade() -> None:
    world = World()
    order = world.submit()
    world.fill(order, "0.3")
    world.report(order, ExecType.CANCELED, reason="by the user")
    event = world.events[-1]
    assert isinstance(event, OrderCanceledEvent)
    assert (event.leaves_quantity, event.reason) == (D("0.7"), "by the user")


async def test_awaiting_an_order_gives_it_at_once() -> None:
    order = World().submit()
    assert await order is order


@pytest.mark.parametrize(
    ("said", "is_asked"),
    [(ExecType.NEW, True), (ExecType.TRADE, True), (ExecType.CANCELED, False), (ExecType.CANCEL_REJECTED, False)],
)
def test_a_venue_that_has_an_order_which_was_refused_here_is_asked(said: ExecType, is_asked: bool) -> None:
    world = World()
    asked: list[str] = []
    world.orders.inbox.on_unmatched = lambda venue, report: asked.append(f"{venue} {report.client_order_id}")
    order, other = world.submit(), world.submit()
    world.report(order, ExecType.REJECTED, reason="the venue never had it")
    world.report(other, ExecType.CANCELED)
    for each in (order, other):
        world.report(each, said, trade_id="1", quantity=D("0.5"), price=D(100))
    assert asked == ([f"binance {order.client_order_id}"] if is_asked else [])
    assert order.state.value == "REJECTED"


@pytest.mark.parametrize("name", ["quantity", "price", "fee"])
@pytest.mark.parametrize("number", ["1e15", "1.1e15", "1e400", "1e-5"])
def test_a_fill_beyond_what_can_be_counted_exactly_is_told_and_not_booked(name: str, number: str) -> None:
    world = World()
    order = world.submit()
    numbers = {"quantity": "1", "price": "1", "fee": "0"} | {name: number}
    world.report(order, ExecType.TRADE, trade_id="1", **{key: D(value) for key, value in numbers.items()})
    assert (order.filled_quantity > 0) is (D(number) <= D("1e15"))
    told = [event.error for event in world.events if isinstance(event, ErrorEvent)]
    assert ("UnsoundFill" in told) is (D(number) > D("1e15"))


@pytest.mark.parametrize(("number", "is_taken"), [("1e15", True), ("1e16", False)])
def test_a_change_beyond_what_can_be_counted_exactly_is_not_taken(number: str, is_taken: bool) -> None:
    world = World()
    order = world.submit()
    world.report(order, ExecType.NEW)
    world.report(order, ExecType.REPLACED, order_quantity=D(number))
    world.report(order, ExecType.REPLACED, order_price=D(number))
    assert (order.quantity, order.price) == ((D(number), D(number)) if is_taken else (D(1), D(100)))


@pytest.mark.parametrize(
    ("said", "kept"), [(2**63 - 1, 2**63 - 1), (2**63, START_NS), (1, 1), (0, START_NS), (-1, START_NS)]
)
def test_a_time_that_is_none_is_now(said: int, kept: int) -> None:
    world = World()
    order = world.submit()
    world.orders.apply(
        "binance", ExecutionReport(exec_type=ExecType.NEW, client_order_id=order.client_order_id, ts_event=said)
    )
    assert [event.ts_event for event in world.events if isinstance(event, OrderEvent)][-1] == kept
