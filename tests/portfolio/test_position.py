"""Average cost, realized and unrealized profit of one position."""

from __future__ import annotations

import pytest

from quantai.instruments import Instrument
from quantai.portfolio.position import Position
from tests.oms.world import INVERSE, PERP, SPOT, D


def after(instrument: Instrument, *trades: tuple[str, str]) -> Position:
    position = Position(instrument)
    for quantity, price in trades:
        position.trade(D(quantity), D(price))
    return position


def test_a_long_position_realizes_against_its_average_cost() -> None:
    position = after(SPOT, ("1", "100"), ("1", "110"), ("-1", "120"))
    assert (position.quantity, position.average_price, position.realized_pnl) == (D(1), D(105), D(15))
    assert position.unrealized_pnl(D(100)) == -5
    assert position.traded_notional == 330


def test_a_short_position_gains_when_the_price_falls() -> None:
    position = after(PERP, ("-100", "100"), ("50", "90"))
    assert (position.quantity, position.average_price, position.realized_pnl) == (D(-50), D(100), D(5))
    assert position.unrealized_pnl(D(110)) == -5


def test_a_trade_through_zero_closes_all_and_opens_the_other_side_at_its_price() -> None:
    position = after(SPOT, ("1", "100"), ("-3", "120"))
    assert (position.quantity, position.average_price, position.realized_pnl) == (D(-2), D(120), D(20))


def test_a_flat_position_has_no_cost_and_no_average() -> None:
    position = after(SPOT, ("3", "100"), ("-1", "101"), ("-1", "102"), ("-1", "103"))
    assert (position.quantity, position.cost, position.average_price) == (D(0), D(0), D(0))
    assert position.realized_pnl == 6
    assert position.unrealized_pnl(D(1)) == 0


def test_what_a_partial_close_rounds_stays_in_the_rest() -> None:
    position = after(SPOT, ("3", "0.01"), ("-1", "0.01"))
    position.cost += D("1e-20")  # a cost that thirds do not divide
    position.trade(D(-1), D("0.01"))
    position.trade(D(-1), D("0.01"))
    assert position.cost == 0
    assert position.realized_pnl == D("-1e-20")


def test_an_inverse_contract_gains_its_settlement_currency_as_the_price_rises() -> None:
    position = after(INVERSE, ("10", "100"))  # 1,000 USD, bought for 10 BTC of exposure
    assert position.average_price == 100
    assert position.unrealized_pnl(D(125)) == 2  # worth 8 BTC now
    position.trade(D(-10), D(125))
    assert (position.realized_pnl, position.quantity, position.cost) == (D(2), D(0), D(0))


@pytest.mark.parametrize("instrument", [SPOT, PERP, INVERSE])
def test_the_average_price_realizes_nothing(instrument: Instrument) -> None:
    position = after(instrument, ("1", "100"), ("2", "107.1"), ("-1", "99.9"))
    assert abs(position.unrealized_pnl(position.average_price)) < D("1e-9")


def test_fees_are_kept_by_currency_and_rebates_lower_them() -> None:
    position = Position(SPOT)
    position.pay_fee(D(2), "USDT")
    position.pay_fee(D("-0.5"), "USDT")
    position.pay_fee(D("0.001"), "BNB")
    assert position.fees == {"USDT": D("1.5"), "BNB": D("0.001")}
