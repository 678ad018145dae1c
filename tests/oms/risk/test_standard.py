"""The six standard checks at their edges."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest
from pydantic import ValidationError

from quantai.core.enums import Side
from quantai.exchanges.execution import ExecType
from quantai.instruments import Instrument
from quantai.oms.models import Order
from quantai.oms.risk import RISK_CHECKS
from tests.oms.risk.desk import Desk, check
from tests.oms.world import BTC, INVERSE, PERP, SPOT, D, World

BUY, SELL = Side.BUY, Side.SELL


def world(check: str, *, price: float = 100.0, balances: dict[str, Any] | None = None, **params: Any) -> World:
    """A world with one check."""
    return World([RISK_CHECKS.find(check)(**params)], price=price, balances=balances)


def passes(order: Order) -> bool:
    return order.state != "DENIED"


# Position limit


@pytest.mark.parametrize(("quantity", "expected"), [("5", True), ("5.001", False)])
@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_position_of_exactly_the_limit_passes_and_a_lot_more_does_not(
    side: Side, quantity: str, expected: bool
) -> None:
    assert passes(world("position_limit", max_notional=500).submit(side, quantity, "100")) is expected


def test_the_denial_says_what_the_position_would_be() -> None:
    order = world("position_limit", max_notional=500).submit(SELL, "6", "100")
    assert order.reason == "POSITION_LIMIT: position would be -6 (600 USDT), the limit is 500"


def test_orders_on_their_way_count_towards_the_position() -> None:
    w = world("position_limit", max_notional=500)
    assert passes(w.submit(BUY, "3"))
    assert not passes(w.submit(BUY, "2.001"))
    assert passes(w.submit(BUY, "2"))


@pytest.mark.parametrize("report", [ExecType.NEW, ExecType.UNKNOWN])
def test_accepted_and_unknown_orders_count_too(report: ExecType) -> None:
    w = world("position_limit", max_notional=500)
    w.report(w.submit(BUY, "3"), report)
    assert not passes(w.submit(BUY, "2.001"))


@pytest.mark.parametrize("report", [ExecType.REJECTED, ExecType.CANCELED])
def test_closed_orders_do_not_count(report: ExecType) -> None:
    w = world("position_limit", max_notional=500)
    w.report(w.submit(BUY, "3"), report)
    assert passes(w.submit(BUY, "5"))


def test_a_partly_filled_order_counts_once() -> None:
    w = world("position_limit", max_notional=500)
    w.fill(w.submit(BUY, "3"), "1")
    assert passes(w.submit(BUY, "2"))
    assert not passes(w.submit(BUY, "0.001"))


def test_orders_on_the_other_side_do_not_make_room() -> None:
    w = world("position_limit", max_notional=500)
    w.submit(SELL, "5")
    assert not passes(w.submit(BUY, "5.001"))


def test_each_strategy_has_its_own_position() -> None:
    w = world("position_limit", max_notional=500)
    assert passes(w.submit(BUY, "5", strategy="alpha"))
    assert passes(w.submit(BUY, "5", strategy="beta"))


def test_a_position_beyond_the_limit_can_be_made_smaller_but_not_turned_around() -> None:
    w = world("position_limit", max_notional=500)
    w.traded(BUY, "5")
    w.quote(SPOT, 200, 200)  # now worth 1,000
    assert passes(w.submit(SELL, "2", "200"))
    assert passes(w.submit(SELL, "3", "200"))
    assert passes(w.submit(SELL, "2.5", "200"))  # 2.5 short at most, with all three: exactly the limit
    assert not passes(w.submit(SELL, "0.001", "200"))


def test_an_order_that_flips_a_position_is_measured_by_what_it_opens() -> None:
    w = world("position_limit", max_notional=500)
    w.traded(BUY, "5")
    assert passes(w.submit(SELL, "10", "100"))
    w = world("position_limit", max_notional=500)
    w.traded(BUY, "5")
    assert not passes(w.submit(SELL, "10.001", "100"))


def test_a_sell_below_the_market_counts_at_the_bid_it_would_trade_at() -> None:
    w = world("position_limit", max_notional=500)
    assert not passes(w.submit(SELL, "5.2", "96"))  # 499.2 at its limit, 520 at the bid
    assert passes(w.submit(SELL, "5", "96"))


def test_an_inverse_contract_counts_most_at_the_lowest_price() -> None:
    w = world("position_limit", max_notional=10, balances={"okx": {"BTC": D(100)}})
    assert passes(w.submit(BUY, "10", "100", instrument=INVERSE))  # 10 * 100 USD / 100 = 10 BTC
    assert not passes(w.submit(BUY, "1", "110", instrument=INVERSE))


def test_a_market_order_counts_at_the_quote_it_takes() -> None:
    w = world("position_limit", max_notional=500)
    w.quote(SPOT, 90, 125)
    assert passes(w.submit(BUY, "4", None))
    assert not passes(world_with_quote(90, 125).submit(BUY, "4.001", None))


def world_with_quote(bid: float, ask: float) -> World:
    w = world("position_limit", max_notional=500)
    w.quote(SPOT, bid, ask)
    return w


# Every check that needs a price


@pytest.mark.parametrize(
    ("check", "params"),
    [
        ("position_limit", {"max_notional": 500}),
        ("exposure_limit", {"max_gross": 500}),
        ("sufficient_capital", {}),
        ("price_validity", {}),
        ("quantity_validity", {}),
    ],
)
@pytest.mark.parametrize("instrument", [SPOT, PERP])
class TestWithoutAPrice:
    def test_a_market_order_is_denied(self, check: str, params: dict[str, Any], instrument: Instrument) -> None:
        order = world(check, price=0, **params).submit(BUY, "1", None, instrument=instrument)
        assert not passes(order)
        assert "price" in order.reason

    @pytest.mark.parametrize("ask", [0.0, -1.0, nan, inf])
    def test_a_market_order_into_an_impossible_quote_is_denied(
        self, check: str, params: dict[str, Any], instrument: Instrument, ask: float
    ) -> None:
        w = world(check, **params)
        w.quote(instrument, 100, ask)
        assert not passes(w.submit(BUY, "1", None, instrument=instrument))


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize(
    ("kind", "params", "field"),
    [
        ("price_validity", {}, "price"),
        ("quantity_validity", {}, "quantity"),
        ("exposure_limit", {"max_gross": 5}, "price"),
    ],
)
def test_what_is_no_number_is_denied(kind: str, params: dict[str, Any], field: str, number: str) -> None:
    desk = Desk(check(kind, **params))
    numbers = {"quantity": "1", "price": "100"} | {field: number}
    assert desk.no(desk.order(BUY, numbers["quantity"], numbers["price"])) != ""


# Price validity


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("105", True),
        ("105.01", False),
        ("95", True),
        ("94.99", False),
        ("0", False),
        ("-100", False),
        ("100.005", False),
    ],
)
def test_a_limit_is_within_the_band_and_on_the_grid(price: str, expected: bool) -> None:
    assert passes(world("price_validity", band="5%").submit(BUY, "1", price)) is expected


def test_the_denial_says_how_far_is_too_far() -> None:
    order = world("price_validity", band="5%").submit(BUY, "1", "106")
    assert order.reason == "INVALID_PRICE: price 106 is more than 5 % from the market at 100"


def test_a_market_order_into_a_hole_in_the_book_is_denied() -> None:
    w = world("price_validity", band="5%")
    w.quote(SPOT, 100, 111)  # the middle is 105.5, the ask 5.2 % above it
    assert not passes(w.submit(BUY, "1", None))
    w.quote(SPOT, 100, 110)
    assert passes(w.submit(BUY, "1", None))


def test_a_market_seen_too_long_ago_is_no_market() -> None:
    w = world("price_validity", max_age="10s")
    w.clock.set_time(w.clock.now_ns() + 10_000_000_000)
    assert passes(w.submit())
    w.clock.set_time(w.clock.now_ns() + 1)
    order = w.submit()
    assert not passes(order)
    assert "10000000001ns ago, the limit is 10s" in order.reason


# Quantity validity

LIMITED = Instrument(
    venue="binance", symbol="BTC/USDT", tick_size=D("0.01"), lot_size=D("0.01"),
    min_quantity=D("0.05"), max_quantity=D(3), min_notional=D(10),
)  # fmt: skip


@pytest.mark.parametrize(
    ("quantity", "price", "words"),
    [
        ("0.1", "100", ""),
        ("0.09", "111", "notional 9.99 is below the venue's minimum 10"),
        ("0.09", "112", ""),
        ("0.05", "200", ""),
        ("0.04", "1000", "below the minimum 0.05"),
        ("3", "100", ""),
        ("3.01", "100", "above the maximum 3"),
        ("0", "100", "not positive"),
        ("-1", "100", "not positive"),
        ("0.105", "100", "not a multiple of the lot 0.01"),
    ],
)
def test_a_quantity_is_on_the_grid_and_within_the_limits(quantity: str, price: str, words: str) -> None:
    order = world("quantity_validity").submit(BUY, quantity, price, instrument=LIMITED)
    assert passes(order) is not bool(words)
    assert words in order.reason


@pytest.mark.parametrize(("quantity", "expected"), [("5", True), ("5.001", False)])
def test_one_order_may_be_worth_our_own_maximum(quantity: str, expected: bool) -> None:
    assert passes(world("quantity_validity", max_order_notional=500).submit(BUY, quantity, "100")) is expected


# Open orders


def test_a_strategy_may_have_so_many_orders_open_and_no_more() -> None:
    w = world("max_open_orders", per_strategy=2, total=3)
    first = w.submit()
    assert passes(w.submit())
    refused = w.submit()
    assert refused.reason == "MAX_OPEN_ORDERS: 2 orders of alpha are open, the limit is 2"
    assert passes(w.submit(strategy="beta"))
    assert w.submit(strategy="beta").reason == "MAX_OPEN_ORDERS: 3 orders are open, the limit is 3"
    w.orders.cancel(first)
    assert not passes(w.submit(strategy="beta"))  # a cancel on its way may still fail
    w.report(first, ExecType.CANCELED)
    assert passes(w.submit(strategy="beta"))


# Exposure


@pytest.mark.parametrize(("quantity", "expected"), [("5", True), ("5.001", False)])
def test_exposure_of_exactly_the_limit_passes_and_a_lot_more_does_not(quantity: str, expected: bool) -> None:
    assert passes(world("exposure_limit", max_gross=500).submit(BUY, quantity, "100")) is expected


def test_exposure_adds_instruments_and_strategies_up() -> None:
    w = world("exposure_limit", max_gross=500)
    w.traded(BUY, "2")  # 200
    assert passes(w.submit(SELL, "200", "100", instrument=PERP, strategy="beta"))  # 200 contracts of 0.01: 200
    assert not passes(w.submit(BUY, "1.001", "100", instrument=BTC, strategy="gamma"))
    assert passes(w.submit(BUY, "1", "100", instrument=BTC, strategy="gamma"))


def test_positions_of_two_strategies_in_one_instrument_are_netted_as_the_account_has_them() -> None:
    w = world("exposure_limit", max_gross=500)
    w.traded(BUY, "4", strategy="alpha")
    w.traded(SELL, "4", strategy="beta")
    assert passes(w.submit(BUY, "5", strategy="gamma"))


def test_bids_and_asks_of_a_market_maker_count_for_the_worse_side_not_for_both() -> None:
    w = world("exposure_limit", max_gross=500)
    assert passes(w.submit(BUY, "5", "100"))
    assert passes(w.submit(SELL, "5", "100"))
    assert not passes(w.submit(SELL, "0.001", "100"))


def test_what_reduces_the_account_passes_at_any_exposure_and_what_flips_it_does_not() -> None:
    w = world("exposure_limit", max_gross=500)
    w.traded(BUY, "4")
    w.quote(SPOT, 200, 200)  # exposure 800
    assert not passes(w.submit(BUY, "0.001", "200"))
    assert not passes(w.submit(SELL, "8", "200"))
    assert passes(w.submit(SELL, "3", "200"))
    assert not passes(w.submit(SELL, "4", "200"))  # with the three on their way it would end short 3
    assert passes(w.submit(SELL, "1", "200"))


def test_what_reduces_passes_even_where_another_instrument_has_no_price() -> None:
    w = world("exposure_limit", price=0, max_gross=500)
    w.quote(SPOT, 100, 100)
    w.traded(BUY, "4")
    w.traded(BUY, "1", instrument=PERP)
    assert not passes(w.submit(BUY, "0.001"))
    assert passes(w.submit(SELL, "4"))


def test_exposure_is_converted_to_base_currency() -> None:
    w = world("exposure_limit", max_gross=500, price=50, balances={"okx": {"BTC": D(100)}})
    # One contract is 100 USD / 50 = 2 BTC, and a BTC is worth 50 USDT.
    assert passes(w.submit(BUY, "5", "50", instrument=INVERSE))
    assert not passes(w.submit(BUY, "1", "50", instrument=INVERSE))


def test_exposure_in_a_currency_without_a_price_is_denied() -> None:
    w = world("exposure_limit", max_gross=500, price=0)
    w.quote(INVERSE, 50, 50)
    refused = w.submit(BUY, "1", "50", instrument=INVERSE)
    assert refused.reason == "EXPOSURE_LIMIT: BTC has no price in base currency"


# Parameters


@pytest.mark.parametrize(
    ("check", "params"),
    [
        ("position_limit", {}),
        ("position_limit", {"max_notional": 0}),
        ("position_limit", {"max_notional": "NaN"}),
        ("exposure_limit", {"max_gross": -1}),
        ("max_open_orders", {"total": 0}),
        ("max_open_orders", {"total": True}),
        ("sufficient_capital", {"max_leverage": "0.5"}),
        ("sufficient_capital", {"max_leverage": 1000}),
        ("price_validity", {"band": 2}),
        ("price_validity", {"max_age": 5}),
        ("quantity_validity", {"max_notional": 5}),
    ],
)
def test_senseless_limits_are_refused_when_they_are_configured(check: str, params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RISK_CHECKS.find(check)(**params)
