"""What limits sum over, and what they count: by strategy, instrument, venue and account."""

from __future__ import annotations

import pytest

from quantai.core.enums import OrderState
from quantai.events import MarkPriceEvent
from quantai.oms.models import Change
from tests.oms.risk.desk import BUY, SELL, Desk, check
from tests.oms.world import BTC, INVERSE, PERP, SPOT, D, trade

NAN = float("nan")


# Position


def test_a_position_limit_of_the_account_adds_strategies_up() -> None:
    desk = Desk(check("position_limit", max_notional=500, per="account"))
    desk.books.hold("alpha", SPOT, "2")
    desk.rest(desk.order(BUY, "1", strategy="beta"))
    assert desk.no(desk.order(BUY, "2", strategy="gamma")) == ""
    assert desk.no(desk.order(BUY, "2.001", strategy="gamma")) == (
        "POSITION_LIMIT: position would be 5.001 (500.1 USDT), the limit is 500"
    )


def test_who_makes_the_account_smaller_passes_its_position_limit() -> None:
    desk = Desk(check("position_limit", max_notional=100, per="account"))
    desk.books.hold("alpha", SPOT, "20")
    assert desk.no(desk.order(SELL, "20", strategy="beta")) == ""
    assert desk.no(desk.order(SELL, "21.001", strategy="beta")) != ""


def test_who_makes_its_own_position_smaller_passes_even_where_the_accounts_grows() -> None:
    """Two strategies hedge one another: each can get out."""
    desk = Desk(
        check("position_limit", max_notional=100, per="account"),
        check("exposure_limit", max_gross=100),
        check("max_open_orders", per_strategy=1, total=1, per_instrument=1, per_venue=1),
    )
    desk.books.hold("alpha", SPOT, "5")
    desk.books.hold("beta", SPOT, "-5")
    desk.rest(desk.order(BUY, "0.001", "90", instrument=SPOT, strategy="gamma"))
    assert desk.no(desk.order(SELL, "5")) == ""
    assert desk.no(desk.order(BUY, "5", strategy="beta")) == ""
    assert desk.no(desk.order(SELL, "7", strategy="alpha")) != ""


# Exposure


def held(desk: Desk) -> Desk:
    """100 of spot at binance and 200 at okx, of two strategies."""
    desk.books.hold("alpha", SPOT, "1")
    desk.books.hold("beta", BTC, "2")
    return desk


@pytest.mark.parametrize(
    ("per", "room"),
    [("account", "2"), ("venue", "3"), ("instrument", "4"), ("strategy", "4")],
)
def test_exposure_sums_over_what_it_says(per: str, room: str) -> None:
    desk = held(Desk(check("exposure_limit", max_gross=500, per=per)))
    desk.rest(desk.order(BUY, "100", instrument=PERP, strategy="gamma"))  # 100 more
    assert desk.no(desk.order(BUY, str(D(room) - 1), instrument=SPOT)) == ""
    at_binance = {"account": "1.001", "venue": "4.001", "instrument": "4.001", "strategy": "4.001"}[per]
    why = desk.no(desk.order(BUY, at_binance))
    assert why == "EXPOSURE_LIMIT: gross exposure would be 500.1, the limit is 500"
    assert desk.no(desk.order(BUY, str(D(at_binance) - D("0.001")))) == ""


def test_exposure_of_a_strategy_adds_its_instruments_up() -> None:
    desk = Desk(check("exposure_limit", max_gross=500, per="strategy"))
    desk.books.hold("alpha", SPOT, "1")
    desk.books.hold("alpha", BTC, "-2")
    desk.books.hold("beta", SPOT, "-10")
    assert desk.no(desk.order(BUY, "200", instrument=PERP)) == ""
    assert desk.no(desk.order(BUY, "200.01", instrument=PERP)).startswith(
        "EXPOSURE_LIMIT: gross exposure would be 500.01"
    )


