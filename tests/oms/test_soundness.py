"""What a venue says is on the books only where it can be."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.core.enums import OrderState, OrderType, Side, TimeInForce
from quantai.core.errors import OrderError
from quantai.events import FillEvent
from quantai.exchanges.execution import OrderStatus
from quantai.oms.soundness import is_sound_status
from tests.oms.world import PERP, SPOT, D, World

UNSOUND = ("NaN", "sNaN", "Infinity", "-1", "1E+16", "1E+999999")


def status(quantity: str = "2", filled: str = "1", price: str | None = "100") -> OrderStatus:
    return OrderStatus(
        client_order_id="x", venue_order_id="v1", symbol=SPOT.symbol, side=Side.BUY, order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC, quantity=D(quantity), price=None if price is None else D(price),
        state=OrderState.NEW, filled_quantity=D(filled), ts_event=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        *(status(quantity=number) for number in (*UNSOUND, "0")),
        *(status(filled=number) for number in UNSOUND),
        *(status(price=number) for number in ("NaN", "sNaN", "-Infinity", "1E+16")),
    ],
)
def test_an_order_that_cannot_be_is_never_on_the_books(said: OrderStatus) -> None:
    world = World()
    order = world.submit()
    with pytest.raises(OrderError, match="no order can be what the venue says"):
        world.orders.adopt("binance", said, SPOT, "it is there")
    with pytest.raises(OrderError, match="no order can be what the venue says"):
        world.orders.restate(order, said, "it is so")
    assert world.cache.get("x") is None
    assert (order.quantity, order.state) == (D(1), OrderState.PENDING_NEW)


@pytest.mark.parametrize(
    "said", [status(), status(filled="0"), status(price=None), status(price="-5"), status(quantity="1E+15")]
)
def test_an_order_that_can_be_is_taken(said: OrderStatus) -> None:
    assert is_sound_status(said)
    assert World().orders.adopt("binance", said, SPOT, "it is there").quantity == Decimal(said.quantity)


@pytest.mark.parametrize("told", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+16"])
def test_a_fill_whose_profit_is_no_number_is_not_booked_and_told(told: str) -> None:
    world = World()
    order = world.submit(instrument=PERP)
    world.fill(order, "1", realized_pnl=D(told))
    assert (order.filled_quantity, world.portfolio.position("okx", PERP.symbol)) == (D(0), D(0))
    assert "system.error" in world.topics()


@pytest.mark.parametrize("told", [None, D(0), D("-0.91539999")])
def test_what_the_venue_says_that_a_fill_realized_is_told_on(told: Decimal | None) -> None:
    world = World()
    order = world.submit(instrument=PERP)
    world.fill(order, "1", realized_pnl=told)
    assert [event.realized_pnl for event in world.events if isinstance(event, FillEvent)] == [told]
    assert world.portfolio.balance("okx", "USDT") == 1000 + (told or 0)
