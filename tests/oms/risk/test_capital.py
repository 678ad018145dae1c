"""Sums behind the check of capital that the standard tests do not reach: market orders, hedges, unknown prices."""

from __future__ import annotations

import pytest

from quantai.core.enums import OrderState
from tests.oms.risk.desk import BUY, SELL, Desk, check
from tests.oms.world import BTC, OPTION, PERP, SPOT, D

NAN = float("nan")


def desk_with(usdt: str = "1000", btc: str = "0", **params: object) -> Desk:
    """A desk with money at okx."""
    desk = Desk(check("sufficient_capital", **({"fee_buffer": 0, "slippage_buffer": 0} | params)))
    desk.books.balances = {("okx", "USDT"): D(usdt), ("okx", "BTC"): D(btc)}
    return desk


def test_market_orders_on_their_way_reserve_what_the_quote_says_now() -> None:
    desk = desk_with()
    desk.rest(desk.order(BUY, "6", None, instrument=BTC), OrderState.PENDING_NEW)
    assert desk.no(desk.order(BUY, "4", instrument=BTC)) == ""
    desk.quote(BTC, 100, 101)
    why = desk.no(desk.order(BUY, "4", instrument=BTC))
    assert why.startswith("INSUFFICIENT_CAPITAL: open orders and this one need 1006 USDT")
    desk.quote(BTC, 100, NAN)
    assert desk.no(desk.order(BUY, "4", instrument=BTC)) == "INSUFFICIENT_CAPITAL: no market price is known yet"


def test_market_orders_keep_something_for_a_worse_price() -> None:
    desk = desk_with(usdt="1010", fee_buffer="1%", slippage_buffer="1%")
    assert desk.no(desk.order(BUY, "9.9", None, instrument=BTC)) == ""  # 990 * 1.02
    assert desk.no(desk.order(BUY, "9.91", None, instrument=BTC)) != ""
    desk.rest(desk.order(BUY, "5", None, instrument=BTC), OrderState.PENDING_NEW)  # 510
    assert desk.no(desk.order(BUY, "4.95", instrument=BTC)) == ""  # 499.95
    assert desk.no(desk.order(BUY, "4.951", instrument=BTC)) != ""


def test_market_sales_of_spot_reserve_the_holding_without_a_quote() -> None:
    desk = desk_with(btc="3")
    desk.rest(desk.order(SELL, "2", None, instrument=BTC), OrderState.PENDING_NEW)
    assert desk.no(desk.order(SELL, "1", instrument=BTC)) == ""
    assert desk.no(desk.order(SELL, "1.0001", instrument=BTC)).startswith(
        "INSUFFICIENT_CAPITAL: open orders and this one need 3.0001 BTC and make margined positions of 0, okx has 3"
    )


def test_market_orders_elsewhere_reserve_nothing_here() -> None:
    desk = desk_with()
    desk.rest(desk.order(BUY, "600", None, instrument=SPOT), OrderState.PENDING_NEW)
    assert desk.no(desk.order(BUY, "10", instrument=BTC)) == ""


def test_fees_of_contracts_that_are_bought_at_market_are_reserved() -> None:
    desk = desk_with(usdt="1010", fee_buffer="1%")
    desk.rest(desk.order(BUY, "400", None, instrument=PERP), OrderState.PENDING_NEW)  # 400, and 4 of fees
    assert desk.no(desk.order(BUY, "600", instrument=PERP)) == ""  # 1000, and 10 of fees
    assert desk.no(desk.order(BUY, "600.01", instrument=PERP)) != ""


def test_strategies_that_hold_the_opposite_have_their_profit_still() -> None:
    desk = desk_with(usdt="0")
    desk.books.hold("alpha", PERP, "100", "100")
    desk.books.hold("beta", PERP, "-100", "-150")
    assert desk.no(desk.order(BUY, "50", instrument=PERP, strategy="gamma")) == ""
    assert desk.no(desk.order(BUY, "50.01", instrument=PERP, strategy="gamma")) != ""


