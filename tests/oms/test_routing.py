"""Which venue an order goes to."""

from __future__ import annotations

import pytest

from quantai.core.errors import OrderError
from quantai.instruments import Instrument
from quantai.oms.routing import Route, SimpleRouter
from tests.oms.world import D


def at(venue: str) -> Instrument:
    return Instrument(venue=venue, symbol="BTC/USDT", tick_size=D("0.1"), lot_size=D("0.1"))


BINANCE, OKX = at("binance"), at("okx")


def test_the_only_venue_needs_no_rule() -> None:
    assert SimpleRouter().route("alpha", "BTC/USDT", [OKX]) is OKX


def test_two_venues_need_a_rule() -> None:
    with pytest.raises(OrderError, match="alpha can trade BTC/USDT at binance, okx: pass venue"):
        SimpleRouter().route("alpha", "BTC/USDT", [BINANCE, OKX])


def test_an_instrument_that_is_not_the_strategys_cannot_be_routed() -> None:
    with pytest.raises(OrderError, match="alpha may not trade BTC/USDT"):
        SimpleRouter([Route("okx")]).route("alpha", "BTC/USDT", [])


def test_the_first_rule_that_matches_decides() -> None:
    router = SimpleRouter(
        [
            Route("kraken"),  # has none of the candidates
            Route("binance", strategy="beta"),
            Route("binance", symbol="ETH/USDT"),
            Route("okx", strategy="alpha", symbol="BTC/USDT"),
            Route("binance"),
        ]
    )
    assert router.route("alpha", "BTC/USDT", [BINANCE, OKX]) is OKX
    assert router.route("beta", "BTC/USDT", [BINANCE, OKX]) is BINANCE
    assert router.route("gamma", "BTC/USDT", [BINANCE, OKX]) is BINANCE
