"""Venues that are out of the question for an order."""

from __future__ import annotations

import math

import pytest

from quantai.core.enums import InstrumentStatus, Side
from quantai.events import InstrumentStatusEvent
from quantai.exchanges.execution import VenueHealth
from quantai.oms.routing import Route
from tests.oms.routing.scene import BOTH, A, B, D, Scene, ask, excluded, legs, listed, quoted


def test_a_venue_that_is_not_connected_is_out() -> None:
    made = quoted()
    made.healths["a"] = VenueHealth(is_connected=False)
    decision = made.router().route(ask(), BOTH)
    assert legs(decision) == {"b": "1.000"}
    assert excluded(decision) == {"a": "not connected"}
    assert [score.venue for score in decision.scores] == ["b", "a"]


def test_an_instrument_that_does_not_trade_is_out() -> None:
    made = quoted()
    made.books.on_status(InstrumentStatusEvent("a", "BTC/USDT", 1, 1, InstrumentStatus.HALTED))
    assert excluded(made.router().route(ask(), BOTH)) == {"a": "the instrument is halted"}


def test_a_venue_without_rate_limit_left_is_out() -> None:
    made = quoted()
    made.healths["a"] = VenueHealth(rate_headroom=0.04)
    decision = made.router(min_rate_headroom=0.05).route(ask(), BOTH)
    assert excluded(decision) == {"a": "4% of its rate limit is left, min_rate_headroom is 5%"}
    made.healths["a"] = VenueHealth(rate_headroom=0.05)
    assert excluded(made.router(min_rate_headroom=0.05).route(ask(), BOTH)) == {}


def test_a_stale_market_is_out() -> None:
    made = quoted()
    made.clock.set_time(made.clock.now_ns() + 2_000_000_000)
    made.quote(B, 99, 102)
    assert excluded(made.router(max_quote_age="2s").route(ask(), BOTH)) == {}
    decision = made.router(max_quote_age="1999ms").route(ask(), BOTH)
    assert excluded(decision) == {"a": "nothing was seen of it for 2.0 s"}
    made.book(A, asks=[(101, 5)])
    assert excluded(made.router(max_quote_age="1s").route(ask(), BOTH)) == {}


def test_a_market_nobody_saw_is_out() -> None:
    decision = quoted(a=(99, 101)).router().route(ask(), BOTH)
    assert excluded(decision) == {"b": "nothing was seen of it yet"}


@pytest.mark.parametrize(("price", "size"), [(0.0, 1.0), (-1.0, 1.0), (math.nan, 1.0), (math.inf, 1.0), (101.0, 0.0)])
def test_a_quote_that_is_none_is_out(price: float, size: float) -> None:
    made = quoted(b=(99, 101))
    made.quote(A, 99, price, ask_size=size)
    assert excluded(made.router().route(ask(), BOTH)) == {"a": "no quote"}


@pytest.mark.parametrize("level", [(math.nan, 5), (102.0, math.nan), (math.inf, 5), (102.0, math.inf), (0.0, 5)])
def test_a_book_ends_where_it_makes_no_sense(level: tuple[float, float]) -> None:
    made = quoted(b=(99, 102))
    made.book(A, bids=[(99, 1)], asks=[(101, 1), level, (103, 5)])
    decision = made.router(slippage_bps=200).route(ask(quantity="2"), BOTH)
    assert legs(decision) == {"a": "1.000", "b": "1.000"}
    assert all(math.isfinite(score.total) for score in decision.scores if score.total is not None)


@pytest.mark.parametrize(("side", "shown"), [(Side.BUY, "99 and 101"), (Side.SELL, "101 and 99")])
def test_a_crossed_quote_is_out(side: Side, shown: str) -> None:
    made = quoted(a=(101, 99), b=(99, 102))
    assert excluded(made.router().route(ask(side), BOTH)) == {"a": f"its quote is crossed: {shown}"}
    made = quoted(a=(100, 100), b=(99, 102))
    assert excluded(made.router().route(ask(side), BOTH)) == {}


def test_an_empty_side_is_out() -> None:
    made = quoted(b=(99, 101))
    made.book(A, bids=[(99, 1)])
    assert excluded(made.router().route(ask(), BOTH)) == {"a": "no quote"}


def test_a_venue_it_came_back_from_is_out() -> None:
    decision = quoted().router().route(ask(avoid=("a",)), BOTH)
    assert legs(decision) == {"b": "1.000"}
    assert excluded(decision) == {"a": "it came back from there"}


def test_another_contract_of_that_name_is_out() -> None:
    made = quoted(a=(99, 101), b=(99, 100), c=(99, 100))
    other = listed("b", multiplier=D("0.01"))
    assert excluded(made.router().route(ask(), [A, other])) == {"b": "its contract is not that of a:BTC/USDT"}
    assert legs(made.router().route(ask(), [other, listed("c", multiplier=D("0.01"))])) == {"b": "1.000"}


def test_an_order_too_small_for_a_venue_passes_it_by() -> None:
    made = quoted()
    small = listed("a", min_quantity=D(2))
    decision = made.router().route(ask(), [small, B])
    assert legs(decision) == {"b": "1.000"}
    assert excluded(decision) == {"a": "1 is below its min_quantity 2"}
    cheap = listed("a", min_notional=D(102))
    assert excluded(made.router().route(ask(), [cheap, B])) == {"a": "1 at 101 is below its min_notional 102"}
    assert excluded(made.router().route(ask(price="102"), [cheap, B])) == {}


def test_where_no_venue_is_left_nothing_is_routed() -> None:
    decision = Scene().router().route(ask(avoid=("b",)), BOTH)
    assert decision.legs == ()
    assert decision.reason == "no venue can take it: a: nothing was seen of it yet; b: it came back from there"
    assert len(decision.scores) == 2


def test_a_rule_leaves_one_venue() -> None:
    made = quoted()
    router = made.router(rules=[Route("b", min_quantity=D(1))])
    decision = router.route(ask(), BOTH)
    assert legs(decision) == {"b": "1.000"}
    assert excluded(decision) == {"a": "the rule quantity from 1 → b decides"}
    assert legs(router.route(ask(quantity="0.999"), BOTH)) == {"a": "0.999"}
    assert router.route(ask(avoid=("b",)), BOTH).legs == ()
    other = listed("b", multiplier=D("0.01"))
    assert legs(router.route(ask(), [A, other])) == {"b": "1.000"}
