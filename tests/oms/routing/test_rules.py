"""Which orders a rule is for."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quantai.oms.routing import Route
from tests.oms.routing.scene import D


@pytest.mark.parametrize(
    ("rule", "strategy", "symbol", "concerns"),
    [
        (Route("a"), "alpha", "BTC/USDT", True),
        (Route("a", strategy="alpha"), "alpha", "BTC/USDT", True),
        (Route("a", strategy="alpha"), "beta", "BTC/USDT", False),
        (Route("a", symbol="BTC/USDT"), "beta", "BTC/USDT", True),
        (Route("a", symbol="BTC/USDT"), "alpha", "ETH/USDT", False),
        (Route("a", strategy="alpha", symbol="BTC/USDT"), "alpha", "ETH/USDT", False),
    ],
)
def test_a_rule_concerns_what_it_names(rule: Route, strategy: str, symbol: str, concerns: bool) -> None:
    assert rule.concerns(strategy, symbol) is concerns


@pytest.mark.parametrize(("size", "fits"), [("0.999", False), ("1", True), ("2", True), ("2.001", False)])
def test_limits_are_inclusive(size: str, fits: bool) -> None:
    assert Route("a", min_quantity=D(1), max_quantity=D(2)).fits(D(size), None) is fits
    assert Route("a", min_notional=D(1), max_notional=D(2)).fits(D(7), D(size)) is fits


def test_a_limit_on_one_side_leaves_the_other_open() -> None:
    assert Route("a", min_quantity=D(1)).fits(D(10**9), None)
    assert Route("a", max_quantity=D(1)).fits(Decimal("1E-9"), None)
    assert Route("a").fits(D(5), None)


def test_both_quantity_and_notional_must_fit() -> None:
    rule = Route("a", min_quantity=D(1), max_notional=D(100))
    assert rule.fits(D(1), D(100))
    assert not rule.fits(D("0.5"), D(100))
    assert not rule.fits(D(1), D(101))


def test_what_a_rule_needs_to_know() -> None:
    assert not Route("a", "s", "BTC/USDT").needs_size
    for rule in (Route("a", min_quantity=D(1)), Route("a", max_quantity=D(1))):
        assert rule.needs_size
        assert not rule.needs_notional
    for rule in (Route("a", min_notional=D(1)), Route("a", max_notional=D(1))):
        assert rule.needs_size
        assert rule.needs_notional


def test_a_rule_tells_itself() -> None:
    assert str(Route("a")) == "every order → a"
    assert str(Route("a", "alpha", "BTC/USDT")) == "alpha, BTC/USDT → a"
    assert str(Route("a", min_quantity=D("1.50"), max_notional=D("1E+3"))) == "quantity from 1.5, notional to 1000 → a"
    assert str(Route("a", min_quantity=D(1), max_quantity=D(2))) == "quantity from 1 to 2 → a"
