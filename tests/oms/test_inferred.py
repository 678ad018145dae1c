"""What was inferred of an order is booked once, whatever is told of it later, and whenever."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.enums import OrderState, Side
from quantai.events import FillEvent
from quantai.exchanges.execution import ExecType, ExecutionReport
from quantai.oms.inferred import confirmed_trades, inferred_id
from quantai.oms.models import Order
from tests.oms.journals import WaitingJournal
from tests.oms.world import PERP, D, World

AT_NS = 1_000


def infer(world: World, order: Order, filled: str, at_ns: int = AT_NS) -> None:
    """The venue says that so much has traded, and lists no fill for it."""
    quantity = D(filled) - order.filled_quantity
    told(world, order, inferred_id(quantity, D(filled), at_ns, "v-1"), str(quantity), at_ns)


def told(
    world: World, order: Order, trade_id: str, quantity: str, at_ns: int = AT_NS, filled: Decimal | None = None
) -> None:
    """The venue tells a fill."""
    report = ExecutionReport(
        exec_type=ExecType.TRADE, client_order_id=order.client_order_id, ts_event=at_ns, trade_id=trade_id,
        price=D(100), quantity=D(quantity), fee=D("0.5"), fee_currency="USDT", filled_quantity=filled,
    )  # fmt: skip
    world.orders.apply(order.venue, report)


def restarted(world: World, order: Order) -> Order:
    """The order as a journal gives it back: nothing is left but what that keeps."""
    again = replace(order, trade_ids=set(order.trade_ids))
    world.cache._open.pop(order.client_order_id, None)
    world.cache._closed.pop(order.client_order_id, None)
    world.cache.keep(again)
    return again


def held(world: World) -> Decimal:
    return world.portfolio.position("binance", "BTC/USDT")


def test_a_fill_that_is_told_after_it_was_inferred_is_not_booked_again() -> None:
    world = World()
    order = world.submit(quantity="2")
    infer(world, order, "1.5")
    cash = world.portfolio.balance("binance", "USDT")
    told(world, order, "t1", "1")
    told(world, order, "t2", "0.5")
    assert (order.filled_quantity, held(world)) == (D("1.5"), D("1.5"))
    assert world.portfolio.balance("binance", "USDT") == cash
    assert world.orders.counts["confirmed"] == 2
    assert [event.quantity for event in world.events if isinstance(event, FillEvent)] == [D("1.5")]


def test_what_confirmed_is_kept_so_that_it_survives_a_restart() -> None:
    journal = WaitingJournal()
    world = World(journal=journal)
    order = world.submit(quantity="2")
    infer(world, order, "1")
    told(world, order, "t-1", "0.4")
    kept = journal.events[-1]
    assert isinstance(kept, FillEvent)
    assert (kept.trade_id, kept.quantity, kept.fee, kept.cumulative_quantity) == (
        "confirms-0.4-t-1", D(0), D("0.5"), D(1),
    )  # fmt: skip
    again = restarted(world, order)
    assert (again.is_inferred, confirmed_trades(again)) == (True, {"t-1"})
    told(world, again, "t-1", "0.4")
    told(world, again, "t-2", "0.6")
    assert (again.filled_quantity, held(world)) == (D(1), D(1))
    told(world, again, "t-3", "0.6")
    assert again.filled_quantity == D("1.6")
    assert world.orders.counts["duplicates"] == 1


def test_more_than_was_inferred_is_booked_as_the_rest() -> None:
    world = World()
    order = world.submit(quantity="2")
    infer(world, order, "0.5")
    told(world, order, "t1", "0.8")
    assert (order.filled_quantity, held(world)) == (D("0.8"), D("0.8"))
    last = [event for event in world.events if isinstance(event, FillEvent)][-1]
    assert (last.trade_id, last.quantity, last.fee) == ("confirms-0.5-t1", D("0.3"), D("0.5"))
    told(world, order, "t1", "0.8")
    assert held(world) == D("0.8")


def test_what_the_venue_says_of_a_whole_fill_is_not_booked_for_its_rest() -> None:
    world = World()
    order = world.submit(Side.SELL, "2", instrument=PERP)
    infer(world, order, "0.5")
    for trade_id, quantity, at_ns in (("t1", "0.8", AT_NS), ("t2", "0.1", AT_NS + 1)):
        report = ExecutionReport(
            exec_type=ExecType.TRADE, client_order_id=order.client_order_id, ts_event=at_ns, trade_id=trade_id,
            price=D(100), quantity=D(quantity), fee_currency="USDT", realized_pnl=D(7),
        )  # fmt: skip
        world.orders.apply("okx", report)
    booked = [(event.quantity, event.realized_pnl) for event in world.events if isinstance(event, FillEvent)]
    assert booked == [(D("0.5"), None), (D("0.3"), None), (D("0.1"), D(7))]
    assert world.portfolio.balance("okx", "USDT") == 1000 - D("0.5") + 7  # a fee, and what was told of all of a fill


@pytest.mark.parametrize(
    ("at_ns", "filled", "booked"),
    [
        (AT_NS, None, "0.5"),  # not later than the venue's word: that was about it
        (AT_NS + 1, None, "0.7"),  # later: another fill
        (0, None, "0.5"),  # no time at all
        (AT_NS + 1, D("0.5"), "0.5"),  # the cumulative quantity says more than the time
        (AT_NS, D("0.7"), "0.7"),
        (AT_NS + 1, D("NaN"), "0.7"),  # no quantity at all
    ],
)
def test_a_fill_of_after_the_venues_word_is_another_fill(at_ns: int, filled: Decimal | None, booked: str) -> None:
    world = World()
    order = world.submit(quantity="2")
    infer(world, order, "0.5")
    told(world, order, "t1", "0.2", at_ns, filled)
    assert (order.filled_quantity, held(world)) == (D(booked), D(booked))


def test_a_fill_without_an_id_confirms_nothing_as_nothing_would_tell_it_again() -> None:
    world = World()
    order = world.submit(quantity="2")
    infer(world, order, "0.5")
    told(world, order, "", "0.2")
    assert order.filled_quantity == D("0.7")


def test_a_trade_id_of_a_venue_that_only_looks_inferred_confirms_and_infers_nothing() -> None:
    world = World()
    order = world.submit(quantity="2")
    told(world, order, "inferred-by-the-venue", "0.5")
    told(world, order, "t1", "0.5")
    assert order.filled_quantity == 1


def test_an_order_that_ended_with_what_was_inferred_stays_as_it_is() -> None:
    world = World()
    order = world.submit(quantity="1")
    infer(world, order, "1")
    told(world, order, "t1", "1")
    assert (order.state, order.filled_quantity) == (OrderState.FILLED, D(1))
    assert world.orders.counts["overfills"] == 0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.booleans(), st.integers(0, 2**32))
def test_however_fills_come_the_position_is_never_more_than_what_traded_and_all_of_it_in_the_end(
    sizes: list[int], tells_filled: bool, seed: int
) -> None:
    """Trades happen, the venue's word is taken, reports come in any order and twice, and the daemon restarts."""
    world, chance = World(), random.Random(seed)
    order = world.submit(quantity="100")
    reports = [
        (f"t{number}", str(size), number * 10, D(sum(sizes[: number + 1])) if tells_filled else None)
        for number, size in enumerate(sizes)
    ]
    waiting, known, happened = list[int](), list[int](), 0
    while len(known) < len(sizes):
        act = chance.choice(("trade", "report", "infer", "restart", "again"))
        if act == "trade" and happened < len(sizes):
            waiting.append(happened)
            happened += 1
        elif act == "report" and waiting:
            known.append(waiting.pop(chance.randrange(len(waiting))))
            told(world, order, *reports[known[-1]])
        elif act == "infer" and sum(sizes[:happened]) > order.filled_quantity:
            infer(world, order, str(sum(sizes[:happened])), (happened - 1) * 10)
        elif act == "restart":
            order = restarted(world, order)
        elif act == "again" and known:
            told(world, order, *reports[chance.choice(known)])
        assert order.filled_quantity == held(world) <= sum(sizes[:happened])
    assert held(world) == sum(sizes)
