"""The means of a venue and the division of an order, where one digit more would choose another venue."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.oms.models import Order
from quantai.oms.routing.family import Family, state_of
from quantai.oms.routing.funds import room_at
from quantai.oms.routing.ladder import Rung
from quantai.oms.routing.split import Offer, allocate
from tests.oms.routing.scene import D, Scene, ask, listed

SPOT = listed("a", "BTC/USDT")
PERP = listed("a", "BTC/USDT:USDT", lot="1")


def an_order(side: Side, quantity: str, strategy: str, state: OrderState = OrderState.NEW) -> Order:
    return Order("1", strategy, PERP, side, OrderType.LIMIT, D(quantity), D(100), TimeInForce.GTC, "", 0, state=state)


def test_a_purchase_costs_the_price_times_what_a_unit_is() -> None:
    scene = Scene()
    scene.account.balances = {("a", "USDT"): D(1000)}
    tens = listed("a", "BTC/USDT", multiplier=D(10))
    assert room_at(tens, ask(Side.BUY, symbol="BTC/USDT"), scene.view, D(20), D(0)) == 5
    assert room_at(SPOT, ask(Side.BUY, symbol="BTC/USDT"), scene.view, D(20), D("0.25")) == 40


@pytest.mark.parametrize(("whose", "room"), [("", 2), ("other", 4)])
def test_a_reduction_has_the_room_that_own_orders_leave(whose: str, room: int) -> None:
    scene = Scene()
    request = ask(Side.SELL, symbol=PERP.symbol, reduce_only=True)
    scene.account.positions = {("a", PERP.symbol): D(5)}
    scene.account.others = {("a", PERP.symbol): D(2)}
    scene.open.orders = [an_order(Side.SELL, "3", whose or request.strategy)]
    assert room_at(PERP, request, scene.view, D(100), D(0)) == room


def rungs(*costs: float, size: float = 1) -> list[Rung]:
    """All but the last hold `size`."""
    *first, last = costs
    return [*(Rung(0, each, size, each) for each in first), Rung(0, last, math.inf, last)]


def test_what_a_venue_has_no_room_for_goes_to_the_next_cheapest() -> None:
    offers = [
        Offer(listed("x"), rungs(100, 101), D(100), {}, D(1)),
        Offer(listed("y"), rungs(110), D(100), {}),
        Offer(listed("z"), rungs(105), D(100), {}),
    ]
    assert allocate(offers, D(3), 3) == {0: D(1), 2: D(2)}
    assert allocate(offers, D(1), 3) == {0: D(1)}


@pytest.mark.parametrize(
    ("states", "filled", "becomes"),
    [
        ([], "0", OrderState.DENIED),
        ([OrderState.DENIED], "0", OrderState.DENIED),
        ([OrderState.DENIED, OrderState.REJECTED], "0", OrderState.REJECTED),
        ([OrderState.REJECTED], "0", OrderState.REJECTED),
        ([OrderState.REJECTED], "1", OrderState.CANCELED),
        ([OrderState.DENIED], "1", OrderState.CANCELED),
        ([OrderState.REJECTED, OrderState.EXPIRED], "0", OrderState.EXPIRED),
        ([OrderState.REJECTED, OrderState.CANCELED], "0", OrderState.CANCELED),
        ([OrderState.CANCELED], "4", OrderState.FILLED),
    ],
)
def test_how_a_parent_ends(states: list[OrderState], filled: str, becomes: OrderState) -> None:
    parent = an_order(Side.BUY, "4", "alpha")
    children = [an_order(Side.BUY, "4", "alpha", state) for state in states]
    if children:
        children[0].filled_quantity = Decimal(filled)
    assert state_of(Family(parent), children) is becomes
    if filled != "4":
        assert state_of(Family(parent, is_cancelled=True), children) is OrderState.CANCELED
