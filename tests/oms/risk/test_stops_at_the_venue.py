"""Stops that rest at the venue trade at their trigger price, however far that is from the market now."""

from __future__ import annotations

from dataclasses import replace

from quantai.oms.models import Order
from tests.oms.risk.desk import BUY, Desk, check
from tests.oms.world import BTC, D


def stop(desk: Desk, quantity: str, trigger: str) -> Order:
    return replace(desk.order(BUY, quantity, None, instrument=BTC), trigger_price=D(trigger), at_venue=True)


def test_a_buy_stop_needs_the_capital_of_its_trigger_price() -> None:
    desk = Desk(check("sufficient_capital", fee_buffer=0, slippage_buffer=0))
    desk.books.balances = {("okx", "USDT"): D(1000)}
    assert desk.no(stop(desk, "5", "200")) == ""
    assert desk.no(stop(desk, "5.001", "200")).startswith("INSUFFICIENT_CAPITAL")


def test_a_trigger_below_the_market_makes_it_no_cheaper() -> None:
    desk = Desk(check("sufficient_capital", fee_buffer=0, slippage_buffer=0))
    desk.books.balances = {("okx", "USDT"): D(1000)}
    assert desk.no(stop(desk, "10", "50")) == ""
    assert desk.no(stop(desk, "10.001", "50")).startswith("INSUFFICIENT_CAPITAL")
