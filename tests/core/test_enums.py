from __future__ import annotations

import pytest

from quantai.core.enums import CLOSED_STATES, OrderState, Side


@pytest.mark.parametrize(
    ("side", "sign", "opposite"),
    [(Side.BUY, 1, Side.SELL), (Side.SELL, -1, Side.BUY), (Side.UNKNOWN, 0, Side.UNKNOWN)],
)
def test_a_side_has_a_sign_and_an_opposite(side: Side, sign: int, opposite: Side) -> None:
    assert side.sign == sign
    assert side.opposite is opposite


def test_an_order_may_trade_until_it_is_closed() -> None:
    still_open = {state for state in OrderState if state.is_open}
    assert still_open == {
        OrderState.SUSPENDED, OrderState.PENDING_NEW, OrderState.NEW, OrderState.PARTIALLY_FILLED,
        OrderState.PENDING_CANCEL, OrderState.PENDING_REPLACE, OrderState.UNKNOWN,
    }  # fmt: skip
    assert still_open | CLOSED_STATES == set(OrderState)