def test_a_loss_not_yet_taken_counts_against_spot_too_and_a_profit_does_not() -> None:
    desk = desk_with()
    desk.books.hold("beta", PERP, "100", "300")  # worth 100, paid 300
    assert desk.no(desk.order(BUY, "7", instrument=BTC)) == ""  # 1000 - 200 - 100 of margin
    assert desk.no(desk.order(BUY, "7.001", instrument=BTC)) != ""
    desk = desk_with()
    desk.books.hold("beta", PERP, "100", "0")
    assert desk.no(desk.order(BUY, "9", instrument=BTC)) == ""
    assert desk.no(desk.order(BUY, "9.001", instrument=BTC)) != ""


@pytest.mark.parametrize("instrument", [BTC, PERP])
def test_a_contract_without_a_price_denies_all_that_its_currency_pays(instrument: object) -> None:
    desk = desk_with()
    desk.books.hold("beta", PERP, "1")
    desk.quote(PERP, NAN, NAN)
    order = desk.order(BUY, "1", instrument=BTC if instrument is BTC else PERP)
    assert desk.no(order) == "INSUFFICIENT_CAPITAL: no market price is known yet"


def test_a_price_of_nothing_is_no_price() -> None:
    desk = desk_with()
    desk.books.hold("beta", PERP, "1")
    desk.quote(PERP, 0, 0)
    assert desk.no(desk.order(BUY, "1", instrument=BTC)) == "INSUFFICIENT_CAPITAL: no market price is known yet"


def test_an_option_may_be_sold_by_who_holds_it() -> None:
    desk = desk_with()
    desk.quote(OPTION, 10, 10)
    desk.books.hold("alpha", OPTION, "2")
    assert desk.no(desk.order(SELL, "2", "10", instrument=OPTION)) == ""
    assert "short option" in desk.no(desk.order(SELL, "2.1", "10", instrument=OPTION))


def test_a_short_contract_is_bought_back_without_any_money() -> None:
    desk = desk_with(usdt="0")
    desk.books.hold("alpha", PERP, "-100", "-100")
    assert desk.no(desk.order(BUY, "100", instrument=PERP)) == ""
    assert desk.no(desk.order(BUY, "100.01", instrument=PERP)) != ""


def test_what_had_no_price_counts_again_when_it_has_one() -> None:
    desk = desk_with()
    desk.books.hold("beta", PERP, "100", "100")
    for price, why in ((NAN, "INSUFFICIENT_CAPITAL: no market price is known yet"), (110, ""), (NAN, None), (90, "")):
        desk.quote(PERP, price, price)
        order = desk.order(BUY, "8", instrument=BTC)  # 1000, less 10 of loss at 90, less 90 to 110 of margin
        assert why is None or desk.no(order) == why
    assert desk.no(desk.order(BUY, "9.001", instrument=BTC)) != ""
    assert desk.no(desk.order(BUY, "9", instrument=BTC)) == ""


def test_checks_that_look_at_the_same_sums_agree() -> None:
    """What one of them worked out is used by the next, if it is the same."""
    for per in ("account", "strategy"):
        desk = Desk(
            check("exposure_limit", max_gross=900, per=per),
            check("sufficient_capital", fee_buffer=0),
            check("price_validity", max_age="1s"),
            check("stale_market", max_silence="1s"),
        )
        desk.books.balances["okx", "USDT"] = D(1000)
        desk.books.hold("beta", PERP, "400", "400")
        room = {"account": "500", "strategy": "600"}[per]
        assert desk.no(desk.order(BUY, room, instrument=PERP)) == ""
        codes = {"account": "EXPOSURE_LIMIT", "strategy": "INSUFFICIENT_CAPITAL"}
        assert desk.no(desk.order(BUY, f"{room}.01", instrument=PERP)).startswith(codes[per])
