"""Where the means are, and when an order is divided."""

from __future__ import annotations

from quantai.core.enums import Side, TimeInForce
from tests.oms.routing.scene import BOTH, A, B, C, D, Scene, ask, excluded, legs, listed, quoted, two_books


def test_spot_is_sold_where_the_coins_are() -> None:
    made = quoted(a=(99, 101), b=(98, 101))
    made.account.balances = {("a", "BTC"): D("0.4"), ("b", "BTC"): D(5)}
    decision = made.router(max_legs=1).route(ask(Side.SELL), BOTH)
    assert legs(decision) == {"b": "1.000"}
    made.account.balances = {("a", "BTC"): D(0), ("b", "BTC"): D(5)}
    decision = made.router().route(ask(Side.SELL), BOTH)
    assert legs(decision) == {"b": "1.000"}
    assert excluded(decision) == {"a": "the account there has the means for 0"}
    assert legs(made.router(follow_funds=False).route(ask(Side.SELL), BOTH)) == {"a": "1.000"}


def test_what_one_venue_cannot_take_is_divided() -> None:
    made = quoted(a=(99, 101), b=(98, 101))
    made.account.balances = {("a", "BTC"): D("0.4"), ("b", "BTC"): D("0.6")}
    decision = made.router(min_saving_bps=100).route(ask(Side.SELL), BOTH)
    assert legs(decision) == {"b": "0.600", "a": "0.400"}
    assert decision.reason == "no venue can take all of it"


def test_what_all_venues_together_cannot_take_goes_nowhere() -> None:
    made = quoted(a=(99, 101), b=(98, 101))
    made.account.balances = {("a", "BTC"): D("0.4"), ("b", "BTC"): D("0.5")}
    decision = made.router().route(ask(Side.SELL), BOTH)
    assert decision.legs == ()
    assert decision.reason == "1 is more than 2 venues can take: a 0.4, b 0.5"


def test_cash_is_needed_for_the_price_and_a_buffer() -> None:
    made = quoted(a=(99, 100), b=(99, 101))
    made.account.balances = {("a", "USDT"): D("100.99")}
    router = made.router(cash_buffer="1%", max_legs=1)
    assert legs(router.route(ask(), BOTH)) == {"b": "1.000"}
    made.account.balances = {("a", "USDT"): D(101)}
    assert legs(router.route(ask(), BOTH)) == {"a": "1.000"}
    made.account.balances = {("a", "USDT"): D("90.9")}
    assert legs(router.route(ask(price="90"), BOTH)) == {"a": "1.000"}


def test_a_position_is_reduced_where_it_is_whatever_follow_funds_says() -> None:
    perps = [listed(venue, "BTC/USDT:USDT") for venue in ("a", "b")]
    made = Scene(perps)
    for perp, bid in zip(perps, (99, 98), strict=True):
        made.quote(perp, bid, 101)
    made.account.positions = {("b", "BTC/USDT:USDT"): D(3)}
    request = ask(Side.SELL, "2", symbol="BTC/USDT:USDT", reduce_only=True)
    decision = made.router(follow_funds=False).route(request, perps)
    assert legs(decision) == {"b": "2.000"}
    assert excluded(decision) == {"a": "the account there has the means for 0"}
    assert legs(made.router().route(ask(Side.SELL, "2", symbol="BTC/USDT:USDT"), perps)) == {"a": "2.000"}


def test_an_order_is_divided_where_that_saves_enough() -> None:
    made = two_books()
    decision = made.router(min_saving_bps=49).route(ask(quantity="2"), BOTH)
    assert legs(decision) == {"a": "1.000", "b": "1.000"}
    assert decision.reason == "divided it saves 50.05 bps against a alone"
    whole = made.router(min_saving_bps=51).route(ask(quantity="2"), BOTH)
    assert legs(whole) == {"a": "2.000"}
    assert whole.reason == "divided it would save 50.05 bps, min_saving_bps is 51"


def test_the_largest_leg_is_first() -> None:
    decision = two_books().router().route(ask(quantity="1.4"), [B, A])
    assert list(legs(decision).items()) == [("a", "1.000"), ("b", "0.400")]


def test_no_more_legs_than_allowed() -> None:
    made = two_books()
    made.book(C, asks=[(101.5, 3)])
    assert len(made.router(max_legs=3).route(ask(quantity="4"), [A, B, C]).legs) == 3
    assert legs(made.router(max_legs=2).route(ask(quantity="4"), [A, B, C])) == {"c": "3.000", "a": "1.000"}
    assert len(made.router(max_legs=1).route(ask(quantity="4"), [A, B, C]).legs) == 1


def test_different_grids_lose_less_than_a_lot() -> None:
    made = two_books()
    coarse = listed("b", lot="0.1")
    assert legs(made.router().route(ask(quantity="1.2345"), [A, coarse])) == {"a": "1.034", "b": "0.2"}
    assert legs(made.router().route(ask(quantity="0.9999"), [coarse])) == {"b": "0.9"}


def test_all_or_nothing_is_not_divided() -> None:
    made = two_books()
    request = ask(quantity="2", price="110", time_in_force=TimeInForce.FOK)
    assert legs(made.router().route(request, BOTH)) == {"a": "2.000"}
    made.account.balances = {("a", "USDT"): D(150), ("b", "USDT"): D(150)}
    decision = made.router().route(request, BOTH)
    assert decision.legs == ()
    assert decision.reason == "2 is more than one venue can take: a 1.35, b 1.35"
