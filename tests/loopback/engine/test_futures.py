"""Contracts: positions, profit, margin, orders that only reduce."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.loopback.engine import Position, PositionSide, Reason, Refused, Status, Trigger
from tests.loopback.engine.world import BUY, PERP, SELL, D, World


def test_a_position_knows_its_entry_and_profit_through_a_turn() -> None:
    held = Position(PERP, PositionSide.BOTH)
    assert [held.trade(D(quantity), D(price)) for quantity, price in (("2", "100"), ("2", "110"))] == [0, 0]
    assert held.entry_price == 105
    assert held.trade(D(-1), D(120)) == 15
    assert held.trade(D(-5), D(95)) == -30
    assert (held.amount, held.entry_price, held.realized) == (D(-2), D(95), D(-15))


@given(st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(9_000, 11_000)), max_size=30))
def test_profit_taken_and_open_is_all_the_profit_there_is(trades: list[tuple[int, int]]) -> None:
    held = Position(PERP, PositionSide.BOTH)
    paid = D(0)
    for quantity, cents in trades:
        price = D(cents) / 100
        held.trade(D(quantity) / 1000, price)
        paid += D(quantity) / 1000 * price
    mark = D("101.37")
    assert held.realized + held.profit(mark) == held.amount * mark - paid


def test_fees_and_profit_go_to_the_wallet() -> None:
    world = World()
    world.place(world.dave, SELL, "2", "100")
    world.place(world.carol, BUY, "2", "100")
    world.place(world.dave, BUY, "2", "90")
    closed = world.place(world.carol, SELL, "2", "90")
    assert closed.fills[0].realized == -20
    assert world.carol.wallet["USDT"] == D(100_000) - 20 - D("200") * D("0.0005") - D(180) * D("0.0005")
    assert world.dave.wallet["USDT"] == D(100_000) + 20 - D("200") * D("0.0002") - D(180) * D("0.0002")
    assert world.carol.position(PERP).amount == 0


def test_margin_that_is_not_there_refuses_but_closing_needs_none() -> None:
    world = World()
    world.carol.wallet["USDT"] = D(11)
    world.place(world.dave, SELL, "5", "100")
    world.place(world.carol, BUY, "2", "100")
    with pytest.raises(Refused) as refused:
        world.place(world.carol, BUY, "2", "100")
    assert refused.value.reason is Reason.INSUFFICIENT
    world.place(world.dave, BUY, "5", "99")
    assert world.place(world.carol, SELL, "2", "99").status is Status.FILLED


def test_reduce_only_closes_and_never_turns_round() -> None:
    world = World()
    with pytest.raises(Refused) as refused:
        world.place(world.carol, SELL, "1", "100", is_reduce_only=True)
    assert refused.value.reason is Reason.REDUCE_ONLY
    world.place(world.dave, SELL, "1", "100")
    world.place(world.carol, BUY, "1", "100")
    world.place(world.dave, BUY, "5", "99")
    order = world.place(world.carol, SELL, "3", is_reduce_only=True)
    assert (order.filled, order.status, world.carol.position(PERP).amount) == (D(1), Status.EXPIRED, D(0))


def test_a_resting_reduce_only_order_ends_when_there_is_nothing_to_reduce() -> None:
    world = World()
    world.place(world.dave, SELL, "1", "100")
    world.place(world.carol, BUY, "1", "100")
    resting = world.place(world.carol, SELL, "1", "110", is_reduce_only=True)
    world.place(world.dave, BUY, "1", "99")
    world.place(world.carol, SELL, "1", "99")
    taker = world.place(world.dave, BUY, "1", "110")
    assert (resting.status, resting.filled, taker.filled) == (Status.EXPIRED, D(0), D(0))
    assert world.carol.position(PERP).amount == 0


def test_a_stop_that_closes_the_position_has_its_size_when_it_wakes() -> None:
    world = World()
    world.place(world.dave, SELL, "3", "100")
    world.place(world.carol, BUY, "2", "100")
    stop = world.place(world.carol, SELL, "0", closes_position=True, trigger=Trigger(D(95), is_above=False))
    world.place(world.carol, BUY, "1", "100")
    world.place(world.dave, BUY, "10", "94")
    world.engine.take(world.engine.markets[PERP], SELL, D("94.00"), D(1))
    world.engine.settle_quote(world.engine.markets[PERP])
    assert (stop.filled, world.carol.position(PERP).amount) == (D(3), D(0))