def test_what_has_no_price_elsewhere_matters_only_to_those_that_sum_it() -> None:
    for per, is_denied in (("account", True), ("venue", False), ("instrument", False), ("strategy", False)):
        desk = held(Desk(check("exposure_limit", max_gross=500, per=per)))
        desk.quote(BTC, NAN, NAN)
        why = desk.no(desk.order(BUY, "1"))
        assert why == ("EXPOSURE_LIMIT: okx:BTC/USDT has no price" if is_denied else "")


def test_every_instrument_without_a_price_is_named() -> None:
    desk = held(Desk(check("exposure_limit", max_gross=500)))
    desk.quote(BTC, NAN, NAN)
    desk.books.hold("beta", PERP, "1")
    desk.quote(PERP, NAN, NAN)
    assert desk.no(desk.order(BUY, "1")) == "EXPOSURE_LIMIT: okx:BTC/USDT, okx:BTC/USDT:USDT has no price"


def test_an_instrument_without_a_price_of_its_own_is_denied() -> None:
    desk = held(Desk(check("exposure_limit", max_gross=500, per="instrument")))
    desk.quote(SPOT, NAN, NAN)
    assert desk.no(desk.order(BUY, "1")) == "EXPOSURE_LIMIT: binance:BTC/USDT has no price"


def test_a_currency_without_a_price_is_denied() -> None:
    desk = Desk(check("exposure_limit", max_gross=500))
    desk.books.btc_price = None
    assert desk.no(desk.order(BUY, "1", instrument=INVERSE)) == "EXPOSURE_LIMIT: BTC has no price in base currency"


def test_exposure_follows_the_market() -> None:
    desk = Desk(check("exposure_limit", max_gross=500))
    desk.books.hold("beta", SPOT, "4")
    assert desk.no(desk.order(BUY, "1", instrument=BTC)) == ""
    desk.quote(SPOT, 101, 101)
    assert "504" in desk.no(desk.order(BUY, "1", instrument=BTC))
    desk.quote(SPOT, 99, 99)
    assert desk.no(desk.order(BUY, "1", instrument=BTC)) == ""


def test_market_orders_on_their_way_move_with_the_quote() -> None:
    """Also where a mark price says what the instrument is worth."""
    desk = Desk(check("exposure_limit", max_gross=500))
    desk.market.update(MarkPriceEvent(SPOT.venue, SPOT.symbol, 1, 1, 100.0))
    desk.rest(desk.order(BUY, "4", None), OrderState.PENDING_NEW)
    desk.rest(desk.order(SELL, "1", None), OrderState.PENDING_NEW)
    assert desk.no(desk.order(BUY, "1", instrument=BTC)) == ""
    desk.quote(SPOT, 100, 102)
    assert "508" in desk.no(desk.order(BUY, "1", instrument=BTC))
    desk.quote(SPOT, 103, 102)
    assert "512" in desk.no(desk.order(BUY, "1", instrument=BTC))
    desk.quote(SPOT, 100, NAN)
    assert desk.no(desk.order(BUY, "1", instrument=BTC)) == "EXPOSURE_LIMIT: binance:BTC/USDT has no price"


def test_a_market_order_where_there_never_was_a_quote_counts_at_the_last_price() -> None:
    desk = Desk(check("exposure_limit", max_gross=500), price=0)
    desk.market.update(trade(SPOT, 100.0, 1.0, BUY))
    desk.rest(desk.order(BUY, "4", None), OrderState.PENDING_NEW)
    assert desk.no(desk.order(BUY, "1", None)) == ""
    assert desk.no(desk.order(BUY, "1.001", None)) != ""


def test_what_an_amendment_on_its_way_may_add_counts() -> None:
    desk = Desk(check("exposure_limit", max_gross=500))
    order = desk.order(BUY, "1")
    order.change = Change(D(4), D(100))
    desk.rest(order, OrderState.PENDING_REPLACE)
    assert desk.no(desk.order(BUY, "1")) == ""
    assert desk.no(desk.order(BUY, "1.001")) != ""
    order.change = Change(D("0.5"), D(100))
    desk.rest(order, OrderState.PENDING_REPLACE)
    assert desk.no(desk.order(BUY, "4")) == ""
    assert desk.no(desk.order(BUY, "4.001")) != ""


