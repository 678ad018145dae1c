"""Accounts whose margin is gone: what is closed, at which price, who pays, and what is told."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quantai.core.enums import Side
from quantai.loopback.engine import LIQUIDATED, Change, FuturesAccount, Order, Status, Trigger
from tests.loopback.engine.world import BUY, PERP, SELL, D, World


def _held(world: World, wallet: str, side: Side = BUY, quantity: str = "10") -> FuturesAccount:
    """`carol` holds so much, bought at 100 from `dave`; her fee of it is paid on top."""
    world.carol.wallet["USDT"] = D(wallet) + D(quantity) * 100 * D("0.0005")
    world.place(world.dave, side.opposite, quantity, "100")
    world.place(world.carol, side, quantity, "100")
    return world.carol


def _mark(world: World, price: str) -> None:
    world.engine.set_mark(world.engine.markets[PERP], D(price), None)


def _forced(world: World) -> list[Order]:
    return [order for order in world.carol.orders.values() if order.request.is_forced]


@pytest.mark.parametrize(("side", "safe", "gone"), [(BUY, "90.37", "90.36"), (SELL, "109.56", "109.57")])
def test_it_is_liquidated_when_its_margin_is_no_more_than_the_maintenance_margin(
    side: Side, safe: str, gone: str
) -> None:
    world = World()
    carol = _held(world, "100", side)
    # 100 + 10 (p - 100) = 10 p 0.004, and for a short 100 + 10 (100 - p) = 10 p 0.004
    price = carol.liquidation_price(carol.position(PERP))
    assert min(D(safe), D(gone)) < price < max(D(safe), D(gone))
    _mark(world, safe)
    assert carol.position(PERP).amount == side.sign * 10
    _mark(world, gone)
    assert carol.position(PERP).amount == 0


def test_open_orders_end_first_and_say_why() -> None:
    world = World()
    carol = _held(world, "200")
    resting = world.place(carol, BUY, "0.5", "85")
    stop = world.place(carol, SELL, "1", trigger=Trigger(D(50), is_above=False))
    _mark(world, "80")
    for order in (resting, stop):
        assert (order.status, order.reason, world.changes(order)[-1]) == (Status.EXPIRED, LIQUIDATED, Change.EXPIRED)
    assert not carol.open_orders[PERP]
    [forced] = _forced(world)
    assert world.heard.orders.index((stop.id, Change.EXPIRED)) < world.heard.orders.index((forced.id, Change.NEW))


def test_the_book_takes_what_it_can_and_the_fund_the_rest_at_the_price_that_leaves_nothing() -> None:
    world = World()
    carol = _held(world, "100")
    world.place(world.dave, BUY, "4", "92")
    world.place(world.dave, BUY, "9", "89")
    printed = len(world.heard.trades)
    _mark(world, "90.1")
    [forced] = _forced(world)
    assert [(fill.price, fill.quantity) for fill in forced.fills] == [(D(92), D(4)), (D("90.00"), D(6))]
    assert [trade.quantity for trade in world.heard.trades[printed:]] == [D(4)]  # the fund's are not printed
    assert forced.client_id.startswith("forced-")
    assert world.changes(forced) == [Change.NEW, Change.TRADE, Change.TRADE]
    assert len({fill.trade_id for fill in forced.fills}) == 2
    assert carol.position(PERP).amount == 0
    [told] = world.heard.liquidations
    assert (told.side, told.quantity, told.price, told.average_price) == (SELL, D(10), D("90.00"), D("90.8"))


def test_the_fund_gets_its_fee_as_far_as_something_is_left() -> None:
    world = World()
    carol = _held(world, "100")
    world.place(world.dave, BUY, "10", "95")
    _mark(world, "90.1")
    fees = D(950) * D("0.0005") + D(950) * D("0.0125")
    assert carol.wallet["USDT"] == 100 - 50 - fees
    assert world.heard.accounts[-1] == ("carol", "insurance")


@pytest.mark.parametrize("price", ["90.1", "60"])  # 60: what it lost is more than it had
def test_nobody_owes_anything_afterwards(price: str) -> None:
    world = World()
    carol = _held(world, "100")
    _mark(world, price)
    assert carol.wallet["USDT"] == 0
    assert [carol.margin_balance("USDT"), carol.order_margin("USDT"), carol.available("USDT")] == [0, 0, 0]
    _mark(world, "50")
    assert len(_forced(world)) == 1


def test_both_sides_of_a_hedged_account_are_closed() -> None:
    world = World()
    carol = world.carol
    carol.is_hedged = True
    carol.wallet["USDT"] = D(101)
    for side, quantity, name in ((BUY, "12", "LONG"), (SELL, "2", "SHORT")):
        world.place(world.dave, side.opposite, quantity, "100")
        world.place(carol, side, quantity, "100", position_side=name)
    _mark(world, "90.1")
    assert [order.request.position_side for order in _forced(world)] == ["LONG", "SHORT"]
    assert not carol.held("USDT")


def test_others_keep_what_they_have() -> None:
    world = World()
    _held(world, "100")
    before = world.dave.position(PERP).amount, world.dave.wallet["USDT"]
    _mark(world, "80")
    assert (world.dave.position(PERP).amount, world.dave.wallet["USDT"]) == before


def test_funding_that_takes_the_margin_away_liquidates_too() -> None:
    world = World()
    carol = _held(world, "100")
    _mark(world, "91")
    market = world.engine.markets[PERP]
    market.funding_rate = D("0.01")
    assert carol.position(PERP).amount == 10
    world.engine.pay_funding(market)
    assert carol.position(PERP).amount == 0


@given(st.integers(60, 5_000), st.integers(1, 90), st.sampled_from([BUY, SELL]), st.integers(1, 200))
def test_money_is_never_below_zero_nor_made(wallet: int, quantity: int, side: Side, mark: int) -> None:
    world = World()
    carol = world.carol
    carol.wallet["USDT"] = Decimal(wallet)
    assume(quantity * 100 / 20 + 5 <= wallet)
    world.place(world.dave, side.opposite, str(quantity), "100")
    world.place(carol, side, str(quantity), "100")
    had = carol.wallet["USDT"]
    _mark(world, str(mark))
    held = carol.position(PERP).amount
    assert held in (side.sign * quantity, 0)
    assert carol.wallet["USDT"] == had if held else 0 <= carol.wallet["USDT"] <= had
    assert not carol.is_exhausted("USDT")


def test_a_market_that_opens_or_closes_is_told_once() -> None:
    world = World()
    market = world.engine.markets[PERP]
    for is_open in (True, False, False, True):
        world.engine.set_open(market, is_open)
    assert world.heard.statuses == [False, True]


def test_open_interest_is_what_others_and_accounts_hold() -> None:
    world = World()
    _held(world, "1000", BUY, "3")
    market = world.engine.markets[PERP]
    market.open_interest = D(500)
    assert world.engine.open_interest(market) == 506
