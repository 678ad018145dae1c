"""An order needs the money, the holding or the margin for it: `sufficient_capital` at its edges."""

from __future__ import annotations

from typing import Any

import pytest

from quantai.core.enums import Side
from quantai.oms.models import Order
from quantai.oms.risk import RISK_CHECKS
from tests.oms.world import BTC, INVERSE, OPTION, PERP, D, World

BUY, SELL = Side.BUY, Side.SELL


def world(check: str, *, price: float = 100.0, balances: dict[str, Any] | None = None, **params: Any) -> World:
    """A world with one check."""
    return World([RISK_CHECKS.find(check)(**params)], price=price, balances=balances)


def passes(order: Order) -> bool:
    return order.state != "DENIED"


# Spot


@pytest.mark.parametrize(("quantity", "expected"), [("9.99", True), ("9.991", False)])
def test_a_buy_needs_its_price_and_the_fee(quantity: str, expected: bool) -> None:
    w = world("sufficient_capital", fee_buffer="0.001", balances={"binance": {"USDT": D("999.999")}})
    # 9.99 * 100 * 1.001 is 999.999 exactly.
    assert passes(w.submit(BUY, quantity, "100")) is expected


def test_a_market_buy_keeps_something_for_a_worse_price() -> None:
    w = world("sufficient_capital", fee_buffer=0, slippage_buffer="1%", balances={"binance": {"USDT": D(1010)}})
    assert not passes(w.submit(BUY, "10.001", None))
    assert passes(w.submit(BUY, "10", None))


def test_open_buys_of_all_strategies_reserve_cash() -> None:
    w = world("sufficient_capital", fee_buffer=0)
    assert passes(w.submit(BUY, "6", strategy="alpha"))
    assert not passes(w.submit(BUY, "4.001", strategy="beta"))
    assert passes(w.submit(BUY, "4", strategy="beta"))


def test_cash_at_another_venue_does_not_help() -> None:
    w = world("sufficient_capital", balances={"okx": {"USDT": D(10**6)}})
    assert not passes(w.submit(BUY, "1"))


def test_a_sell_needs_what_it_sells() -> None:
    w = world("sufficient_capital", balances={"binance": {"BTC": D(2), "USDT": D(10**6)}})
    assert passes(w.submit(SELL, "1.5"))
    refused = w.submit(SELL, "0.501")
    assert not passes(refused)
    assert "need 2.001 BTC" in refused.reason
    assert passes(w.submit(SELL, "0.5"))


def test_what_an_open_sell_will_bring_is_not_spent_yet() -> None:
    w = world("sufficient_capital", balances={"binance": {"BTC": D(10)}})
    w.submit(SELL, "10")
    assert not passes(w.submit(BUY, "0.001"))


def test_an_order_that_traded_in_part_reserves_only_the_rest() -> None:
    w = world("sufficient_capital", fee_buffer=0)
    w.fill(w.submit(BUY, "6"), "4")
    assert passes(w.submit(BUY, "4"))
    assert not passes(w.submit(BUY, "0.001"))


# Contracts (0.01 BTC each: one USDT at a price of 100)


@pytest.mark.parametrize(("contracts", "expected"), [("3000", True), ("3000.01", False)])
@pytest.mark.parametrize("side", [BUY, SELL])
def test_leverage_is_the_limit_of_margined_positions(side: Side, contracts: str, expected: bool) -> None:
    w = world("sufficient_capital", max_leverage=3, fee_buffer=0)
    assert passes(w.submit(side, contracts, "100", instrument=PERP)) is expected


def test_fees_come_out_of_the_margin() -> None:
    w = world("sufficient_capital", max_leverage=4, fee_buffer="0.1%", balances={"okx": {"USDT": D(1004)}})
    # 4,000 of notional need 1,000 of margin and 4 of fees.
    assert passes(w.submit(BUY, "4000", "100", instrument=PERP))
    assert not passes(w.submit(BUY, "0.01", "100", instrument=PERP))


def test_a_loss_not_yet_taken_is_no_margin_any_more() -> None:
    w = world("sufficient_capital", max_leverage=2, fee_buffer=0)
    w.traded(BUY, "1000", "100", instrument=PERP)
    w.quote(PERP, 80, 80)  # 200 lost: 800 of equity carries 1,600, 800 are taken
    assert not passes(w.submit(BUY, "1000.01", "80", instrument=PERP))
    assert passes(w.submit(BUY, "1000", "80", instrument=PERP))


def test_profit_not_yet_taken_is_margin_but_buys_no_spot() -> None:
    w = world("sufficient_capital", fee_buffer=0)
    w.traded(BUY, "500", "100", instrument=PERP)
    w.quote(PERP, 200, 200)  # 1,000 of cash and 500 of profit carry 1,500, 1,000 are taken
    assert not passes(w.submit(BUY, "0.0001", "100", instrument=BTC))
    assert passes(w.submit(BUY, "250", "200", instrument=PERP))
    assert not passes(w.submit(BUY, "0.01", "200", instrument=PERP))


def test_spot_and_contracts_do_not_use_the_same_money_twice() -> None:
    w = world("sufficient_capital", fee_buffer=0)
    assert passes(w.submit(BUY, "600", "100", instrument=PERP))
    assert not passes(w.submit(BUY, "4.001", "100", instrument=BTC))
    assert passes(w.submit(BUY, "4", "100", instrument=BTC))
    assert not passes(w.submit(SELL, "600.01", "100", instrument=PERP))


def test_bids_and_asks_need_margin_for_the_worse_side_only() -> None:
    w = world("sufficient_capital", fee_buffer=0)
    assert passes(w.submit(BUY, "1000", "100", instrument=PERP))
    assert passes(w.submit(SELL, "1000", "100", instrument=PERP))
    assert not passes(w.submit(BUY, "0.01", "100", instrument=PERP))


def test_a_contract_can_be_closed_when_all_capital_is_gone() -> None:
    w = world("sufficient_capital", fee_buffer=0)
    w.traded(BUY, "2000", "100", instrument=PERP)
    w.quote(PERP, 1, 1)  # 1,980 lost of 1,000
    assert passes(w.submit(SELL, "1200", "1", instrument=PERP))
    assert not passes(w.submit(SELL, "900", "1", instrument=PERP))  # would be short 100 with the first
    assert passes(w.submit(SELL, "800", "1", instrument=PERP))


def test_inverse_contracts_are_margined_in_what_they_settle_in() -> None:
    w = world("sufficient_capital", fee_buffer=0, price=50, balances={"okx": {"BTC": D(10), "USDT": D(10**6)}})
    assert passes(w.submit(BUY, "5", "50", instrument=INVERSE))  # 5 * 100 USD / 50 = 10 BTC
    refused = w.submit(BUY, "1", "50", instrument=INVERSE)
    assert not passes(refused)
    assert "okx has 10 at leverage 1" in refused.reason
    assert not passes(w.submit(SELL, "0.0001", "50", instrument=BTC))  # the same BTC cannot be sold either


# Options


def test_an_option_is_bought_for_its_premium_and_sold_only_out_of_a_holding() -> None:
    w = world("sufficient_capital", fee_buffer=0)
    assert not passes(w.submit(BUY, "10.1", "100", instrument=OPTION))
    assert not passes(w.submit(SELL, "0.1", "100", instrument=OPTION))
    w.traded(BUY, "2", instrument=OPTION)
    assert passes(w.submit(SELL, "2", "100", instrument=OPTION))
    naked = w.submit(SELL, "0.1", "100", instrument=OPTION)
    assert not passes(naked)
    assert "short option" in naked.reason