def test_positions_of_a_restart_count_before_there_is_any_order() -> None:
    desk = Desk(check("exposure_limit", max_gross=500))
    desk.books.hold("beta", PERP, "400", "400")
    assert desk.no(desk.order(BUY, "1")) == ""
    assert desk.no(desk.order(BUY, "1.001")) != ""


@pytest.mark.parametrize("limit", ["-1", "0"])
def test_a_limit_price_that_is_none_is_no_price(limit: str) -> None:
    desk = Desk(check("exposure_limit", max_gross=500))
    assert desk.no(desk.order(BUY, "1", limit)) == "EXPOSURE_LIMIT: binance:BTC/USDT has no price"
    desk = Desk(check("position_limit", max_notional=500))
    assert desk.no(desk.order(BUY, "1", limit)) == "POSITION_LIMIT: no market price is known yet"


# Open orders


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"per_strategy": 3}, "3 orders of alpha are open, the limit is 3"),
        ({"total": 5}, "5 orders are open, the limit is 5"),
        ({"per_instrument": 2}, "2 orders on BTC/USDT are open, the limit is 2"),
        ({"per_venue": 2}, "2 orders at binance are open, the limit is 2"),
        ({"per_strategy": 4, "total": 6, "per_instrument": 3, "per_venue": 3}, ""),
    ],
)
def test_open_orders_are_counted_by_all_that_has_a_limit(params: dict[str, int], why: str) -> None:
    desk = Desk(check("max_open_orders", **params))
    desk.rest(desk.order())
    desk.rest(desk.order(strategy="beta"))
    desk.rest(desk.order(instrument=BTC))
    desk.rest(desk.order(instrument=PERP))
    desk.rest(desk.order(instrument=PERP, strategy="beta"))
    desk.rest(desk.order(), OrderState.SUSPENDED)
    assert desk.no(desk.order()) == (f"MAX_OPEN_ORDERS: {why}" if why else "")


# Price and quantity of those who get out


def test_who_only_reduces_needs_no_fresh_market_but_a_sane_price() -> None:
    desk = Desk(check("price_validity", band="5%", max_age="1s"))
    desk.books.hold("alpha", SPOT, "2")
    desk.wait(10**10)
    assert desk.no(desk.order(SELL, "2")) == ""
    assert desk.no(desk.order(SELL, "2", "90")) != ""
    assert desk.no(desk.order(SELL, "3")) != ""


def test_numbers_are_told_of_orders_that_pass() -> None:
    desk = Desk(
        check("price_validity", band="5%", max_age="1s"),
        check("quantity_validity", max_order_notional=1000),
        check("max_open_orders"),
        check("position_limit", max_notional=900),
        check("exposure_limit", max_gross=800),
        check("sufficient_capital", fee_buffer=0),
        check("self_trade"),
        check("unknown_order"),
        check("duplicate_order"),
    )
    desk.books.balances["binance", "USDT"] = D(700)
    desk.rest(desk.order(SELL, "1", "104", strategy="beta"))
    desk.wait(5)
    verdict = desk.engine.check(desk.order(BUY, "2", "101"))
    assert [(each.code, each.what, each.value, each.limit) for each in verdict.numbers] == [
        ("INVALID_PRICE", "distance from the market", 1, 5),
        ("INVALID_PRICE", "age of the market in ns", 5, 10**9),
        ("INVALID_QUANTITY", "notional, at least", 202, 0),
        ("INVALID_QUANTITY", "notional", 202, 1000),
        ("MAX_OPEN_ORDERS", "open orders of the strategy", 0, 50),
        ("MAX_OPEN_ORDERS", "open orders", 1, 200),
        ("POSITION_LIMIT", "position", 202, 900),
        ("EXPOSURE_LIMIT", "gross exposure", 208, 800),
        ("INSUFFICIENT_CAPITAL", "margined positions", 0, 498),
        ("SELF_TRADE", "price, own orders rest at", 101, 104),
        ("UNKNOWN_ORDER", "unknown orders", 0, 0),
    ]
