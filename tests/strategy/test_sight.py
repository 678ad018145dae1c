"""What a strategy can see of what may be traded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quantai.core.errors import NumberError, OrderError
from quantai.events import TickEvent
from quantai.strategy import BaseStrategy
from tests.oms.world import BTC, PERP, SPOT, D
from tests.strategy.stage import Stage


class Idle(BaseStrategy):
    """Looks and does nothing."""

    def on_tick(self, tick: TickEvent) -> None: ...


async def test_a_quantity_is_tradable_from_the_minima_of_its_venue_on() -> None:
    strategy = Idle()
    small = replace(SPOT, min_quantity=D("0.01"), min_notional=D(5))
    stage = await Stage(strategy, (small, PERP)).start()
    assert not strategy.is_tradable("BTC/USDT", 1)  # no price is known
    assert strategy.is_tradable("BTC/USDT", 1, price=100)
    await stage.tick(99, 101, SPOT)
    assert [strategy.is_tradable("BTC/USDT", q) for q in ("0.05", 0.0509, "0.0499", -0.05, 0)] == [
        True, True, False, True, False,
    ]  # fmt: skip
    assert not strategy.is_tradable("BTC/USDT", "0.05", price="99.99")
    assert not strategy.is_tradable("BTC/USDT", "0.009", price=10_000)  # below the least quantity
    await stage.tick(100, 100, PERP)
    assert strategy.is_tradable(PERP.symbol, "0.01", venue="okx")
    assert not strategy.is_tradable(PERP.symbol, "0.0099")  # less than a lot
    with pytest.raises(OrderError, match="ETH"):
        strategy.is_tradable("ETH/USDT", 1)
    with pytest.raises(NumberError):
        strategy.is_tradable("BTC/USDT", float("nan"))
    with pytest.raises(NumberError):
        strategy.is_tradable("BTC/USDT", 1, price="inf")


async def test_a_quantity_is_tradable_where_one_of_the_possible_venues_takes_it() -> None:
    strategy = Idle()
    stage = await Stage(strategy, (SPOT, BTC)).start()
    await stage.tick(99, 101, SPOT)
    await stage.tick(99, 101, BTC)
    assert strategy.is_tradable("BTC/USDT", "0.0005")  # a lot of okx
    assert not strategy.is_tradable("BTC/USDT", "0.0005", venue="binance")
    assert not strategy.is_tradable("BTC/USDT", "0.00005")
