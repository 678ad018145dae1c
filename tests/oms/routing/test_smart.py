"""Smart routing: what an order costs at each venue, and which one gets it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from quantai.core.enums import Side, TimeInForce
from quantai.exchanges.execution import VenueHealth
from quantai.oms.routing import FeeRates
from tests.oms.routing.scene import BOTH, A, B, Scene, ask, excluded, legs, listed, quoted, totals, two_books


def test_the_cheapest_venue_gets_the_order() -> None:
    decision = quoted().router().route(ask(), BOTH)
    assert legs(decision) == {"a": "1.000"}
    assert decision.reason == "a is the cheapest at 10.00 bps"
    assert totals(decision) == {"a": pytest.approx(10), "b": pytest.approx((102 * 1.001 / 101 - 1) * 1e4)}


def test_a_sale_goes_to_the_highest_bid() -> None:
    decision = quoted(a=(98, 101), b=(99, 102)).router().route(ask(Side.SELL), BOTH)
    assert legs(decision) == {"b": "1.000"}
    assert totals(decision)["a"] == pytest.approx((1 - 98 / 99 * 0.999) * 1e4)


def test_fees_decide_between_equal_prices() -> None:
    made = quoted(a=(99, 101), b=(99, 101))
    made.fees["a"] = FeeRates(maker=0.0, taker=0.002)
    assert legs(made.router().route(ask(), BOTH)) == {"b": "1.000"}
    assert legs(made.router(fee_weight=0).route(ask(), BOTH)) == {"a": "1.000"}  # the first of equals


def test_a_far_venue_is_dear() -> None:
    made = quoted(a=(99, 101), b=(99, 101))
    made.healths["a"] = VenueHealth(latency_ns=20_000_000)
    decision = made.router(latency_bps_per_ms=0.5).route(ask(), BOTH)
    assert legs(decision) == {"b": "1.000"}
    assert decision.scores[0].parts["latency"] == pytest.approx(10)
    assert totals(decision) == {"a": pytest.approx(20), "b": pytest.approx(10)}


def test_a_used_up_rate_limit_is_dear() -> None:
    made = quoted(a=(99, 101), b=(99, 101))
    made.healths["a"] = VenueHealth(rate_headroom=0.25)
    decision = made.router(rate_limit_bps=4).route(ask(), BOTH)
    assert legs(decision) == {"b": "1.000"}
    assert decision.scores[0].parts["rate_limit"] == pytest.approx(3)


def test_the_price_is_that_through_the_book() -> None:
    made = quoted(a=(99, 100), b=(99, 101))
    made.book(A, asks=[(100, 1), (110, 9)])
    made.book(B, asks=[(101, 10)])
    assert legs(made.router(max_legs=1).route(ask(quantity="1"), BOTH)) == {"a": "1.000"}
    decision = made.router(max_legs=1).route(ask(quantity="5"), BOTH)
    assert legs(decision) == {"b": "5.000"}
    assert decision.scores[0].parts["price"] == pytest.approx(800)
    assert decision.scores[1].parts["price"] == pytest.approx(100)


def test_what_is_not_visible_is_assumed_to_be_worse() -> None:
    made = Scene()
    made.quote(A, 99, 100, ask_size=1)
    made.quote(B, 99, 100.1, ask_size=100)
    router = made.router(slippage_bps=100, max_legs=1)
    assert legs(router.route(ask(quantity="1"), BOTH)) == {"a": "1.000"}
    decision = router.route(ask(quantity="3"), BOTH)
    assert legs(decision) == {"b": "3.000"}
    assert decision.scores[0].parts["slippage"] == pytest.approx(100)
    assert decision.scores[1].parts["slippage"] == 0


def test_a_newer_best_price_stands_before_the_book() -> None:
    made = Scene()
    made.book(A, bids=[(100, 1), (98, 5)], asks=[(101, 1), (103, 5)])
    made.clock.set_time(made.clock.now_ns() + 1)
    made.quote(A, 99, 102, bid_size=2, ask_size=3)
    router = made.router(slippage_bps=0)
    bought = router.route(ask(quantity="4"), [A]).scores[0]
    assert bought.parts["price"] == pytest.approx((3 * 102 + 103 - 4 * 102) / (4 * 102) * 1e4)
    sold = router.route(ask(Side.SELL, quantity="4"), [A]).scores[0]
    assert sold.parts["price"] == pytest.approx((4 * 99 - 2 * 99 - 2 * 98) / (4 * 99) * 1e4)


def test_a_newer_book_stands_alone() -> None:
    made = quoted(a=(99, 100))
    made.book(A, asks=[(105, 9)])
    assert totals(made.router().route(ask(), [A])) == {"a": pytest.approx(10)}
    made.quote(B, 99, 104)
    assert legs(made.router().route(ask(), BOTH)) == {"b": "1.000"}


def test_no_more_of_a_book_is_looked_at_than_asked() -> None:
    made = Scene()
    made.book(A, asks=[(100, 1), (200, 1), (300, 8)])
    assert made.router(depth=2).route(ask(quantity="3"), [A]).scores[0].parts["price"] == pytest.approx(
        (100 + 200 + 200 - 300) / 300 * 1e4
    )


def test_the_marketable_part_goes_where_it_trades_and_the_rest_where_it_rests_best() -> None:
    made = two_books()
    made.fees["a"] = FeeRates(maker=0.001, taker=0.001)
    made.fees["b"] = FeeRates(maker=0.0, taker=0.001)
    decision = made.router().route(ask(quantity="5", price="100.5"), BOTH)
    assert legs(decision) == {"b": "4.000", "a": "1.000"}


def test_an_order_that_rests_goes_to_the_lowest_maker_fee() -> None:
    made = quoted()
    made.fees["b"] = FeeRates(maker=-0.0001, taker=0.01)
    decision = made.router().route(ask(price="98"), BOTH)
    assert legs(decision) == {"b": "1.000"}
    assert totals(decision) == {"a": pytest.approx(5), "b": pytest.approx(-1)}


def test_an_order_that_rests_goes_to_the_shorter_queue() -> None:
    made = Scene()
    made.book(A, bids=[(99.5, 3), (99, 6), (98, 50)], asks=[(101, 1)])
    made.book(B, bids=[(99, 1), (98.9, 50)], asks=[(101, 1)])
    decision = made.router(queue_bps=10).route(ask(price="99"), BOTH)
    assert legs(decision) == {"b": "1.000"}
    assert [score.parts["queue"] for score in decision.scores] == pytest.approx([9, 5])
    sale = made.router(queue_bps=10).route(ask(Side.SELL, price="101"), BOTH)
    assert [score.parts["queue"] for score in sale.scores] == pytest.approx([5, 5])


def test_what_is_to_trade_at_once_pays_as_a_taker_and_waits_in_no_queue() -> None:
    made = quoted()
    made.fees["a"] = FeeRates(maker=0.0, taker=0.002)
    request = ask(price="98", time_in_force=TimeInForce.IOC)
    decision = made.router(queue_bps=10).route(request, BOTH)
    assert legs(decision) == {"b": "1.000"}
    assert totals(decision) == {"a": pytest.approx(20), "b": pytest.approx(10)}


def test_post_only_orders_pass_by_where_they_would_take() -> None:
    made = quoted(a=(99, 101), b=(99, 102))
    request = ask(price="101", time_in_force=TimeInForce.POST_ONLY)
    decision = made.router().route(request, BOTH)
    assert legs(decision) == {"b": "1.000"}
    assert excluded(decision) == {"a": "at 101 it would take liquidity"}
    assert made.router().route(ask(price="102", time_in_force=TimeInForce.POST_ONLY), BOTH).legs == ()


def test_a_decision_can_be_kept() -> None:
    decision = quoted(a=(99, 101)).router().route(ask(), BOTH)
    kept = msgspec.json.decode(msgspec.json.encode(decision))
    assert kept["legs"][0]["quantity"] == "1.000"
    assert kept["scores"][1] == {"venue": "b", "total": None, "parts": {}, "excluded": "nothing was seen of it yet"}
    assert set(kept["scores"][0]["parts"]) == {"price", "slippage", "fee", "queue", "latency", "rate_limit"}


def test_money_stays_exact() -> None:
    fine = listed("a", lot="0.00000001")
    made = quoted(a=(99, 101))
    [leg] = made.router().route(ask(quantity="0.12345678"), [fine]).legs
    assert leg.quantity == Decimal("0.12345678")
