"""Routing by rule."""

from __future__ import annotations

import msgspec
import pytest

from quantai.core.errors import ConfigError, OrderError
from quantai.oms.routing import ROUTERS, Route, Router, SimpleRouter
from quantai.oms.routing.smart import SmartRouter
from tests.oms.routing.scene import A, B, D, Scene, ask, listed


def test_the_only_venue_needs_no_rule() -> None:
    decision = SimpleRouter().route(ask(quantity="1.2345"), [B])
    [leg] = decision.legs
    assert leg.instrument is B
    assert leg.quantity == D("1.234")
    assert decision.reason == "the only venue there is"
    assert SimpleRouter().fixed("alpha", "BTC/USDT", [B]) is B


def test_two_venues_need_a_rule() -> None:
    message = r"alpha can trade BTC/USDT at a, b: pass venue=\.\.\. or add a rule under routing\.rules"
    with pytest.raises(OrderError, match=message):
        SimpleRouter().route(ask(), [A, B])
    with pytest.raises(OrderError, match=message):
        SimpleRouter([Route("kraken")]).fixed("alpha", "BTC/USDT", [A, B])


def test_an_instrument_that_is_not_the_strategys_cannot_be_routed() -> None:
    message = "alpha may not trade BTC/USDT: it is not among the strategy's instruments"
    with pytest.raises(OrderError, match=message):
        SimpleRouter([Route("b")]).route(ask(), [])
    with pytest.raises(OrderError, match=message):
        SimpleRouter([Route("b")]).fixed("alpha", "BTC/USDT", [])


def test_the_first_rule_that_matches_decides() -> None:
    router = SimpleRouter(
        [
            Route("kraken"),  # has none of the candidates
            Route("a", strategy="beta"),
            Route("a", symbol="ETH/USDT"),
            Route("b", strategy="alpha", symbol="BTC/USDT"),
            Route("a"),
        ]
    )
    for strategy, chosen in (("alpha", B), ("beta", A), ("gamma", A)):
        assert router.fixed(strategy, "BTC/USDT", [A, B]) is chosen
        assert router.route(ask(strategy=strategy), [A, B]).legs[0].instrument is chosen


def test_rules_go_by_size() -> None:
    router = Scene().bound(SimpleRouter([Route("a", max_quantity=D(1)), Route("b")]))
    assert router.route(ask(quantity="1"), [A, B]).legs[0].instrument is A
    assert router.route(ask(quantity="1.001"), [A, B]).legs[0].instrument is B


def test_rules_go_by_what_an_order_is_worth_at_its_limit_or_at_the_market() -> None:
    scene = Scene()
    router = scene.bound(SimpleRouter([Route("b", min_notional=D(1_000)), Route("a")]))
    assert router.route(ask(quantity="10", price="100"), [A, B]).legs[0].instrument is B
    assert router.route(ask(quantity="10", price="99.99"), [A, B]).legs[0].instrument is A
    scene.quote(B, 99, 101)
    assert router.route(ask(quantity="10"), [A, B]).legs[0].instrument is B
    assert router.route(ask(quantity="9.999"), [A, B]).legs[0].instrument is A


def test_a_rule_by_notional_needs_a_price() -> None:
    router = Scene().bound(SimpleRouter([Route("b", min_notional=D(1_000)), Route("a")]))
    with pytest.raises(OrderError, match="goes by notional, and no price of b:BTC/USDT is known yet"):
        router.route(ask(), [A, B])


def test_where_size_decides_no_venue_is_fixed() -> None:
    router = SimpleRouter([Route("b", symbol="ETH/USDT"), Route("a", max_quantity=D(1)), Route("b")])
    with pytest.raises(OrderError, match="alpha can trade BTC/USDT at a, b, and the order decides: pass venue"):
        router.fixed("alpha", "BTC/USDT", [A, B])
    assert router.fixed("alpha", "BTC/USDT", [A]) is A


def test_a_decision_names_all_candidates_and_can_be_kept() -> None:
    decision = SimpleRouter([Route("b")]).route(ask(quantity="2"), [A, B])
    assert [(score.venue, score.total, score.excluded) for score in decision.scores] == [
        ("a", None, "the rule every order → b decides"),
        ("b", 0.0, ""),
    ]
    assert decision.reason == "the rule every order → b"
    kept = msgspec.json.decode(msgspec.json.encode(decision))
    assert kept["legs"][0]["quantity"] == "2.000"
    assert kept["legs"][0]["instrument"]["venue"] == "b"


def test_routers_are_found_by_name() -> None:
    assert ROUTERS.find("simple") is SimpleRouter
    assert ROUTERS.find("smart") is SmartRouter
    assert ROUTERS.group == "quantai.routers"
    with pytest.raises(ConfigError, match="no router is called 'smrat'; did you mean 'smart'"):
        ROUTERS.find("smrat")


def test_what_routers_are_given() -> None:
    assert not SimpleRouter.opens_parents
    assert not SimpleRouter.wants_books
    assert SmartRouter.opens_parents
    assert SmartRouter.wants_books


def test_a_router_of_ones_own_must_route() -> None:
    class Lazy(Router):
        """Has parameters, and nothing else."""

        patience: int = 1

    with pytest.raises(OrderError, match=r"Lazy does not define route\(\)"):
        Lazy(patience=2).route(ask(), [A])
    assert Lazy(rules=[Route("a")], patience=2).fixed("alpha", "BTC/USDT", [listed("z")]).venue == "z"
